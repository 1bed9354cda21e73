/**
 * Plain scalars as PyYAML 6 reads them with safe_load: YAML 1.1, with its own patterns. "yes" is true,
 * 012 is ten, 1:30 is ninety, 1e3 is text (a float needs a dot), 2025-11-15 is a date.
 */
import { ManifestError } from './problem.ts'
import type { PythonOpaque, PythonValue } from './python-value.ts'

const core = 'tag:yaml.org,2002:'

export const tags = {
  string: `${core}str`,
  null: `${core}null`,
  bool: `${core}bool`,
  int: `${core}int`,
  float: `${core}float`,
  timestamp: `${core}timestamp`,
  binary: `${core}binary`,
  merge: `${core}merge`,
  value: `${core}value`,
  list: `${core}seq`,
  map: `${core}map`,
  set: `${core}set`,
  orderedMap: `${core}omap`,
  pairs: `${core}pairs`,
} as const

const patterns: readonly (readonly [firsts: string, tag: string, pattern: RegExp])[] = [
  ['yYnNtTfFoO', tags.bool, /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  [
    '-+0123456789.',
    tags.float,
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  ],
  [
    '-+0123456789',
    tags.int,
    /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  ],
  ['<', tags.merge, /^<<$/],
  ['~nN', tags.null, /^(?:~|null|Null|NULL)$/],
  [
    '0123456789',
    tags.timestamp,
    /^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?)$/,
  ],
  ['=', tags.value, /^=$/],
]

const byFirst = new Map<string, (readonly [string, RegExp])[]>()
for (const [firsts, tag, pattern] of patterns) {
  for (const first of firsts) byFirst.set(first, [...(byFirst.get(first) ?? []), [tag, pattern]])
}

export function plainTag(text: string): string {
  if (text === '') return tags.null
  for (const [tag, pattern] of byFirst.get(text[0]!) ?? []) if (pattern.test(text)) return tag
  return tags.string
}

/** undefined: no scalar has this tag. Throws ManifestError where Python would raise something else than a YAML error. */
export function scalarValue(tag: string, text: string): PythonValue | undefined {
  switch (tag) {
    case tags.string:
      return text
    case tags.null:
      return null
    case tags.bool:
      return boolOf(text)
    case tags.int:
      return intOf(text)
    case tags.float:
      return floatOf(text)
    case tags.timestamp:
      return timestampOf(text)
    case tags.binary:
      return { is: 'bytes', text }
    default:
      return undefined
  }
}

const bools: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['no', false],
  ['true', true],
  ['false', false],
  ['on', true],
  ['off', false],
])

function boolOf(text: string): boolean {
  const value = bools.get(text.toLowerCase())
  if (value === undefined) throw new ManifestError('content', `'${text.toLowerCase()}'`)
  return value
}

/** Python refuses to write longer integers as text. */
const mostDigits = 4300

function intOf(text: string): bigint {
  const [sign, digits] = signed(text.replaceAll('_', ''))
  if (digits === '0') return 0n
  if (digits.startsWith('0b')) return sign * parse(digits.slice(2), 2, /^[01]+$/, '0b')
  if (digits.startsWith('0x')) return sign * parse(digits.slice(2), 16, /^[0-9a-f]+$/i, '0x')
  if (digits.startsWith('0')) return sign * parse(digits.slice(1), 8, /^[0-7]+$/, '0o')
  if (!digits.includes(':')) return sign * parse(digits, 10, /^[0-9]+$/, '')
  return sign * digits.split(':').reduce((sum, part) => sum * 60n + parse(part, 10, /^[0-9]+$/, ''), 0n)
}

function parse(digits: string, base: number, valid: RegExp, prefix: string): bigint {
  if (!valid.test(digits)) {
    throw new ManifestError('content', `invalid literal for int() with base ${base}: '${digits}'`)
  }
  if (digits.length > mostDigits) {
    throw new ManifestError('content', `integer of ${digits.length} digits, more than ${mostDigits}`)
  }
  return BigInt(prefix + digits)
}

function floatOf(text: string): number {
  const [sign, digits] = signed(text.replaceAll('_', '').toLowerCase())
  const factor = Number(sign)
  if (digits === '.inf') return factor * Infinity
  if (digits === '.nan') return NaN
  if (!digits.includes(':')) return factor * decimal(digits)
  let value = 0
  let base = 1
  // In this order, because the sums are rounded.
  for (const part of digits.split(':').toReversed()) {
    value += decimal(part) * base
    base *= 60
  }
  return factor * value
}

function decimal(digits: string): number {
  if (/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?$/.test(digits)) return Number(digits)
  throw new ManifestError('content', `could not convert string to float: '${digits}'`)
}

function signed(text: string): [1n | -1n, string] {
  if (text === '') throw new ManifestError('content', 'string index out of range')
  return [text.startsWith('-') ? -1n : 1n, /^[-+]/.test(text) ? text.slice(1) : text]
}

const timestamp =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|[-+]\d\d?(?::\d\d)?))?)?$/

function timestampOf(text: string): PythonOpaque {
  const matched = timestamp.exec(text)
  if (!matched) throw new ManifestError('content', `'${text}' is no timestamp`)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = matched
    .slice(1, 7)
    .map((part) => Number(part ?? 0))
  if (year < 1) throw new ManifestError('content', `year ${year} is out of range`)
  if (month < 1 || month > 12) throw new ManifestError('content', 'month must be in 1..12')
  // Day 0 of the next month is the last of this; years below 100 need setUTCFullYear.
  const last = new Date(0)
  last.setUTCFullYear(year, month, 0)
  if (day < 1 || day > last.getUTCDate()) throw new ManifestError('content', 'day is out of range for month')
  if (hour > 23) throw new ManifestError('content', 'hour must be in 0..23')
  if (minute > 59) throw new ManifestError('content', 'minute must be in 0..59')
  if (second > 59) throw new ManifestError('content', 'second must be in 0..59')
  return { is: matched[4] === undefined ? 'date' : 'datetime', text }
}
