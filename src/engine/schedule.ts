/** When the next pass is due. Pure. */
import type { Instant, Ms } from '../kernel/clock.ts'
import { parseCron } from '../kernel/cron.ts'
import { parseDuration } from '../kernel/duration.ts'
import { spread, type Random } from '../kernel/retry.ts'
import type { ScheduleSpec } from './engine.ts'

/** Passes closer together than this are no schedule but a load. */
export const shortestInterval: Ms = 100

/**
 * Reads `30s`, `1h30m`, `@every 5m`, `@hourly`, or a cron expression of five or six fields
 * ("0 3 * * 1-5"), optionally behind `TZ=Area/City `. Returns null when it is none of them.
 */
export function parseSchedule(text: string): ScheduleSpec | null {
  const trimmed = text.trim()
  const every = /^@every\s+(\S+)$/.exec(trimmed)
  const interval = parseDuration(every ? every[1]! : trimmed)
  if (interval !== null) return interval >= shortestInterval ? { interval } : null
  if (every) return null
  // A day that never comes is no schedule either.
  return parseCron(trimmed)?.next(0) == null ? null : { cron: trimmed }
}

/** When to run next after a pass that was due at `last`; null: only when asked. */
export function nextPass(schedule: ScheduleSpec, last: Instant, now: Instant, random: Random): Instant | null {
  if (schedule.cron !== undefined) return parseCron(schedule.cron)?.next(now) ?? null
  if (schedule.interval === undefined) return null
  // From the time the last one was due, so that passes do not drift; but never in the past, and no burst after a pause.
  return Math.max(now, last + spread(schedule.interval, schedule.jitter ?? 0.1, random))
}
