/** What went wrong between us and a docs-builder, in words for a person and in fields for a program. */
import { AppError, messageOf } from '../../kernel/errors.ts'

export type BuilderTrouble =
  | 'unauthorized'
  | 'forbidden'
  | 'rate-limited'
  | 'server-error'
  | 'network'
  | 'timed-out'
  | 'malformed'
  | 'too-large'

/** `data` of every error of the client. */
export interface BuilderErrorData extends Record<string, unknown> {
  readonly host: string
  readonly why: BuilderTrouble
  readonly status?: number
  /** false: surely nothing of the request arrived. */
  readonly reached: boolean
}

/** Codes of connections that never came about. */
const neverConnected: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** `what` is said of the request: `upload of console v1.2.3`. */
export function errorOfAnswer(host: string, what: string, status: number, text: string): AppError {
  const line = text
    .split('\n', 1)[0]!
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
    .trim()
  const said = line === '' ? '' : ` (${line})`
  const data: BuilderErrorData = { host, why: whyOf(status), status, reached: true }
  // A builder says 500 to everything; these come from something between us, and will come again.
  const code = status === 400 || status === 413 ? 'target.refused' : 'target.unavailable'
  return new AppError(code, `${host} answered ${status}${said} to the ${what}; its log says why`, { data })
}

export function errorOfConnection(host: string, what: string, thrown: unknown): AppError {
  if (thrown instanceof AppError && thrown.code === 'aborted') return thrown
  const late = thrown instanceof AppError && thrown.code === 'timed-out'
  const cause = (thrown as { code?: unknown } | null)?.code
  const why: BuilderTrouble = late || cause === 'UND_ERR_CONNECT_TIMEOUT' ? 'timed-out' : 'network'
  const data: BuilderErrorData = { host, why, reached: !neverConnected.has(cause) }
  const detail = late
    ? `${thrown.detail}; it may hang or be busy`
    : `${host} did not answer the ${what}: ${typeof cause === 'string' ? cause : messageOf(thrown)}`
  return new AppError('target.unavailable', detail, { cause: thrown, data })
}

export function errorOfContent(host: string, what: string, why: 'malformed' | 'too-large', detail: string): AppError {
  const data: BuilderErrorData = { host, why, reached: true }
  return new AppError('target.unavailable', `${host} answered the ${what} with ${detail}`, { data })
}

/** Surely nothing happened at the builder. */
export function hadNoEffect(error: AppError): boolean {
  return error.data['reached'] === false
}

export function statusOf(error: AppError): number | null {
  return typeof error.data['status'] === 'number' ? error.data['status'] : null
}

function whyOf(status: number): BuilderTrouble {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 413) return 'too-large'
  return status === 429 ? 'rate-limited' : 'server-error'
}
