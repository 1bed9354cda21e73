/** What the rest of the program hears of an engine that did not do what was asked. */
import { AppError, messageOf, type ErrorCode } from '../../kernel/errors.ts'

export type Why =
  | 'not-found'
  /** A name that is taken, or a container in another state than it has to be. */
  | 'conflict'
  | 'refused'
  /** There is no version of the API that both speak. */
  | 'version'
  | 'server-error'
  | 'network'
  | 'timed-out'
  | 'malformed'
  | 'too-large'

/** What was asked, for messages: never with its query string or body. */
export interface Asked {
  /** `unix:/var/run/docker.sock`, `https://10.0.0.1:2376`. */
  readonly where: string
  readonly method: string
  readonly path: string
}

/** Longest part of what an engine said that is told. */
const longestSaid = 500

/** `data.effect` says whether it may have been done all the same. */
export function engineError(
  asked: Asked,
  why: Why,
  said: string,
  more: { readonly status?: number; readonly effect?: 'none'; readonly cause?: unknown } = {},
): AppError {
  const { status, cause } = more
  const unclear = why === 'server-error' || why === 'network' || why === 'timed-out' || why === 'malformed'
  const effect = asked.method === 'GET' || !unclear ? 'none' : (more.effect ?? 'unknown')
  const data = { where: asked.where, why, effect, ...(status === undefined ? {} : { status }) }
  const told = said.length > longestSaid ? `${said.slice(0, longestSaid)}…` : said
  return new AppError(codeOf(why), `${asked.where}: ${asked.method} ${asked.path}: ${told}`, { cause, data })
}

function codeOf(why: Why): ErrorCode {
  if (why === 'conflict') return 'target.conflict'
  return why === 'not-found' || why === 'refused' || why === 'version' ? 'target.refused' : 'target.unavailable'
}

/** `why` of an error of this connector; null: it is none. */
export function whyOf(thrown: unknown): Why | null {
  return thrown instanceof AppError && 'where' in thrown.data && 'why' in thrown.data
    ? (thrown.data['why'] as Why)
    : null
}

/** Podman answers a name that is taken, and a container in another state, with 500 where Docker answers 409 (4.3.1). */
const conflicting = /already (?:in use|exists|used)|container state improper/i

/** Of an answer that refuses; `body` as far as it was read. */
export function statusError(asked: Asked, status: number, body: string): AppError {
  const said = messageIn(body) || `HTTP ${status}`
  return engineError(asked, whyOfStatus(status, said), said, { status })
}

function whyOfStatus(status: number, said: string): Why {
  if (status === 404) return 'not-found'
  if (status === 409 || (status === 500 && conflicting.test(said))) return 'conflict'
  if (status === 400 && /client version .* is too (?:old|new)/i.test(said)) return 'version'
  if (status >= 500) return 'server-error'
  return status >= 400 ? 'refused' : 'malformed'
}

function messageIn(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown }
    return typeof message === 'string' ? message : ''
  } catch {
    return body.trim()
  }
}

/** It never got there. */
const unreached = new Set(['ENOENT', 'EACCES', 'ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket; is the engine running?',
  EACCES: 'let the user that runs Regista write to the socket',
  ECONNREFUSED: 'nobody answers there; is the engine running?',
}

/** Of a call that got no answer, or not all of it. */
export function networkError(asked: Asked, thrown: unknown): AppError {
  if (thrown instanceof AppError) {
    return thrown.code === 'timed-out' ? engineError(asked, 'timed-out', thrown.detail, { cause: thrown }) : thrown
  }
  const code = (thrown as Partial<NodeJS.ErrnoException> | null)?.code ?? ''
  const distrust = /CERT|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code)
  const next = distrust ? 'check the authority (tls.ca) and the name that the engine is known by' : advice[code]
  const why = code === 'UND_ERR_CONNECT_TIMEOUT' ? 'timed-out' : 'network'
  return engineError(asked, why, [code || messageOf(thrown), next].filter(Boolean).join('; '), {
    cause: thrown,
    ...(unreached.has(code) || distrust ? { effect: 'none' } : {}),
  })
}
