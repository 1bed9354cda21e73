/** Milliseconds since the Unix epoch. */
export type Instant = number
/** A length of time in milliseconds. */
export type Ms = number

/**
 * The only source of time. Everything that waits or stamps takes one, so that tests own time
 * (engine/testing/fake-clock.ts) and no test sleeps.
 */
export interface Clock {
  now(): Instant
  /** Never goes back; for measuring lengths. */
  monotonic(): Ms
  /** Resolves after `ms`, or at once when `signal` aborts: the caller looks at its signal. Never rejects. */
  sleep(ms: Ms, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      // setTimeout fires at once for delays beyond 2^31-1 ms (24.8 days); cut them there, callers loop.
      const timer = setTimeout(done, Math.min(Math.max(0, ms), 0x7fffffff))
      signal?.addEventListener('abort', done, { once: true })
    })
  },
}

export function isoTime(at: Instant): string {
  return new Date(at).toISOString()
}
