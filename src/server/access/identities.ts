/** Callers with credentials that are no tokens of ours. Asked before the guard, which may not wait. */
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { sha256, type Digest } from '../../kernel/digest.ts'
import { asAppError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Caller, Identity } from '../../kernel/route.ts'
import type { Arrival } from '../arrival.ts'
import { tokenPrefix } from './token.ts'

export interface Identified {
  readonly caller: Caller
  readonly until: Instant
}

export interface Identities {
  /** null: there is nothing to wait for. Never rejects. */
  begin(request: Arrival): Promise<void> | null
  /** Whom the credential of the request names; null: nobody. */
  of(request: Arrival): Identified | null
}

/** What was found out counts so long at most. */
const keptFor: Ms = 60_000
const mostKept = 10_000
/** Longer ones are nobody's. */
const longest = 16_384

export function createIdentities(parts: {
  readonly identities: readonly Identity[]
  readonly clock: Clock
  readonly logger: Logger
}): Identities {
  const { identities, clock, logger } = parts
  const kept = new Map<Digest, Identified>()
  const found = new WeakMap<Arrival, Identified>()

  async function verify(request: Arrival, bearer: string, digest: Digest): Promise<void> {
    for (const identity of identities) {
      try {
        const one = await identity.verify(bearer)
        if (one === null) continue
        const until = Math.min(one.until, clock.now() + keptFor)
        if (kept.size >= mostKept) kept.delete(kept.keys().next().value!)
        kept.set(digest, { caller: one.caller, until })
        found.set(request, { caller: one.caller, until })
        return
      } catch (thrown) {
        logger.warn({ err: asAppError(thrown) }, 'a credential could not be verified')
      }
    }
  }

  return {
    begin(request) {
      const header = identities.length === 0 ? undefined : request.headers.authorization
      if (header === undefined || header.length > longest || header.includes(tokenPrefix)) return null
      const [scheme = '', bearer = ''] = header.split(' ')
      if (scheme.toLowerCase() !== 'bearer' || bearer === '') return null
      const digest = sha256(bearer)
      const known = kept.get(digest)
      if (known !== undefined && known.until > clock.now()) {
        found.set(request, known)
        return null
      }
      kept.delete(digest)
      return verify(request, bearer, digest)
    },
    of: (request) => found.get(request) ?? null,
  }
}
