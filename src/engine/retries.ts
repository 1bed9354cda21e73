/** When what failed is tried again. */
import type { Clock, Instant } from '../kernel/clock.ts'
import { fullJitter, type Random } from '../kernel/retry.ts'
import { standardBackoff } from './context.ts'

/**
 * What fails in one round for the same time in a row is tried again at one time: many rounds with one change each would
 * finish many times, and a finish may be the build of a whole site. Targets of one sync still draw apart.
 */
export function createRetries(clock: Clock, random: Random): (attempts: number) => Instant {
  const drawn = new Map<number, Instant>()
  return (attempts) => {
    const now = clock.now()
    const known = drawn.get(attempts)
    if (known !== undefined && known > now) return known
    const due = now + fullJitter(attempts - 1, standardBackoff, random)
    drawn.set(attempts, due)
    return due
  }
}
