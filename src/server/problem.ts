/** RFC 9457 problem documents, the body of every error. */
import { AppError, errorTable, type ErrorCode } from '../kernel/errors.ts'

export const problemType = 'application/problem+json'

export interface Problem {
  /** RFC 9457 `type`: a name, nothing to fetch. Says the same as `code`. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  /** Where the log has more: only on errors that are our own fault. */
  readonly id?: string
  readonly [field: string]: unknown
}

/** One thing wrong with a request: `pointer` (RFC 6901) into the part of the request named by `in`. */
export interface Fault {
  readonly in: 'params' | 'query' | 'body' | 'headers'
  readonly pointer: string
  readonly detail: string
}

/** `id` is what the log line of a bug carries; callers learn nothing else about bugs. */
export function problemOf(error: AppError, id: string): Problem {
  const { title, status } = errorTable[error.code]
  const head = { type: `urn:regista:problem:${error.code}`, title, status }
  if (error.class === 'bug') {
    return { ...head, detail: 'Something is broken inside; the log says more under this id.', code: error.code, id }
  }
  return { ...error.data, ...head, detail: error.detail, code: error.code }
}

export function invalidRequest(faults: readonly Fault[]): AppError {
  const first = faults[0]
  const where = first === undefined ? '' : `${first.in}${first.pointer} ${first.detail}`
  const more = faults.length > 1 ? `, and ${faults.length - 1} more` : ''
  return new AppError('request.invalid', where + more, { data: { errors: faults } })
}

/** What fastify and node say about requests that never reach a route, in our words. */
const foreign: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['request.too-large', 'The body is larger than server.limits.body allows.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['request.media-type', 'Send the body as application/json.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['request.invalid', 'The body is not as long as Content-Length says.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['request.invalid', 'The body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['request.invalid', 'The body is not JSON.'],
  FST_ERR_BAD_URL: ['request.invalid', 'The path is not valid percent-encoded UTF-8.'],
  HPE_HEADER_OVERFLOW: ['request.headers', 'The request line and headers are larger than 16 KiB together.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['request.too-large', 'The chunk extensions are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request.timed-out', 'The whole request did not arrive in time.'],
}

/** Gives whatever a request failed with a code. Only what is known to be the caller's fault is not a bug. */
export function requestError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  const known = foreign[code]
  if (known !== undefined) return new AppError(known[0], known[1], { cause: thrown })
  if (code.startsWith('HPE_')) return new AppError('request.invalid', 'This is not HTTP.', { cause: thrown })
  return new AppError('internal', 'unexpected', { cause: thrown })
}
