/**
 * Building blocks for the schemas of the config file. Their messages are "what is wrong", then after
 * a line break the next step; config/problem.ts adds path, file, line and column. No message repeats
 * a value: it may be a secret in the wrong place.
 */
import { z } from 'zod'
import type { Ms } from './clock.ts'
import { formatDuration, parseDuration } from './duration.ts'

/** "30s", "1h30m", "7d" → milliseconds. */
export function duration(bounds: { least?: Ms; most?: Ms } = {}): z.ZodType<Ms, string> {
  const { least = 0, most = Number.MAX_SAFE_INTEGER } = bounds
  return z
    .string({ error: ({ input }) => (input === undefined ? undefined : notDuration(input)) })
    .meta({ description: 'A length of time: 250ms, 30s, 5m, 1h30m, 7d', examples: ['30s', '1h30m'] })
    .transform((text, context) => {
      const ms = parseDuration(text)
      const message =
        ms === null
          ? notDuration(text)
          : ms < least
            ? `is shorter than ${formatDuration(least)}`
            : ms > most
              ? `is longer than ${formatDuration(most)}`
              : null
      if (message === null) return ms!
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    })
}

/** Text that is never shown: written as `${ENV}` or `file:PATH` by those who take care. */
export function secret(): z.ZodType<string, string> {
  return z.string().min(1).meta({ description: 'Secret text; best written as ${ENV} or file:PATH', writeOnly: true })
}

const words: Readonly<Record<string, string>> = {
  ms: 'ms',
  millisecond: 'ms',
  s: 's',
  sec: 's',
  second: 's',
  m: 'm',
  min: 'm',
  minute: 'm',
  h: 'h',
  hr: 'h',
  hour: 'h',
  d: 'd',
  day: 'd',
}

function notDuration(input: unknown): string {
  const meant = typeof input === 'number' && input >= 0 ? `${input}s` : typeof input === 'string' ? reword(input) : null
  const hint = meant === null ? 'write 250ms, 30s, 5m, 1h30m or 7d' : `did you mean ${meant}?`
  return `is not a length of time\n${hint}`
}

/** "5 minutes" → "5m", "30" → "30s"; null when it cannot be told. */
function reword(text: string): string | null {
  const matched = /^\s*(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)\s*$/i.exec(text)
  if (!matched) return null
  const word = matched[2]!.toLowerCase()
  if (word === 'w' || word === 'week' || word === 'weeks') return `${Number(matched[1]) * 7}d`
  const unit = word === '' ? 's' : (words[word] ?? words[word.replace(/s$/, '')])
  return unit === undefined ? null : `${matched[1]}${unit}`
}
