/** When a repository is polled: `90s`, `1h30m`, `@every 5m`, `@hourly`, or a cron expression. */
import { parseSchedule } from '../../../engine/schedule.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { parseCron, type Cron } from '../../../kernel/cron.ts'
import { sha256 } from '../../../kernel/digest.ts'
import { parseDuration } from '../../../kernel/duration.ts'
import type { Random } from '../../../kernel/retry.ts'

export type Timetable = { readonly every: Ms } | { readonly cron: Cron }

/** Closer together than this is no polling but a load, on somebody else. */
export const shortestPoll: Ms = 10_000
/** Share of the interval by which a poll comes later at most. */
const mostJitter = 0.1
/** Cron names a time: it comes so much later at most. */
const mostCronJitter: Ms = 30_000

export interface NextAt {
  /** When it was last done; null: never. */
  readonly last: Instant | null
  readonly now: Instant
  /** What the phase of an interval is made of, the same over restarts: registry and repository. */
  readonly phaseKey: string
  /** Share of the interval by which it may come later, at most 0.1; 0: none. */
  readonly jitter: number
  readonly random: Random
}

/** null: none of what it reads; `scheduleFault` says why. */
export function parseTimetable(text: string): Timetable | null {
  const spec = parseSchedule(text)
  if (spec?.interval !== undefined) return spec.interval >= shortestPoll ? { every: spec.interval } : null
  const cron = spec?.cron === undefined ? null : parseCron(spec.cron)
  return cron === null || isTooOften(cron) ? null : { cron }
}

/** "what is wrong\nnext step", for schemas; null: fine. */
export function scheduleFault(text: string): string | null {
  if (parseTimetable(text) !== null) return null
  if (text.trim() === '') return 'is empty\nleave it out to poll every images.poll_interval'
  const cron = parseCron(text)
  if (cron?.next(0) === null) return 'names a day that never comes\ncheck the day and the month'
  if (cron !== null || parseDuration(text.trim().replace(/^@every\s+/, '')) !== null) {
    return 'polls more often than every 10s\nwrite 10s or longer; webhooks tell of changes at once'
  }
  return 'is no schedule\nwrite 5m, @every 90s, @hourly, or five or six cron fields such as "0 3 * * Mon-Fri"'
}

/** Times of a minute repeat in all expressions: as many as a minute can have, and one. */
function isTooOften(cron: Cron): boolean {
  let before = cron.next(0, 'skipped')
  for (let at = 0; at < 61 && before !== null; at += 1) {
    const after = cron.next(before, 'skipped')
    if (after !== null && after - before < shortestPoll) return true
    before = after
  }
  return false
}

/**
 * When to look next, not before `now`. An interval is kept to by the clock, from a phase that `phaseKey` gives: the
 * same over restarts, and another one for another repository, so that not all are looked at at once. What was due
 * while nobody ran is due once, now.
 */
export function nextAt(timetable: Timetable, { last, now, phaseKey, jitter, random }: NextAt): Instant {
  const since = last ?? now
  const share = Math.min(Math.max(jitter, 0), mostJitter) * random()
  if ('every' in timetable) {
    const due = nextOnGrid(since, timetable.every, phaseKey)
    return Math.max(now, due + Math.round(timetable.every * share))
  }
  const due = timetable.cron.next(since, 'skipped')
  // It comes in any case (parseTimetable), if not within the years that are searched.
  if (due === null) return now + 86_400_000
  return Math.max(now, due + Math.round((mostCronJitter * share) / mostJitter))
}

function nextOnGrid(since: Instant, every: Ms, phaseKey: string): Instant {
  const phase = parseInt(sha256(phaseKey).slice(0, 12), 16) % every
  return Math.ceil(phase + (Math.floor((since - phase) / every) + 1) * every)
}
