/** Times as commands print and take them. */
import { InvalidArgumentError } from 'commander'
import { isoTime, type Instant, type Ms } from '../kernel/clock.ts'
import { formatDuration, parseDuration } from '../kernel/duration.ts'

/** For a table: "12s ago" on a screen, the time itself where a script reads it. */
export function moment(at: Instant | null, now: Instant, { screen }: { readonly screen: boolean }): string | null {
  return at === null ? null : screen ? relative(at, now) : isoTime(at)
}

/** "12s ago", "in 5m", "now"; two units at most. */
export function relative(at: Instant, now: Instant): string {
  const length = now - at
  if (Math.abs(length) < 1000) return 'now'
  return length > 0 ? `${short(length)} ago` : `in ${short(-length)}`
}

/** The two largest units: 90061000 → "1d1h". */
export function short(length: Ms): string {
  if (length < 1000) return `${Math.round(length)}ms`
  const text = formatDuration(Math.floor(length / 1000) * 1000)
  return /^(?:\d+[a-z]+){1,2}/.exec(text)?.[0] ?? text
}

/** "10m", "2h" (before now), or a time such as 2026-11-21T08:00Z. Null: neither. */
export function parseSince(text: string, now: Instant): Instant | null {
  const length = parseDuration(text)
  if (length !== null) return now - Math.abs(length)
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? null : at
}

/** For a flag: a length of time in milliseconds. */
export function lengthOf(text: string): Ms {
  const length = parseDuration(text)
  if (length === null || length < 0) throw new InvalidArgumentError('It takes 30s, 10m or 2h.')
  return length
}
