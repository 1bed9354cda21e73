import type { Instant, Ms } from '../../kernel/clock.ts'

/**
 * How long a server asks to be left alone: whole seconds or an HTTP date in each of its three forms (RFC 9110
 * §10.2.3 and §5.6.7), and what is met besides: fractions of a second, `500ms`, and the durations of Go
 * (`774.886µs` from ghcr.io, 2026-09), and seconds since 1970 (Docker Hub). 0: at once, or a date gone by. null:
 * nothing said, or nothing that can be read.
 */
export function retryAfterOf(header: string | readonly string[] | undefined, now: Instant): Ms | null {
  const texts = typeof header === 'string' ? [header] : (header ?? [])
  const waits = texts.map((text) => waitOf(text.trim(), now)).filter((wait) => wait !== null)
  return waits.length === 0 ? null : Math.max(...waits)
}

const units: Readonly<Record<string, Ms>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ns: 1e-6,
}

const durations = /^(?:\d{1,9}(?:\.\d{0,12})?(?:h|ms|m|s|us|µs|μs|ns))+$/
const duration = /(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|μs|ns)/g

function waitOf(text: string, now: Instant): Ms | null {
  if (/^\d{1,9}(?:\.\d{0,12})?$/.test(text)) return Math.ceil(Number(text) * 1000)
  // As long a wait would be thirty years: it is a moment.
  if (/^\d{10}$/.test(text)) return Math.max(0, Number(text) * 1000 - now)
  // Header bytes come as Latin-1: the two bytes of µ read as Â and µ.
  const plain = text.replace('Âµ', 'µ').replace('Î¼', 'μ')
  if (durations.test(plain)) {
    let sum = 0
    for (const [, count, unit = ''] of plain.matchAll(duration)) sum += Number(count) * (units[unit] ?? 0)
    return Math.ceil(sum)
  }
  // A negative number is no date, though Date.parse takes it for a year.
  if (!/[a-z]/i.test(text)) return null
  // The form of asctime names no zone: it is GMT as well.
  const at = Date.parse(/^[a-z]{3} [a-z]{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/i.test(text) ? `${text} GMT` : text)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
