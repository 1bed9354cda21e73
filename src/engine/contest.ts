/**
 * Somebody else writes what we write: each repair is undone again. The first repairs go at once, the
 * later ones wait, longer each time, so that two programs that disagree make no storm and a person sees it.
 */
import type { Instant, Ms } from '../kernel/clock.ts'

/** Kept with a delivery; survives the repairs. */
export type Contest = {
  /** How often what we wrote was undone, one after another. */
  readonly times: number
  readonly at: Instant
}

/** Undone this often, a repair still goes at once: a restore, a person's mistake, a deploy that overlaps. */
const freeTimes = 2
const firstWait: Ms = 5_000
const longestWait: Ms = 3_600_000
/** After this much peace, and four times the last wait, the next drift is the first one again. */
const peace: Ms = 600_000

/** How long a repair waits after being undone so many times. */
export function waitOf(times: number): Ms {
  return times <= freeTimes ? 0 : Math.min(longestWait, firstWait * 2 ** (times - freeTimes - 1))
}

/** Once more undone. */
export function contestAfter(before: Contest | null, now: Instant): Contest {
  const over = before === null || now - before.at > Math.max(peace, 4 * waitOf(before.times))
  return { times: over ? 1 : before.times + 1, at: now }
}
