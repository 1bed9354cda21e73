import type { Ms } from './clock.ts'

/** A number in [0, 1). Passed in, so that tests decide. */
export type Random = () => number

export interface Backoff {
  /** Upper bound of the first wait. */
  readonly first: Ms
  /** Upper bound of every wait. */
  readonly most: Ms
}

/**
 * Full jitter: anywhere between 0 and min(most, first × 2^attempt), so that many callers that
 * failed together do not come back together. Whole milliseconds, as instants are stored.
 * `attempt` counts from 0.
 */
export function fullJitter(attempt: number, backoff: Backoff, random: Random): Ms {
  return Math.round(random() * Math.min(backoff.most, backoff.first * 2 ** Math.min(attempt, 40)))
}

/** `length` moved by up to ± `share` of itself, in whole milliseconds. */
export function spread(length: Ms, share: number, random: Random): Ms {
  return Math.round(length * (1 + (random() * 2 - 1) * share))
}
