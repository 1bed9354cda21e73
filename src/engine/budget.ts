/** The removal budget of a target: a token bucket. Pure. */
import type { Instant } from '../kernel/clock.ts'
import type { RemovalBudget } from './engine.ts'

export const standardBudget: RemovalBudget = { least: 5, share: 0.3, over: 3_600_000 }

export interface Bucket {
  readonly left: number
  readonly at: Instant
}

/** Most removals at once for a target that holds `keys` keys. */
export function capacity(budget: RemovalBudget, keys: number): number {
  return Math.max(budget.least, Math.floor(budget.share * keys))
}

/** The bucket at `now`: refilled evenly, full after `over`. A bucket that was never used is full. */
export function refill(bucket: Bucket | null, budget: RemovalBudget, keys: number, now: Instant): Bucket {
  const most = capacity(budget, keys)
  if (bucket === null) return { left: most, at: now }
  // A clock that went back refills nothing.
  const gained = (Math.max(0, now - bucket.at) / budget.over) * most
  return { left: Math.min(most, bucket.left + gained), at: now }
}
