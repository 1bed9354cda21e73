import type { Clock, Ms } from '../../../kernel/clock.ts'

/** Time for what talks to real sockets: it moves only by what somebody sleeps, at once, and by what a test passes over. */
export interface QuickClock extends Clock {
  /** What was slept, in order. */
  readonly slept: readonly Ms[]
  pass(ms: Ms): void
}

export function createQuickClock(): QuickClock {
  let now = 1_700_000_000_000
  const slept: Ms[] = []
  return {
    slept,
    now: () => now,
    monotonic: () => now,
    pass(ms) {
      now += ms
    },
    async sleep(ms) {
      slept.push(ms)
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      now += ms
    },
  }
}
