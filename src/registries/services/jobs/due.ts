/** When a job is due next. Pure. */
import type { ScheduleSpec } from '../../../engine/engine.ts'
import { nextPass } from '../../../engine/schedule.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { fullJitter, type Random } from '../../../kernel/retry.ts'

/** After a run that was due at `due`, began at `startedAt` and ends now. What was missed meanwhile is made up for once. */
export function nextDue(
  schedule: ScheduleSpec,
  { due, startedAt, now }: { readonly due: Instant; readonly startedAt: Instant; readonly now: Instant },
  random: Random,
): Instant | null {
  const missed = schedule.interval !== undefined && startedAt - due >= schedule.interval / 2
  return nextPass(schedule, missed ? startedAt : due, now, random)
}

/**
 * Where the ledger says `written`; null: it never ran. A schedule that was made shorter counts at once; what fell due
 * while nobody ran jobs is due now.
 */
export function firstDue(
  schedule: ScheduleSpec,
  written: Instant | null,
  now: Instant,
  random: Random,
): Instant | null {
  const fresh = nextPass(schedule, now, now, random)
  return written === null || fresh === null || (written > now && fresh < written) ? fresh : written
}

const afterFailure = { first: 30_000, most: 3_600_000 }

/** After `failures` of them in a row: soon where the schedule is long, never later than it says. */
export function dueAfterFailure(usual: Instant | null, failures: number, now: Instant, random: Random): Instant | null {
  if (usual === null) return null
  const pause: Ms = afterFailure.first + fullJitter(failures - 1, afterFailure, random)
  return Math.min(usual, now + pause)
}
