/** Personal access tokens, and installation tokens of a GitHub App. Nobody looks at how long a token is: that changes. */
import { createPrivateKey, sign, type KeyObject } from 'node:crypto'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { malformed } from '../forge/answers.ts'
import { errorOfReply } from './errors.ts'
import type { ApiAddress, Exchange } from './exchange.ts'

export type Credentials = { readonly token: string } | { readonly app: AppCredentials }

export interface AppCredentials {
  readonly id: string | number
  readonly installation: string | number
  /** Private key, PEM. */
  readonly key: string
}

export interface Authority {
  /** The header's value. */
  authorization(signal: AbortSignal): Promise<string>
  /** It was not taken: whether there may be another one. */
  renew(authorization: string): boolean
  /** Without secrets, those that this client knows and those that look like one. */
  hide(text: string): string
}

/** Of an App's own token: GitHub allows ten minutes; it begins earlier for clocks that are behind (docs: generating a JWT). */
const [jwtBefore, jwtAfter]: [Ms, Ms] = [60_000, 540_000]
/** An installation token lives an hour; one that ends within this is not used any more. */
const spare: Ms = 5 * 60_000

/** `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_` and `github_pat_`; since 2026-04 with dots of a JWT in it. */
const tokens = /\b(gh[a-z]_|github_pat_)[\w.-]+/g

export interface AuthorityParts {
  readonly credentials: Credentials
  readonly clock: Clock
  readonly exchange: Exchange
  readonly api: ApiAddress
  /** owner/name. */
  readonly repository: string
}

/** Throws `config.invalid` where the key is none. */
export function createAuthority(parts: AuthorityParts): Authority {
  const { credentials } = parts
  if ('app' in credentials) return createAppAuthority(parts, credentials.app)
  const { token } = credentials
  return {
    authorization: () => Promise.resolve(`Bearer ${token}`),
    renew: () => false,
    hide: (text) => hideIn(text, token),
  }
}

function createAppAuthority(parts: AuthorityParts, app: AppCredentials): Authority {
  const { clock } = parts
  const key = keyOf(app)
  let known: { authorization: string; until: Instant } | null = null

  async function ask(signal: AbortSignal): Promise<string> {
    const { token, expires } = await installationToken(parts, app, jwt(key, app.id, clock.now()), signal)
    known = { authorization: `Bearer ${token}`, until: expires - spare }
    return known.authorization
  }

  return {
    async authorization(signal) {
      if (known !== null && clock.now() < known.until) return known.authorization
      // Two at a time may each get one: both are good.
      return ask(signal)
    },
    renew(authorization) {
      if (known?.authorization === authorization) known = null
      return true
    },
    hide: (text) => hideIn(text, known?.authorization.slice('Bearer '.length) ?? ''),
  }
}

async function installationToken(
  { exchange, api, repository, clock }: AuthorityParts,
  { installation }: AppCredentials,
  own: string,
  signal: AbortSignal,
): Promise<{ token: string; expires: Instant }> {
  const what = `get a token for installation ${installation}`
  const reply = await exchange(
    {
      what,
      method: 'POST',
      kind: 'read',
      path: `${api.base}/app/installations/${encodeURIComponent(installation)}/access_tokens`,
      authorization: `Bearer ${own}`,
      // For nothing but what it is used for.
      body: { repositories: [repository.slice(repository.indexOf('/') + 1)] },
    },
    signal,
  )
  const asked = { host: api.host, repository, what }
  if (reply.status !== 201) throw errorOfReply(asked, reply, (text) => hideIn(text, own))
  let read: { token?: unknown; expires_at?: unknown }
  try {
    read = JSON.parse(reply.body.toString()) as typeof read
  } catch (thrown) {
    throw malformed(asked, 'something that is no JSON', thrown)
  }
  const expires = Date.parse(String(read.expires_at))
  if (typeof read.token !== 'string' || read.token === '') throw malformed(asked, 'no token')
  return { token: read.token, expires: Number.isNaN(expires) ? clock.now() + spare : expires }
}

function keyOf({ key, id }: AppCredentials): KeyObject {
  try {
    return createPrivateKey(key)
  } catch {
    // The parser's words may quote the key.
    throw new AppError('config.invalid', `the key of GitHub App ${id} is no private key (PEM)`)
  }
}

/** RS256, as GitHub wants it. */
export function jwt(key: KeyObject, issuer: string | number, now: Instant): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const seconds = (at: Instant) => Math.floor(at / 1000)
  const claims = { iat: seconds(now - jwtBefore), exp: seconds(now + jwtAfter), iss: String(issuer) }
  const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`
}

function hideIn(text: string, secret: string): string {
  const without = secret === '' ? text : text.replaceAll(secret, '[hidden]')
  return without.replaceAll(tokens, '$1[hidden]')
}
