/** One token, asked for as Docker does: GET with Basic, or OAuth2 with a refresh token. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import type { Http, HttpRequest } from '../http/client.ts'
import type { Attempts } from './attempts.ts'
import type { Credential } from './credential.ts'
import { asUnavailable, statusFailure, unavailable, whyOf, type Why } from './failure.ts'
import type { Realm } from './realm.ts'

export interface TokenAsk {
  readonly realm: Realm
  readonly scope: string
  readonly credential: Exclude<Credential, { registryToken: string }> | null
  /** Host and repository, for messages. */
  readonly where: string
}

export interface Token {
  readonly text: string
  readonly lifetime: Ms
}

export interface TokenParts {
  readonly http: Http
  readonly attempts: Attempts
  readonly clock: Clock
  readonly timeout: Ms
  /** Of a token whose server does not say; the protocol of Docker has it a minute. */
  readonly lifetime?: Ms
}

export type FetchToken = (ask: TokenAsk, signal: AbortSignal) => Promise<Token>

const longestAnswer = 1 << 20
const usualLifetime: Ms = 60_000
const longestLifetime: Ms = 24 * 3_600_000

export function createTokens({ http, attempts, clock, timeout, lifetime = usualLifetime }: TokenParts): FetchToken {
  return (ask, signal) =>
    attempts.run(async (signal) => {
      const { realm, credential, where } = ask
      if (credential !== null && !realm.trusted) {
        const host = hostOf(realm)
        throw unavailable(
          'unauthorized',
          where,
          `its token server is ${host}, which is not shown the credentials; if it belongs to this registry, name ${host} among its realms`,
        )
      }
      const answer = await http.request(requestFor(ask, timeout), signal).catch((thrown: unknown) => {
        throw asUnavailable(thrown, hostOf(realm))
      })
      if (answer.status !== 200) {
        const cause = await statusFailure(answer, where, clock.now())
        const { retryAfter } = cause.data
        throw unavailable(whyOfRealm(cause), where, `token server ${hostOf(realm)}: ${cause.detail}`, {
          status: answer.status,
          ...(typeof retryAfter === 'number' && { retryAfter }),
          cause,
        })
      }
      const bytes = await answer.bytes(longestAnswer).catch((thrown: unknown) => {
        throw asUnavailable(thrown, hostOf(realm))
      })
      return readToken(bytes, where, lifetime)
    }, signal)
}

function hostOf({ origin }: Realm): string {
  return origin.slice(origin.indexOf('//') + 2)
}

/** Some token servers say 400 for what is a wrong password. */
function whyOfRealm(failure: AppError): Why {
  return failure.data['status'] === 400 ? 'unauthorized' : (whyOf(failure) ?? 'malformed')
}

function requestFor({ realm, scope, credential }: TokenAsk, timeout: Ms): HttpRequest {
  const { origin, path, service, guard } = realm
  const base = { origin, timeout, idle: timeout, ...(guard && { guard }) }
  if (credential !== null && 'identityToken' in credential) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'regista',
      scope,
      refresh_token: credential.identityToken,
      ...(service !== null && { service }),
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'accept': 'application/json' }
    return { ...base, method: 'POST', path, headers, body: form.toString() }
  }
  const query = new URLSearchParams({ ...(service !== null && { service }), scope })
  return {
    ...base,
    method: 'GET',
    path: `${path}${path.includes('?') ? '&' : '?'}${query.toString()}`,
    headers: { accept: 'application/json', ...(credential && { authorization: basic(credential) }) },
  }
}

export function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function readToken(bytes: Buffer, where: string, unsaid: Ms): Token {
  const malformed = (cause?: unknown) =>
    unavailable('malformed', where, 'its token server answers with something else than a token', { cause })
  let document: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null
  try {
    document = JSON.parse(bytes.toString()) as typeof document
  } catch {
    // Without the cause: its message shows a piece of what may be a token.
    throw malformed()
  }
  const text = document?.token || document?.access_token
  // Only what can stand in a header.
  if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) throw malformed()
  const seconds = Number(document?.expires_in)
  const lifetime = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : unsaid
  return { text, lifetime: Math.min(lifetime, longestLifetime) }
}
