import type { Ms } from './clock.ts'

const unit: Readonly<Record<string, Ms>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Reads a duration as Go's time.ParseDuration writes it ("1h30m", "250ms", "1.5s"), with "d" for
 * days added. Returns milliseconds, or null when the text is not a duration.
 */
export function parseDuration(text: string): Ms | null {
  const trimmed = text.trim()
  if (/^[+-]?0$/.test(trimmed)) return 0
  const matched = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h|d))+)$/.exec(trimmed)
  if (!matched) return null
  let total = 0
  for (const [, amount, name] of matched[2]!.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h|d)/g)) {
    total += Number(amount) * unit[name!]!
  }
  return matched[1] === '-' ? -total : total
}

/** The shortest form that is exact to the millisecond: 90000 → "1m30s", 250 → "250ms". */
export function formatDuration(ms: Ms): string {
  const parts: string[] = []
  let left = Math.round(Math.abs(ms))
  if (left === 0) return '0s'
  for (const name of ['d', 'h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(left / unit[name]!)
    if (count > 0) parts.push(`${count}${name}`)
    left -= count * unit[name]!
  }
  return (ms < 0 ? '-' : '') + parts.join('')
}
