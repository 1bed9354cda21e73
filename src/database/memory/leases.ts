import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import type { Fence, Lease } from '../../engine/journal.ts'

export interface Leases {
  lease(sync: string, holder: string, length: Ms): Lease | null
  unlease(fence: Fence): void
  holds(fence: Fence): boolean
}

/** holder null: given up, the token stays used. */
interface Held {
  readonly holder: string | null
  readonly token: number
  readonly until: Instant
}

export function createLeases(clock: Clock): Leases {
  const held = new Map<string, Held>()
  const holds = ({ sync, token }: Fence) => {
    const lease = held.get(sync)
    return lease !== undefined && lease.holder !== null && lease.token === token
  }
  return {
    lease(sync, holder, length) {
      const now = clock.now()
      const last = held.get(sync)
      const mine = last?.holder === holder
      if (last && last.holder !== null && !mine && last.until > now) return null
      // Expired and not taken by anybody meanwhile is as good as renewed.
      const token = mine ? last.token : (last?.token ?? 0) + 1
      const until = now + length
      held.set(sync, { holder, token, until })
      return { sync, token, until }
    },
    unlease(fence) {
      if (holds(fence)) held.set(fence.sync, { holder: null, token: fence.token, until: 0 })
    },
    holds,
  }
}
