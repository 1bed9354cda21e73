/** Answers as the text that goes over the wire: one string, one write. */
import { STATUS_CODES } from 'node:http'
import type { Instant } from '../../kernel/clock.ts'
import { jsonType } from '../../kernel/route.ts'

type Headers = Readonly<Record<string, string>>

/** A whole answer, one byte a character: what is not ASCII is UTF-8 by then. `body` null: it has none. */
export type WriteAnswer = (
  status: number,
  headers: Headers | undefined,
  body: string | Uint8Array | null,
  closes: boolean,
) => string

const common = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

/** `keepAlive`: how many seconds an idle connection stays, as clients are told. */
export function createWriteAnswer(now: () => Instant, keepAlive: number): WriteAnswer {
  /** Of JSON without headers of its own, by status. */
  const plain = new Map<number, string>()
  let second = -1
  let stays = ''
  let ends = ''

  function tell(at: number): void {
    second = at
    const date = `\r\nDate: ${new Date(at * 1000).toUTCString()}\r\nConnection: `
    stays = `${date}keep-alive\r\nKeep-Alive: timeout=${keepAlive}\r\n\r\n`
    ends = `${date}close\r\n\r\n`
  }

  function plainStart(status: number): string {
    const known = plain.get(status)
    if (known !== undefined) return known
    const made = startOf(status, { ...common, 'content-type': jsonType })
    plain.set(status, made)
    return made
  }

  return (status, headers, body, closes) => {
    const at = Math.floor(now() / 1000)
    if (at !== second) tell(at)
    const tail = closes ? ends : stays
    if (body === null) {
      // RFC 9110 §8.6: these two say nothing of a length.
      const length = status === 204 || status === 304 ? '' : '\r\ncontent-length: 0'
      return startOf(status, merged(headers)) + length + tail
    }
    const text = typeof body === 'string' ? narrow(body) : binary(body)
    const start = headers === undefined ? plainStart(status) : startOf(status, withType(merged(headers), body))
    return `${start}\r\ncontent-length: ${text.length}${tail}${text}`
  }
}

function startOf(status: number, headers: Headers): string {
  let start = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`
  for (const name in headers) start += `\r\n${name}: ${checked(headers[name]!)}`
  return start
}

/** Names in lower case, as the library writes them. */
function merged(headers: Headers | undefined): Record<string, string> {
  const all: Record<string, string> = { ...common }
  for (const name in headers) all[name.toLowerCase()] = headers[name]!
  return all
}

/** The library names the charset of all text, too. */
function withType(headers: Record<string, string>, body: string | Uint8Array): Headers {
  const type = (headers['content-type'] ??= jsonType)
  if (typeof body === 'string' && !type.includes('charset')) headers['content-type'] = `${type}; charset=utf-8`
  return headers
}

/** Nothing that a handler puts into a header may end it. */
function checked(value: string): string {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new Error('a header of an answer has what no header may have')
  return value
}

function narrow(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1')
}

function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
