import type { Clock, Ms } from '../../../kernel/clock.ts'

/** Time for what talks to real sockets: pauses pass at once, and only what bounds a wait takes the time it says. */
export interface HastyClock extends Clock {
  /** Pauses that passed, in order. */
  readonly slept: readonly Ms[]
}

/** A pause is shorter than this, a bound longer. */
const longestPause: Ms = 20_000

export function createHastyClock(): HastyClock {
  const began = performance.now()
  let skipped = 0
  const slept: Ms[] = []
  const monotonic = () => performance.now() - began + skipped
  return {
    slept,
    now: () => Math.round(1_795_000_000_000 + monotonic()),
    monotonic,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        if (ms < longestPause) {
          slept.push(ms)
          skipped += ms
          setImmediate(resolve)
          return
        }
        const done = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', done)
          resolve()
        }
        const timer = setTimeout(done, ms)
        signal?.addEventListener('abort', done, { once: true })
      })
    },
  }
}
