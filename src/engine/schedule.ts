/** When the next pass is due. Pure, but for the cron expression, which croner reads. */
import { Cron } from 'croner'
import type { Instant, Ms } from '../kernel/clock.ts'
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
  try {
    // Asked for a time, because only then does it notice a zone that is none and a day that never comes.
    return isCron(trimmed) && createCron(trimmed).nextRun(new Date(0)) !== null ? { cron: trimmed } : null
  } catch {
    return null
  }
}

/** A nickname, or five or six fields: croner also takes dates and years, which are no schedule to keep to. */
function isCron(text: string): boolean {
  const fields = text.replace(zone, '').split(/\s+/)
  return fields.length === 1 ? fields[0]!.startsWith('@') : fields.length === 5 || fields.length === 6
}

const zone = /^(?:CRON_)?TZ=(\S+)\s+/

function createCron(text: string): Cron {
  const timezone = zone.exec(text)?.[1]
  // Paused: only asked for times, never run by croner itself.
  return new Cron(text.replace(zone, ''), { paused: true, ...(timezone !== undefined && { timezone }) })
}

/** When to run next after a pass that was due at `last`; null: only when asked. */
export function nextPass(schedule: ScheduleSpec, last: Instant, now: Instant, random: Random): Instant | null {
  if (schedule.cron !== undefined) return createCron(schedule.cron).nextRun(new Date(now))?.getTime() ?? null
  if (schedule.interval === undefined) return null
  // From the time the last one was due, so that passes do not drift; but never in the past, and no burst after a pause.
  return Math.max(now, last + spread(schedule.interval, schedule.jitter ?? 0.1, random))
}
