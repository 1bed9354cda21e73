/** Log lines in the text form of the original, on stdout: `TIME LEVEL logger=NAME msg='…' key='…' `. */
import { isoTime, type Clock } from '../../../kernel/clock.ts'
import { AppError, messageOf } from '../../../kernel/errors.ts'
import type { Terminal } from '../../terminal.ts'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type Level = (typeof levels)[number]

export interface Log {
  (level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void
  /** The same with `logger=NAME` in each line. */
  named(name: string): Log
}

/** LOG_LEVEL in any case; what is none of the levels is `info`. */
export function createLog({ out, env }: Pick<Terminal, 'out' | 'env'>, clock: Clock): Log {
  const wanted = (env['LOG_LEVEL'] ?? '').toLowerCase()
  const from = levels.findIndex((level) => level === wanted)
  return logger(null, (level, line) => {
    if (levels.indexOf(level) < (from < 0 ? levels.indexOf('info') : from)) return
    // Go's RFC 3339 has no fractions of a second.
    out(`${isoTime(clock.now()).replace(/\.\d+/, '')} ${level.toUpperCase()} ${line()}\n`)
  })
}

function logger(name: string | null, write: (level: Level, line: () => string) => void): Log {
  const log = (level: Level, message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    write(level, () => {
      const pairs = Object.entries(fields).flatMap(([key, value]) => flat(key, value))
      const text = pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${quoted(value)} `)
      // The space is a part of each group, also of the last one.
      return `${name === null ? '' : `logger=${name} `}msg=${quoted(message)} ${text.join('')}${stackOf(fields)}`
    })
  return Object.assign(log, { named: (other: string) => logger(other, write) })
}

/** Arrays as `key[0]`, what is nested as `key.name`. */
function flat(key: string, value: unknown): [string, string][] {
  if (value instanceof Error) return [[key, messageOf(value)]]
  if (Array.isArray(value)) return value.flatMap((one, index) => flat(`${key}[${index}]`, one))
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([name, one]) => flat(`${key}.${name}`, one))
  }
  return value === undefined ? [] : [[key, typeof value === 'string' ? value : JSON.stringify(value)]]
}

/** One line, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replace(unprintable, (unit) => (unit === '\n' ? '\\n' : `\\x${unit.charCodeAt(0).toString(16).padStart(2, '0')}`))}'`
}

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const unprintable = /[\x00-\x1f\x7f-\x9f]/g

/** Only of what cannot happen: the original has one in every line of an error, and nobody is the wiser. */
function stackOf(fields: Readonly<Record<string, unknown>>): string {
  const error = fields['error']
  if (!(error instanceof Error) || (error instanceof AppError && error.class !== 'bug')) return ''
  return `stacktrace=${JSON.stringify(error.stack ?? '')}`
}
