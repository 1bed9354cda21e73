/** Whom the API of Docker Hub lets in: a name and a password or access token are exchanged for a token of its own. */
import { z } from 'zod'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/retry.ts'
import type { Http } from '../http/client.ts'
import { orAborted } from '../oci/access.ts'
import { createAttempts } from '../oci/attempts.ts'
import { statusFailure, unavailable } from '../oci/failure.ts'
import type { Gate } from '../oci/gate.ts'
import type { Authority } from '../oci/json-api.ts'

export interface HubLoginParts {
  /** `https://hub.docker.com`. */
  readonly url: string
  readonly login: { readonly username: string; readonly password: string }
  readonly http: Http
  readonly gate: Gate
  readonly clock: Clock
  readonly random: Random
  /** Ends what is shared, which no single caller's signal may end. */
  readonly closing: AbortSignal
}

const shape = z.object({ access_token: z.string().regex(/^[\x21-\x7e]+$/) })
/** Where the token itself does not tell. */
const usualLifetime: Ms = 300_000
const longestLifetime: Ms = 24 * 3_600_000
/** Wrong passwords lock an account: a refused one is not tried again for this long. */
const refusal: Ms = 60_000
const longestAnswer = 64 << 10

export function createHubLogin({ url, login, http, gate, clock, random, closing }: HubLoginParts): Authority {
  const { origin, host } = new URL(url)
  const attempts = createAttempts({ gate, clock, random, where: host, most: 2 })
  let known: { readonly text: string; readonly until: Instant } | null = null
  let flight: Promise<string> | null = null
  let refused: { readonly error: unknown; readonly until: Instant } | null = null

  async function ask(signal: AbortSignal): Promise<string> {
    const body = JSON.stringify({ identifier: login.username, secret: login.password })
    const headers = { 'accept': 'application/json', 'content-type': 'application/json' }
    const answer = await http.request({ method: 'POST', origin, path: '/v2/auth/token', headers, body }, signal)
    if (answer.status !== 200) {
      const error = await statusFailure(answer, host, clock.now())
      if (answer.status === 401) refused = { error, until: clock.monotonic() + refusal }
      throw error
    }
    const bytes = await answer.bytes(longestAnswer)
    const found = shape.safeParse(jsonOf(bytes))
    // Without the cause: it may show a piece of the token.
    if (!found.success) throw unavailable('malformed', host, 'it answers with something else than a token')
    const text = found.data.access_token
    known = { text, until: clock.monotonic() + lifetimeOf(text, clock.now()) }
    return text
  }

  return {
    async authorization(signal) {
      if (known !== null && clock.monotonic() < known.until) return `Bearer ${known.text}`
      if (refused !== null && clock.monotonic() < refused.until) throw refused.error
      flight ??= attempts.run(ask, closing).finally(() => (flight = null))
      return `Bearer ${await orAborted(flight, signal, host)}`
    },
    renew(authorization) {
      if (known === null || authorization !== `Bearer ${known.text}`) return true
      known = null
      return true
    },
  }
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return null
  }
}

/** Four fifths of what the token says (RFC 7519 `exp`, by their clock against ours). */
function lifetimeOf(token: string, now: Instant): Ms {
  const [, payload = ''] = token.split('.')
  const { exp, iat } = (jsonOf(Buffer.from(payload, 'base64url')) ?? {}) as { exp?: unknown; iat?: unknown }
  if (typeof exp !== 'number') return usualLifetime
  const from = typeof iat === 'number' ? iat * 1000 : now
  return Math.min(Math.max((exp * 1000 - from) * 0.8, 1000), longestLifetime)
}
