/** Tokens verified by the keys of their issuer (RFC 7517, RFC 7519; OpenID Connect Discovery 1.0). */
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet } from 'jose'
import type { Http } from '../../../connectors/http/client.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'

export type KeySet = JSONWebKeySet

export interface IssuerKeys {
  /** null: not a valid token of this issuer for this audience. Rejects where its keys cannot be read. */
  verify(token: string): Promise<{ readonly sub: string; readonly until: Instant } | null>
}

/** Keys of a cluster are replaced while old ones still count. */
const keptFor: Ms = 600_000
/** A token with an unknown key may come from anybody: the issuer is not asked again sooner. */
const askedEvery: Ms = 30_000
/** None that are symmetric: a public key would do for a secret. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
/** Seconds by which clocks may differ. */
const tolerance = 30

export function createIssuerKeys(options: {
  readonly issuer: string
  readonly audience: string
  readonly keys: () => Promise<KeySet>
  readonly clock: Clock
}): IssuerKeys {
  const { issuer, audience, clock } = options
  let read: { readonly at: Ms; readonly find: ReturnType<typeof createLocalJWKSet> } | null = null
  let reading: Promise<void> | null = null

  function readKeys(): Promise<void> {
    reading ??= options
      .keys()
      .then((keys) => {
        read = { at: clock.monotonic(), find: createLocalJWKSet(keys) }
      })
      .finally(() => {
        reading = null
      })
    return reading
  }

  async function check(token: string) {
    const { payload } = await jwtVerify(token, read!.find, {
      issuer,
      audience,
      algorithms,
      clockTolerance: tolerance,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(clock.now()),
    })
    return { sub: payload.sub!, until: payload.exp! * 1000 }
  }

  return {
    async verify(token) {
      const age = () => (read === null ? Infinity : clock.monotonic() - read.at)
      if (age() >= keptFor) await readKeys()
      try {
        return await check(token)
      } catch (thrown) {
        if (!(thrown instanceof errors.JOSEError)) throw thrown
        if (!(thrown instanceof errors.JWKSNoMatchingKey) || age() < askedEvery) return null
      }
      await readKeys()
      return check(token).catch(() => null)
    },
  }
}

const mostBytes = 1 << 20
const answerBound: Ms = 10_000

/**
 * Reads the keys that an issuer publishes: at `url`, else where its discovery document says, which must be at its own
 * origin. `token` is shown to both.
 */
export async function readIssuerKeys(
  http: Pick<Http, 'request'>,
  { issuer, url, token }: { readonly issuer: string; readonly url: string | null; readonly token: string | null },
  signal: AbortSignal,
): Promise<KeySet> {
  const read = async (address: string): Promise<Readonly<Record<string, unknown>>> => {
    const { origin, pathname, search } = new URL(address)
    const headers = { accept: 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) }
    const ask = { method: 'GET', origin, path: pathname + search, headers, timeout: answerBound } as const
    const answer = await http.request(ask, signal)
    const text = (await answer.bytes(mostBytes, answerBound)).toString('utf8')
    if (answer.status !== 200) throw new AppError('source.unavailable', `${address} answers ${answer.status}`)
    return JSON.parse(text) as Record<string, unknown>
  }
  const at = url ?? (await read(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`))['jwks_uri']
  if (typeof at !== 'string' || (url === null && new URL(at).origin !== new URL(issuer).origin)) {
    throw new AppError('source.invalid', `${issuer} publishes no keys at its own address; name them`)
  }
  const found = await read(at)
  if (!Array.isArray(found['keys'])) throw new AppError('source.invalid', `${at} holds no keys`)
  return found as unknown as KeySet
}
