/**
 * The head of an HTTP/1.1 request in its plain shape (RFC 9112). Pure. Whatever can be read in two ways, or is rare, is
 * odd: it is null here and left to node's parser, so that there is one reading of it.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { mediaTypeOf } from '../../kernel/route.ts'
import { mediaType } from '../mount.ts'

/** All lines after the first, with the empty one. Clients send the same ones again and again. */
export interface Block {
  readonly headers: IncomingHttpHeaders
  readonly contentType: string
  /** The connection ends after the answer. */
  readonly closes: boolean
  /** Of the body. */
  readonly length: number
  /** Where the digits of Content-Length are; both 0 where it has none. */
  readonly digits: { readonly from: number; readonly to: number }
}

/** No escapes and no query: what stands there is what the router compares. */
const line = /^(GET|PUT|POST|PATCH|DELETE) (\/[\w\-.~:@!$&'()*+,=/]*) HTTP\/1\.1\r\n$/
/** RFC 9110 §5.1 and §5.5, without obs-text; what stands around the value is taken off below. */
const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e]*)$/

/** They change how a message is read, or what becomes of the connection. */
const foreign = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'http2-settings',
  'proxy-connection',
])

export interface RequestLine {
  readonly method: string
  readonly path: string
}

/** `text` with its CRLF. */
export function readLine(text: string): RequestLine | null {
  const found = line.exec(text)
  return found === null ? null : { method: found[1]!, path: found[2]! }
}

/** `text` with the CRLF CRLF at its end. */
export function readBlock(text: string): Block | null {
  const headers = Object.create(null) as Record<string, string>
  const digits = { from: 0, to: 0 }
  let at = 0
  while (at < text.length - 2) {
    const end = text.indexOf('\r\n', at)
    const found = field.exec(text.slice(at, end))
    if (found === null) return null
    const name = found[1]!.toLowerCase()
    if (name in headers || foreign.has(name)) return null
    const value = trim(found[2]!)
    headers[name] = value
    if (name === 'content-length') {
      digits.from = text.indexOf(value, at + name.length + 1)
      digits.to = digits.from + value.length
    }
    at = end + 2
  }
  const { host, connection, 'content-length': given } = headers
  const length = given === undefined ? 0 : readLength(given)
  const closes = connection?.toLowerCase() === 'close'
  if (host === undefined || length === null) return null
  if (headers['content-type'] !== undefined && !mediaType.test(headers['content-type'])) return null
  if (connection !== undefined && !closes && connection.toLowerCase() !== 'keep-alive') return null
  return { headers, contentType: mediaTypeOf(headers['content-type']), closes, length, digits }
}

export function readLength(digits: string): number | null {
  return /^(?:0|[1-9]\d{0,8})$/.test(digits) ? Number(digits) : null
}

/** Spaces and tabs alone (RFC 9110 §5.6.3), in one pass however many there are. */
function trim(value: string): string {
  let from = 0
  let to = value.length
  while (from < to && isBlank(value.charCodeAt(from))) from += 1
  while (to > from && isBlank(value.charCodeAt(to - 1))) to -= 1
  return value.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
