/** Transitions of many at once, each for itself. */
import { AppError } from '../../../kernel/errors.ts'
import type { Trigger } from '../lifecycle.ts'
import type { Slot } from '../roster/roster.ts'
import { mostAtOnce, type Change } from './change.ts'
import { allOf, mostRounds, type Ground } from './ground.ts'
import type { Registrations, TransitOptions } from './registrations.ts'
import { stepOf, type Step } from './steps.ts'

export function createTransitAll(ground: Ground, { arrived, rowsOf, write }: Change): Registrations['transitAll'] {
  const { roster, ledger, turns, isGone } = ground

  /** What is refused, and what is so already, is left out. */
  async function changeHeld(slots: readonly Slot[], trigger: Trigger, options: TransitOptions): Promise<Slot[]> {
    const done: Slot[] = []
    if (trigger === 'purge') await arrived()
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

  return async (slots, trigger, options) => {
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
  }
}
