/** Service accounts of clusters, as the drop-in's file names them: who may tell of which cluster. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { load } from 'js-yaml'
import { z } from 'zod'
import type { Http } from '../../connectors/http/client.ts'
import type { Kubernetes } from '../../connectors/kubernetes/client.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { AppError, messageOf } from '../../kernel/errors.ts'
import type { Identity } from '../../kernel/route.ts'
import { createClusterIdentity, type Issuer, type Reviewer } from './access.ts'
import { readIssuerKeys, type KeySet } from './access-keys.ts'
import { createReview } from './access-review.ts'

const text = z.string().min(1)
const who = {
  cluster: text,
  audience: text.default('machinery-status-collector'),
  accounts: z.array(text.regex(/^[^/\s]+\/[^/\s]+$/, 'is not NAMESPACE/NAME')).min(1),
}
const entry = z.union([
  /** `keys`: URL or path of a JWKS; without it the issuer is asked where it is. */
  z.strictObject({ ...who, issuer: z.url(), keys: text.optional() }),
  /** The cluster that this runs in is asked. */
  z.strictObject({ ...who, review: z.literal(true) }),
])

export interface IdentityParts {
  readonly file: string
  readonly http: Http
  readonly clock: Clock
  /** The cluster that this runs in; opened where it is to be asked. */
  readonly kubernetes: () => Promise<Kubernetes>
}

const keysBound: Ms = 20_000

/** Rejects with `config.invalid`, naming the file. */
export async function openIdentity({ file, http, clock, kubernetes }: IdentityParts): Promise<Identity> {
  const entries = await readEntries(file)
  const issuers: Issuer[] = []
  const reviewers: Reviewer[] = []
  for (const one of entries) {
    if ('review' in one) {
      const opened = await kubernetes()
      reviewers.push({ ...one, review: createReview(opened, clock) })
    } else {
      const { keys } = one
      issuers.push({ ...one, keys: () => keysOf(one.issuer, keys ?? null, { http, clock }) })
    }
  }
  return createClusterIdentity({ issuers, reviewers, clock })
}

async function readEntries(file: string) {
  const invalid = (what: string, cause?: unknown) => new AppError('config.invalid', `${file}: ${what}`, { cause })
  let found: unknown
  try {
    found = load(await readFile(file, 'utf8'))
  } catch (thrown) {
    throw invalid(messageOf(thrown).split('\n', 1)[0]!, thrown)
  }
  if (!Array.isArray(found)) throw invalid('is no list')
  return found.map((one, index) => {
    const read = entry.safeParse(one)
    if (read.success) return read.data
    const [issue] = read.error.issues
    const [first] = issue?.code === 'invalid_union' ? (issue.errors[0] ?? []) : [issue]
    const where = first?.path.join('.') ?? ''
    throw invalid(`entry ${index + 1}${where && `, ${where}`}: ${first?.message ?? 'names neither issuer nor review'}`)
  })
}

async function keysOf(
  issuer: string,
  keys: string | null,
  { http, clock }: Pick<IdentityParts, 'http' | 'clock'>,
): Promise<KeySet> {
  if (keys !== null && !/^https?:/.test(keys)) return JSON.parse(await readFile(resolve(keys), 'utf8')) as KeySet
  const deadline = createDeadline(clock, keysBound, undefined, `${issuer} was asked for its keys`)
  try {
    return await deadline.within(readIssuerKeys(http, { issuer, url: keys, token: null }, deadline.signal))
  } finally {
    deadline.end()
  }
}
