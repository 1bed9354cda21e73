/** When a repository is polled. Under construction: signatures hold. */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { Random } from '../../../kernel/retry.ts'

export type Timetable = { readonly every: Ms } | { readonly cron: string }

export interface NextAt {
  /** When it last was due, or was done; null: never. */
  readonly last: Instant | null
  readonly now: Instant
  /** What the phase of an interval is made of, the same over restarts: registry and repository. */
  readonly phaseKey: string
  /** Share of the interval by which it may come later, at most 0.1; 0: none. */
  readonly jitter: number
  readonly random: Random
}

/** null: none of what it reads; `scheduleFault` says why. */
export function parseTimetable(_text: string): Timetable | null {
  return null
}

/** "what is wrong\nnext step", for schemas; null: fine. */
export function scheduleFault(_text: string): string | null {
  return null
}

/** When to look next. Not before `now`; once after a sleep, however long. */
export function nextAt(_timetable: Timetable, at: NextAt): Instant {
  return at.now
}
