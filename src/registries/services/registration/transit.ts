/** Transitions: of one, of one with all below it, of many. */
import type { Stored } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Trigger } from '../lifecycle.ts'
import type { ServiceRef } from '../model.ts'
import type { Slot } from '../roster/roster.ts'
import type { ServiceRow } from '../tables.ts'
import { allOf, mostRounds, tooOften, type Ground } from './ground.ts'
import type { Registrations, TransitOptions, TransitRefusal } from './registrations.ts'
import { readsRow, refusal, stepOf, type Step } from './steps.ts'
import type { Turn } from './turns.ts'

/** Facts of one commit: more would hold up those of others. */
const mostAtOnce = 2_000

type Rows = readonly (Stored<ServiceRow> | null)[] | null

export function createTransits(
  ground: Ground,
  below: (slot: Slot) => readonly Slot[],
): Pick<Registrations, 'transit' | 'transitAll'> {
  const { roster, ledger, turns, arrivals, isGone } = ground
  const refOf = (slot: Slot): ServiceRef => ({ type: roster.typeOf(slot), id: roster.idOf(slot) })

  /** Nobody is on the way to a place below what is held. */
  async function arrived(): Promise<void> {
    // Those that begin later find their parent held.
    await Promise.all(arrivals)
    await ledger.sure()
  }

  /**
   * All that are registered below it by now are held, too, and nobody can arrive there any more. false: one of them is
   * held by another, which this one must not wait for: that may wait for one of ours.
   */
  async function holdBelow(turn: Turn, slot: Slot): Promise<boolean> {
    for (;;) {
      await arrived()
      const more = below(slot).filter((one) => !turn.has(one))
      if (more.length === 0) return true
      if (more.some((one) => turns.busy(one) !== undefined)) return false
      for (const one of more) turn.add(one)
    }
  }

  /** In memory; parts of a cascade that is written in several steps are, too, when a later one fails. */
  function known({ slot, ref, from, to, firstSeen }: Step, at: number, seq: number): void {
    if (to === 'gone') ledger.forget(slot, ref, seq)
    else {
      roster.turn(slot, to, at, firstSeen, seq)
      ground.liveness.changed(slot)
    }
    ground.transited(ref.type, from, to)
  }

  /** The steps that were written; of an atomic write all or none. */
  async function write(
    steps: readonly Step[],
    { at, fence }: TransitOptions,
    atomic: boolean,
  ): Promise<readonly Step[]> {
    const facts = steps.map(({ fact }) => fact)
    const results = await ledger.commit(facts, () => steps.map(({ ref }) => ref), { atomic, ...(fence && { fence }) })
    const written: Step[] = []
    for (const [n, seq] of results.entries()) {
      const step = steps[n]!
      if (seq === 'conflict') continue
      if (typeof seq === 'number') known(step, at, seq)
      written.push(step)
    }
    return written
  }

  async function rowsOf(members: readonly Slot[], trigger: Trigger): Promise<Rows> {
    return readsRow(trigger) ? await ledger.read(members.map(refOf)) : null
  }

  /** Throws where the service itself is refused, or one below it is in use. */
  function stepsOf(members: readonly Slot[], rows: Rows, trigger: Trigger, options: TransitOptions): Step[] {
    const steps: Step[] = []
    for (const [n, slot] of members.entries()) {
      const row = rows?.[n] ?? null
      if (rows !== null && row === null) continue
      const step = stepOf(ground, slot, row, trigger, options)
      if (step instanceof AppError) {
        const why = step.data['why'] as TransitRefusal
        if (n === 0 || why === 'service-in-use') throw step
      } else if (step !== 'same') steps.push(step)
    }
    // Never a child whose parent is gone already, should it end half way.
    return trigger === 'delete' || trigger === 'purge' ? steps.toReversed() : steps
  }

  function refuseWithChildren(slot: Slot, row: Stored<ServiceRow>): void {
    if (roster.columns.children[slot]! > 0) throw refusal(row, row.status, 'purge', 'service-has-children')
  }

  /** null: something moved meanwhile, decide anew. */
  async function attempt(turn: Turn, slot: Slot, trigger: Trigger, options: TransitOptions, done: Slot[]) {
    if (isGone(slot)) throw notFound()
    if (options.cascade || trigger === 'purge') {
      // What others registered below it by now.
      if (ledger.shared) await ledger.follow()
      if (!options.cascade) await arrived()
      else if (!(await holdBelow(turn, slot))) return null
      if (isGone(slot)) throw notFound()
    }
    const members = options.cascade ? below(slot) : [slot]
    const rows = await rowsOf(members, trigger)
    const row = rows?.[0]
    if (row === null) throw notFound()
    // Not once a part of it is written: that moved it.
    const ifSeq = done.length === 0 ? options.ifSeq : undefined
    if (ifSeq !== undefined && ifSeq !== (row?.seq ?? roster.columns.seq[slot])) throw moved()
    if (trigger === 'purge' && !options.cascade) refuseWithChildren(slot, row!)
    const steps = stepsOf(members, rows, trigger, options)
    for (let n = 0; n < steps.length; n += mostAtOnce) {
      const some = steps.slice(n, n + mostAtOnce)
      const written = await write(some, options, true)
      for (const one of written) done.push(one.slot)
      if (written.length < some.length) {
        await ledger.read(some.map(({ ref }) => ref))
        return null
      }
    }
    return done.length === 0 ? ({ is: 'same' } as const) : ({ is: 'done', slots: done } as const)
  }

  /** What is refused, and what is so already, is left out. */
  async function changeHeld(slots: readonly Slot[], trigger: Trigger, options: TransitOptions): Promise<Slot[]> {
    const done: Slot[] = []
    if (trigger === 'purge') {
      if (ledger.shared) await ledger.follow()
      await arrived()
    }
    let left = slots.filter((slot) => !isGone(slot))
    for (let rounds = 0; left.length > 0 && rounds < mostRounds; rounds += 1) {
      const members = trigger === 'purge' ? left.filter((slot) => roster.columns.children[slot] === 0) : left
      const rows = await rowsOf(members, trigger)
      const steps: Step[] = []
      for (const [n, slot] of members.entries()) {
        const row = rows?.[n] ?? null
        if (rows !== null && row === null) continue
        const step = stepOf(ground, slot, row, trigger, options)
        if (step !== 'same' && !(step instanceof AppError)) steps.push(step)
      }
      if (steps.length === 0) break
      const written = new Set((await write(steps, options, false)).map(({ slot }) => slot))
      done.push(...written)
      const missed = steps.filter(({ slot }) => !written.has(slot))
      if (missed.length > 0) await ledger.read(missed.map(({ ref }) => ref))
      left = missed.map(({ slot }) => slot).filter((slot) => !isGone(slot))
    }
    return done
  }

  async function changeSome(slots: readonly Slot[], trigger: Trigger, options: TransitOptions): Promise<Slot[]> {
    if (slots.length === 0) return []
    const turn = await turns.wait(slots)
    try {
      if (ledger.doubts()) await ledger.sure()
      return await changeHeld(slots, trigger, options)
    } finally {
      turn.end()
    }
  }

  return {
    async transit(slot, trigger, options) {
      const done: Slot[] = []
      for (let rounds = 0; rounds < mostRounds; rounds += 1) {
        if (isGone(slot)) throw notFound()
        const turn = await turns.wait(options.cascade ? below(slot) : [slot])
        try {
          // Now, for whoever had the turn before may have left a doubt.
          await ledger.sure()
          const before = done.length
          const transited = await attempt(turn, slot, trigger, options, done)
          if (transited === null) continue
          // Others may have registered below it until it was revoked; nobody can any more.
          const again = ledger.shared && options.cascade === true && trigger === 'revoke'
          if (!again || done.length === before) return transited
        } finally {
          turn.end()
        }
      }
      throw tooOften()
    },
    async transitAll(slots, trigger, options) {
      const done: Slot[] = []
      const all = [...new Set(slots)]
      for (let n = 0; n < all.length; n += mostAtOnce) {
        const some = all.slice(n, n + mostAtOnce)
        const free = some.filter((slot) => turns.busy(slot) === undefined)
        const busy = some.filter((slot) => turns.busy(slot) !== undefined)
        // Those that nobody changes do not wait for the others.
        const both = await allOf([changeSome(free, trigger, options), changeSome(busy, trigger, options)])
        for (const changed of both) done.push(...changed)
      }
      return done
    },
  }
}

export function notFound(): AppError {
  return new AppError('request.not-found', 'The service is not registered any more.')
}

export function moved(): AppError {
  return new AppError('request.precondition', 'The service changed since it was read: read it again, and decide anew.')
}
