/** What the rest of the program hears of a cluster that did not do what was asked. */
import type { Instant, Ms } from '../../kernel/clock.ts'
import { AppError, messageOf, type ErrorCode } from '../../kernel/errors.ts'
import { retryAfterOf } from '../http/retry-after.ts'

export type Why =
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  /** 410: the cluster has forgotten the version or the continuation that was named. */
  | 'expired'
  | 'invalid'
  | 'rate-limited'
  | 'server-error'
  | 'network'
  | 'timed-out'
  | 'malformed'
  | 'too-large'

/** What was asked, for messages: never with its query string. */
export interface Asked {
  readonly host: string
  readonly method: string
  readonly path: string
}

export interface ClusterErrorData {
  readonly status?: number
  /** As a Status object names it: `AlreadyExists`, `Expired`. */
  readonly reason?: string
  /** Of the object that a Status is about. A 404 without it is about a kind that is not served. */
  readonly name?: string
  readonly retryAfter?: Ms
  readonly cause?: unknown
}

const advice: { readonly [why in Why]?: string } = {
  'unauthorized': 'check that its token or certificate is still valid',
  'forbidden': 'let a role allow it',
  'not-found': 'check that its kind is installed and its API version is served',
}

/**
 * Reads fail with `source.unavailable`. Writes fail with `target.conflict`, `target.refused` or
 * `target.unavailable`, and `data.effect` says whether they may have been done all the same.
 */
export function clusterError(asked: Asked, why: Why, said: string, more: ClusterErrorData = {}): AppError {
  const { cause, ...told } = more
  const writing = asked.method !== 'GET'
  const code = writing ? codeOfWrite(why) : 'source.unavailable'
  // What never left, or was answered with a refusal, did nothing.
  const unclear = why === 'server-error' || why === 'network' || why === 'timed-out' || why === 'malformed'
  const effect = writing ? { effect: unclear ? 'unknown' : 'none' } : {}
  const next = advice[why] === undefined ? '' : `; ${advice[why]}`
  return new AppError(code, `${asked.host}: ${asked.method} ${asked.path}: ${said}${next}`, {
    cause,
    data: { host: asked.host, why, ...told, ...effect },
  })
}

function codeOfWrite(why: Why): ErrorCode {
  if (why === 'conflict') return 'target.conflict'
  const refused: readonly Why[] = ['unauthorized', 'forbidden', 'not-found', 'expired', 'invalid', 'too-large']
  return refused.includes(why) ? 'target.refused' : 'target.unavailable'
}

/** `why` of an error of this connector; null: it is none. */
export function whyOf(thrown: unknown): Why | null {
  return thrown instanceof AppError && 'why' in thrown.data ? (thrown.data['why'] as Why) : null
}

export interface Refusal {
  readonly status: number
  /** Where the answer has one, its header. */
  readonly retryAfter: string | readonly string[] | undefined
  /** The answer's body as far as it was read, or the object of an ERROR event. */
  readonly body: unknown
}

/** Longest part of a Status message that is told: those of invalid objects list every field. */
const longestSaid = 500

/** Of an HTTP answer, or an ERROR event of a watch, which is the same object. */
export function statusError(asked: Asked, { status, retryAfter, body }: Refusal, now: Instant): AppError {
  const { message, reason, details } = (typeof body === 'object' && body !== null ? body : {}) as StatusObject
  const said = typeof message === 'string' && message !== '' ? message : `HTTP ${status}`
  const seconds = details?.retryAfterSeconds
  const wait = retryAfterOf(retryAfter, now) ?? (typeof seconds === 'number' ? seconds * 1000 : null)
  return clusterError(asked, whyOfStatus(status), said.slice(0, longestSaid), {
    status,
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof details?.name === 'string' ? { name: details.name } : {}),
    ...(wait === null ? {} : { retryAfter: wait }),
  })
}

interface StatusObject {
  readonly message?: unknown
  readonly reason?: unknown
  readonly details?: { readonly name?: unknown; readonly retryAfterSeconds?: unknown }
}

function whyOfStatus(status: number): Why {
  if (status === 401) return 'unauthorized'
  if (status === 403) return 'forbidden'
  if (status === 404) return 'not-found'
  if (status === 409) return 'conflict'
  if (status === 410) return 'expired'
  if (status === 413) return 'too-large'
  if (status === 429) return 'rate-limited'
  if (status >= 500) return 'server-error'
  return status >= 400 ? 'invalid' : 'malformed'
}

/** Of a call that got no answer, or not all of it. */
export function networkError(asked: Asked, thrown: unknown): AppError {
  if (thrown instanceof AppError) {
    if (thrown.code === 'timed-out') return clusterError(asked, 'timed-out', thrown.detail, { cause: thrown })
    return thrown
  }
  const code = (thrown as Partial<NodeJS.ErrnoException> | null)?.code ?? ''
  const message = messageOf(thrown)
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return clusterError(asked, 'timed-out', message, { cause: thrown })
  const distrust = /CERT|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code)
  const next = distrust ? '; check the certificate authority and the name that it is to be trusted by' : ''
  return clusterError(asked, 'network', `${code || message}${next}`, { cause: thrown })
}
