/** Transitions of one, and of one with all below it. */
import type { Stored } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Trigger } from '../lifecycle.ts'
import type { Slot } from '../roster/roster.ts'
import type { ServiceRow } from '../tables.ts'
import { mostAtOnce, type Change, type Rows } from './change.ts'
import { mostRounds, tooOften, type Ground } from './ground.ts'
import type { Registrations, TransitOptions, TransitRefusal } from './registrations.ts'
import { refusal, stepOf, type Step } from './steps.ts'
import type { Turn } from './turns.ts'

export function createTransit(
  ground: Ground,
  { arrived, rowsOf, write }: Change,
  below: (slot: Slot) => readonly Slot[],
): Registrations['transit'] {
  const { roster, ledger, turns, isGone } = ground

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

  return async (slot, trigger, options) => {
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
  }
}

export function notFound(): AppError {
  return new AppError('request.not-found', 'The service is not registered any more.')
}

export function moved(): AppError {
  return new AppError('request.precondition', 'The service changed since it was read: read it again, and decide anew.')
}
