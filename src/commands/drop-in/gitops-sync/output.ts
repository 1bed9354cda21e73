/** What the original prints, literally: log lines on stderr, statistics and lists on stdout. */
import type { Clock, Instant } from '../../../kernel/clock.ts'
import type { Terminal } from '../../terminal.ts'

const levels = ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const
export type Level = (typeof levels)[number]

export interface Log {
  (level: Level, message: string): void
  readonly debugs: boolean
}

/** What Python's logging calls its levels, by what is shown from there on. */
const named: Readonly<Record<string, number>> = {
  NOTSET: 0,
  DEBUG: 0,
  INFO: 1,
  WARN: 2,
  WARNING: 2,
  ERROR: 3,
  FATAL: 4,
  CRITICAL: 4,
}

export function createLog(terminal: Pick<Terminal, 'err' | 'env'>, clock: Clock): Log {
  const wanted = terminal.env['LOG_LEVEL'] ?? ''
  const known = named[wanted.trim().toUpperCase()]
  const from = known ?? levels.indexOf('INFO')
  const log = (level: Level, message: string) => {
    if (levels.indexOf(level) < from) return
    terminal.err(`${localTime(clock.now())} - gitops-sync - ${level} - ${printable(message)}\n`)
  }
  if (known === undefined && wanted !== '') {
    log('WARNING', `LOG_LEVEL is "${wanted}", which is none of ${levels.join(', ')}, CRITICAL: INFO is used`)
  }
  return Object.assign(log, { debugs: from === 0 })
}

/** Messages may have several lines (YAML errors have); nothing else in them may move a cursor. */
function printable(message: string): string {
  return message.replace(control, (unit) => `\\x${unit.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const control = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/g

/** `2025-11-15 09:08:07,006`, by the clock on the wall. */
export function localTime(at: Instant): string {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, '0')}`
}

export interface Statistics {
  readonly files: number
  readonly synced: number
  readonly skipped: number
  readonly errors: number
  /** null: no pass came that far. */
  readonly lastSync: Instant | null
}

export function statisticsBlock({ files, synced, skipped, errors, lastSync }: Statistics): string {
  const rule = '='.repeat(80)
  const lines = [
    '',
    rule,
    'GitOps Sync Statistics',
    rule,
    `Total files: ${files}`,
    `Synced: ${synced}`,
    `Skipped (unchanged): ${skipped}`,
    `Errors: ${errors}`,
    ...(lastSync === null ? [] : [`Last sync: ${naiveTime(lastSync)}`]),
    rule,
    '',
  ]
  return `${lines.join('\n')}\n`
}

/** As Python's `datetime.utcnow().isoformat()`: no zone, microseconds unless they are none. */
function naiveTime(at: Instant): string {
  const text = new Date(at).toISOString().replace('Z', '')
  return text.endsWith('.000') ? text.slice(0, -4) : `${text}000`
}

export function listBlock(names: readonly string[]): string {
  return `\nFound ${names.length} capability/ies in etcd:\n\n${names.map((name) => `  - ${name}\n`).join('')}\n`
}
