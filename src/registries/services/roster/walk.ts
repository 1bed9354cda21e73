/**
 * Looks through all slots, the newest registered first, in turns of a few milliseconds. What is learnt or forgotten
 * between two turns is in nobody's way: places are told by registration time, type and id, which never change.
 */
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { Standing } from './order.ts'
import type { Roster, Slot } from './roster.ts'

export interface WalkParts {
  readonly roster: Roster
  readonly clock: Pick<Clock, 'monotonic'>
  /** Lets others have their turn: setImmediate. */
  readonly pause: () => Promise<void>
  /** Length of a turn; default 4 ms. */
  readonly turn?: Ms
  /** Slots between two looks at the clock; default 2,048, which take a tenth of a millisecond. */
  readonly stride?: number
}

export interface Stretch {
  /** Only those before this one; null: from the newest on. */
  readonly below: Standing | null
  /** Down to this one; null: to the oldest. */
  readonly downTo: Standing | null
  /** False ends the walk. */
  readonly visit: (slot: Slot) => boolean
  /** Time that it took goes off; given `stops`, the walk ends when there is none. */
  readonly budget: { left: Ms }
  readonly stops: boolean
  readonly signal: AbortSignal | undefined
}

/** False: the budget was used up. */
export type Walk = (stretch: Stretch) => Promise<boolean>

export function createWalk({ roster, clock, pause, turn = 4, stride = 2_048 }: WalkParts): Walk {
  const { order } = roster

  return async ({ below, downTo, visit, budget, stops, signal }) => {
    let began = clock.monotonic()
    let slots = order.slots()
    let at = (below === null ? slots.length : order.before(below)) - 1
    let end = downTo === null ? 0 : order.before(downTo)
    let seen = roster.version()
    for (;;) {
      for (const stop = Math.max(end, at - stride + 1); at >= stop; at--) {
        if (visit(slots[at]!)) continue
        budget.left -= clock.monotonic() - began
        return true
      }
      const took = clock.monotonic() - began
      if (at < end || took >= turn) budget.left -= took
      if (at < end) return true
      if (took < turn) continue
      if (stops && budget.left <= 0) return false
      const next = order.standingOf(slots[at]!)
      await pause()
      signal?.throwIfAborted()
      began = clock.monotonic()
      if (roster.version() === seen) continue
      seen = roster.version()
      slots = order.slots()
      at = order.upTo(next) - 1
      end = downTo === null ? 0 : order.before(downTo)
    }
  }
}
