/**
 * Cron expressions, as robfig/cron documents them: five or six fields, `?`, `N/step`, names, @hourly and its like,
 * behind `TZ=Area/City` or `CRON_TZ=`. Read here; the next time is computed by croner.
 */
import { Cron as Croner } from 'croner'
import type { Instant } from './clock.ts'

export interface Cron {
  /**
   * The first time after `at`; null: it never comes. A time that the clocks leave out comes right after, or is
   * `skipped`; one that they have twice comes once, if it names the hour.
   */
  next(at: Instant, leftOut?: 'right-after' | 'skipped'): Instant | null
}

const zone = /^(?:CRON_)?TZ=(\S+)\s+/

/** null: no cron expression. Without a zone: in that of the machine. */
export function parseCron(text: string): Cron | null {
  const trimmed = text.trim()
  const timezone = zone.exec(trimmed)?.[1]
  const fields = trimmed.replace(zone, '').split(/\s+/)
  if (!isCron(fields)) return null
  try {
    const croner = new Croner(fields.length === 1 ? fields[0]! : fields.map(asCroner(fields.length)).join(' '), {
      // Only asked for times, never run by croner itself.
      paused: true,
      // Where one of both is a star the other one decides, also for a star with a step.
      domAndDow: fields.slice(-3).some((field, at) => at !== 1 && /^[*?]/.test(field)),
      ...(timezone !== undefined && { timezone }),
    })
    // Only when asked for a time does it notice a zone that is none.
    croner.nextRun(new Date(0))
    return { next: (at, leftOut = 'right-after') => nextOf(croner, at, leftOut) }
  } catch {
    return null
  }
}

/** A nickname, or five or six fields: croner also takes dates and years, which are no schedule to keep to. */
function isCron(fields: readonly string[]): boolean {
  return fields.length === 1 ? fields[0]!.startsWith('@') : fields.length === 5 || fields.length === 6
}

/** Of second, minute, hour, day, month, day of the week. */
const greatest = [59, 59, 23, 31, 12, 6] as const

/** croner knows neither `?` for any nor `N/step` for from N on. */
function asCroner(count: number) {
  return (field: string, at: number): string =>
    field
      .split(',')
      .map((part) => (part.startsWith('?') ? `*${part.slice(1)}` : part))
      .map((part) => part.replace(/^(\w+)\/(\d+)$/, `$1-${greatest[at + 6 - count]}/$2`))
      .join(',')
}

/** Clocks leave out an hour at a time: more tries than there are seconds in some would not be for that. */
const mostLeftOut = 10_000

function nextOf(croner: Croner, after: Instant, leftOut: 'right-after' | 'skipped'): Instant | null {
  let next = croner.nextRun(new Date(after))
  if (leftOut === 'skipped') {
    for (let at = 0; next !== null && !croner.match(next) && at < mostLeftOut; at += 1) next = croner.nextRun(next)
  }
  return next?.getTime() ?? null
}
