import type { Clock, Ms } from '../../../kernel/clock.ts'

/** So many at once, and then so many a second. */
export interface Allowance {
  /** 0: taken; else how long until there is one to take. */
  take(): Ms
}

export function createAllowance(options: { atOnce: number; perSecond: number }, clock: Clock): Allowance {
  const perMs = options.perSecond / 1000
  let left = options.atOnce
  let at = clock.monotonic()
  return {
    take() {
      const now = clock.monotonic()
      left = Math.min(options.atOnce, left + (now - at) * perMs)
      at = now
      if (left < 1) return Math.max(1, (1 - left) / perMs)
      left -= 1
      return 0
    },
  }
}
