/** Service accounts of clusters: who may tell of which cluster, as the configuration or the drop-in's file says. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Http } from '../../../connectors/http/client.ts'
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import type { Identity } from '../../../kernel/route.ts'
import { createClusterIdentity, type Issuer, type Reviewer } from './cluster-identity.ts'
import { readIssuerKeys, type KeySet } from './keys.ts'
import { createReview } from './review.ts'
import type { IdentityEntry } from './settings.ts'

export interface IdentityParts {
  readonly http: Http
  readonly clock: Clock
  /** Where relative paths are meant from. */
  readonly base: string
  /** The cluster that this runs in; opened where it is to be asked. */
  readonly kubernetes: () => Promise<Kubernetes>
}

const keysBound: Ms = 20_000

export async function openIdentity(entries: readonly IdentityEntry[], parts: IdentityParts): Promise<Identity> {
  const issuers: Issuer[] = []
  const reviewers: Reviewer[] = []
  for (const one of entries) {
    if ('review' in one) reviewers.push({ ...one, review: createReview(await parts.kubernetes(), parts.clock) })
    else issuers.push({ ...one, keys: () => keysOf(one.issuer, one.keys ?? null, parts) })
  }
  return createClusterIdentity({ issuers, reviewers, clock: parts.clock })
}

async function keysOf(issuer: string, keys: string | null, { http, clock, base }: IdentityParts): Promise<KeySet> {
  if (keys !== null && !/^https?:/.test(keys)) return JSON.parse(await readFile(resolve(base, keys), 'utf8')) as KeySet
  const deadline = createDeadline(clock, keysBound, undefined, `${issuer} was asked for its keys`)
  try {
    return await deadline.within(readIssuerKeys(http, { issuer, url: keys, token: null }, deadline.signal))
  } finally {
    deadline.end()
  }
}
