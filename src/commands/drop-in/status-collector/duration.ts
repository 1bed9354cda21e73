/** Lengths of time as Go's package time reads and prints them. */
import type { Ms } from '../../../kernel/clock.ts'

const nanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  // Both letters that look like this.
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const most = 2n ** 63n

export type GoDuration = { readonly ms: Ms } | { readonly wrong: string }

/** As time.ParseDuration; `wrong` is its error. */
export function readGoDuration(text: string): GoDuration {
  const wrong = (what: string): GoDuration => ({ wrong: `time: ${what}duration ${JSON.stringify(text)}` })
  const [, sign = '', body = ''] = /^([+-]?)(.*)$/s.exec(text)!
  if (body === '0') return { ms: 0 }
  if (body === '') return wrong('invalid ')
  let total = 0n
  for (let left = body; left !== '';) {
    const [whole = '', digits = '', fraction = '', unit = ''] = /^(\d*)(?:\.(\d*))?([^.\d]*)/.exec(left)!
    if (digits === '' && fraction === '') return wrong('invalid ')
    if (unit === '') return wrong('missing unit in ')
    const scale = nanoseconds[unit]
    if (scale === undefined) return wrong(`unknown unit ${JSON.stringify(unit)} in `)
    total += BigInt(digits || '0') * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length)
    if (total > most || (total === most && sign !== '-')) return wrong('invalid ')
    left = left.slice(whole.length)
  }
  const ms = Number(total) / 1e6
  return { ms: sign === '-' ? -ms : ms }
}

/** As Duration.String: `85.9µs`, `1.5s`, `1m30s`, `0s`. */
export function printGoDuration(ms: Ms): string {
  const ns = Math.round(Math.abs(ms) * 1e6)
  const sign = ms < 0 ? '-' : ''
  if (ns === 0) return '0s'
  if (ns < 1e3) return `${sign}${ns}ns`
  if (ns < 1e6) return `${sign}${trimmed(ns, 3)}µs`
  if (ns < 1e9) return `${sign}${trimmed(ns, 6)}ms`
  const minutes = Math.floor(ns / 60e9)
  const seconds = `${trimmed(ns - minutes * 60e9, 9)}s`
  if (minutes === 0) return sign + seconds
  const hours = Math.floor(minutes / 60)
  return `${sign}${hours > 0 ? `${hours}h` : ''}${minutes % 60}m${seconds}`
}

/** Exact: `digits` of it stand behind the point. */
function trimmed(ns: number, digits: number): string {
  const text = String(ns).padStart(digits + 1, '0')
  const fraction = text.slice(-digits).replace(/0+$/, '')
  return text.slice(0, -digits) + (fraction && `.${fraction}`)
}
