import type { Clock, Ms } from '../../kernel/clock.ts'

export interface RateLimit {
  /** Takes one request of the caller's allowance: 0, or how long to wait before the next try. */
  take(caller: string, cost?: number): Ms
}

interface Bucket {
  left: number
  at: Ms
}

/** Most callers remembered; one costs about 150 bytes. */
const mostCallers = 20_000

/** A token bucket per caller: `burst` at once, then `perSecond`. */
export function createRateLimit(options: { perSecond: number; burst: number }, clock: Clock): RateLimit {
  const perMs = options.perSecond / 1000
  const buckets = new Map<string, Bucket>()

  /** Full buckets say nothing; if that is not enough, the ones known longest go. */
  function makeRoom(now: Ms): void {
    for (const [caller, bucket] of buckets) {
      if (bucket.left + (now - bucket.at) * perMs >= options.burst) buckets.delete(caller)
    }
    let excess = buckets.size - mostCallers / 2
    for (const caller of buckets.keys()) {
      if (excess-- <= 0) return
      buckets.delete(caller)
    }
  }

  return {
    take(caller, cost = 1) {
      const now = clock.monotonic()
      let bucket = buckets.get(caller)
      if (bucket === undefined) {
        if (buckets.size >= mostCallers) makeRoom(now)
        bucket = { left: options.burst, at: now }
        buckets.set(caller, bucket)
      }
      bucket.left = Math.min(options.burst, bucket.left + (now - bucket.at) * perMs)
      bucket.at = now
      if (bucket.left < cost) return Math.max(1, (cost - bucket.left) / perMs)
      bucket.left -= cost
      return 0
    },
  }
}
