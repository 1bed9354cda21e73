/**
 * Informers that show the token of their service account. It is verified against the keys of the cluster that issued
 * it, or by that cluster's TokenReview where it can be asked; who may tell of a cluster is named by the config, for
 * any pod can have a token for any audience.
 */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Caller, Identity } from '../../../kernel/route.ts'
import { createIssuerKeys, type KeySet } from './keys.ts'

interface Accounts {
  /** What its claims are told under. */
  readonly cluster: string
  readonly audience: string
  /** `namespace/name` of the service accounts that may. */
  readonly accounts: readonly string[]
}

export interface Issuer extends Accounts {
  /** As tokens say it (`iss`). */
  readonly issuer: string
  /** Reads its keys (JWKS). */
  readonly keys: () => Promise<KeySet>
}

export interface Reviewer extends Accounts {
  /** null: the cluster does not know it. Rejects where the cluster does not answer. */
  review(token: string, audience: string): Promise<Reviewed | null>
}

export interface Reviewed {
  /** `system:serviceaccount:namespace:name`. */
  readonly user: string
  /** Those that the token is for; null: the cluster does not say. */
  readonly audiences: readonly string[] | null
}

export interface AccessOptions {
  readonly issuers: readonly Issuer[]
  readonly reviewers: readonly Reviewer[]
  readonly clock: Clock
}

/** What a cluster said of a token counts so long. */
const reviewedFor: Ms = 60_000
/** Anybody may send what looks like a token: a cluster is not asked about more of them at a time. */
const mostReviews = 8

export function createClusterIdentity({ issuers, reviewers, clock }: AccessOptions): Identity {
  const known = issuers.map((issuer) => ({ issuer, keys: createIssuerKeys({ ...issuer, clock }) }))
  let reviewing = 0

  async function byKeys(token: string, named: string | null): Promise<Found | null> {
    // Two clusters may call themselves the same (kubeadm does): the keys tell which one it was.
    for (const { issuer, keys } of known) {
      if (issuer.issuer !== named) continue
      const claims = await keys.verify(token)
      if (claims !== null) return found(issuer, claims.sub, claims.until)
    }
    return null
  }

  async function byReview(token: string): Promise<Found | null> {
    if (reviewers.length === 0) return null
    if (reviewing >= mostReviews) throw new AppError('request.too-many', 'too many tokens are being reviewed')
    reviewing += 1
    try {
      for (const reviewer of reviewers) {
        const { audience } = reviewer
        const said = await reviewer.review(token, audience)
        if (said === null || said.audiences?.includes(audience) === false) continue
        return found(reviewer, said.user, clock.now() + reviewedFor)
      }
      return null
    } finally {
      reviewing -= 1
    }
  }

  return {
    async verify(bearer) {
      const named = issuerOf(bearer)
      if (named === undefined) return null
      return (await byKeys(bearer, named)) ?? byReview(bearer)
    },
  }
}

interface Found {
  readonly caller: Caller
  readonly until: Instant
}

const account = /^system:serviceaccount:([^:]+):([^:]+)$/

function found({ cluster, accounts }: Accounts, user: string, until: Instant): Found | null {
  const [, namespace, name] = account.exec(user) ?? []
  const who = `${namespace}/${name}`
  if (!accounts.includes(who)) return null
  return { caller: { name: `account:${cluster}/${who}`, role: 'operator', scopes: null, subject: cluster }, until }
}

/** Who it says has issued it, unverified; undefined: it is no token of a service account. */
function issuerOf(token: string): string | null | undefined {
  const parts = token.split('.')
  if (parts.length !== 3) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString('utf8'))
    const named = (claims as { iss?: unknown } | null)?.iss
    return typeof named === 'string' ? named : null
  } catch {
    return undefined
  }
}
