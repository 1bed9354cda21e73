/**
 * Which entry of a registry file a status is about. The first rule that finds one counts:
 *
 *   1  the same claimRef, as the original has it; of several the first
 *   2  the manifest at the entry's path is that object (only where paths are given)
 *   3  its namespace/name is the claimRef, or that of the object
 *   4  its claimRef is `resource[.version]/name` of that object
 *
 * What is not clear is written to nobody: an entry with two equal claims on it, a status with two equal entries.
 */
import type { Key } from '../../../engine/source.ts'
import type { ClaimStatus, ObjectName } from '../model.ts'
import type { RegistryClaim } from './claim.ts'
import { contradicts, evidence, idsOf, kindOf, objectId, resourceAndName } from './evidence.ts'

export interface MatchOptions {
  /** The one that a file is about which names none. Without it any may be meant, but never two for one entry. */
  readonly cluster?: string | undefined
  /** What the manifests at the entries' paths are, see manifest.ts. */
  readonly byPath?: ReadonlyMap<string, readonly ObjectName[]> | undefined
}

export interface Match {
  /** Each entry at most once. It may be locked, which is no matter where its status is written elsewhere. */
  readonly found: ReadonlyMap<Key, RegistryClaim>
  readonly unmatched: readonly Key[]
  /** With one sentence that names the lines. */
  readonly ambiguous: ReadonlyMap<Key, string>
  /** What three fields said of an object that another key tells more of → that key. Nothing is to be done about it. */
  readonly superseded: ReadonlyMap<Key, Key>
}

interface Contender {
  readonly key: Key
  readonly status: ClaimStatus
  readonly rule: number
}

export function matchStatuses(
  file: { readonly claims: readonly RegistryClaim[] },
  statuses: Iterable<readonly [Key, ClaimStatus]>,
  options: MatchOptions = {},
): Match {
  const find = finder(file.claims, options)
  const contenders = new Map<RegistryClaim, Contender[]>()
  const found = new Map<Key, RegistryClaim>()
  const unmatched: Key[] = []
  const ambiguous = new Map<Key, string>()
  const superseded = new Map<Key, Key>()
  for (const [key, status] of statuses) {
    const hit = find(status)
    if (hit === null) unmatched.push(key)
    else if (hit.claims.length > 1) {
      ambiguous.set(key, `${hit.claims.length} entries have its name, on lines ${lines(hit.claims)}`)
    } else {
      const [claim] = hit.claims as [RegistryClaim]
      contenders.set(claim, [...(contenders.get(claim) ?? []), { key, status, rule: hit.rule }])
    }
  }
  for (const [claim, all] of contenders) {
    const { winner, why } = judge(claim, all, options)
    for (const { key, status } of all) {
      if (winner === null) ambiguous.set(key, why)
      else if (key === winner.key) found.set(key, claim)
      else if (status.object === null) superseded.set(key, winner.key)
      else unmatched.push(key)
    }
  }
  return { found, unmatched, ambiguous, superseded }
}

const lines = (claims: readonly RegistryClaim[]) => [...new Set(claims.map(({ line }) => line))].join(', ')

/** Whose the entry is. Objects come before what three fields say, then what the entry itself tells, then the rule. */
function judge(
  claim: RegistryClaim,
  all: readonly Contender[],
  { byPath }: MatchOptions,
): { readonly winner: Contender | null; readonly why: string } {
  const [only, ...others] = all as [Contender, ...Contender[]]
  if (others.length === 0) return { winner: only, why: '' }
  const clusters = new Set(all.map(({ status }) => status.cluster))
  if (clusters.size > 1) {
    const names = [...clusters].toSorted().map((name) => JSON.stringify(name))
    return { winner: null, why: `clusters ${names.join(', ')} have a claim for the entry on line ${claim.line}` }
  }
  const objects = all.filter(({ status }) => status.object !== null)
  const rank = ({ status, rule }: Contender) => 10 * evidence(claim, status, byPath) - rule
  const ranked = (objects.length > 0 ? objects : all).toSorted((a, b) => rank(b) - rank(a))
  const [first, second] = ranked as [Contender, Contender | undefined]
  if (second === undefined || rank(first) > rank(second)) return { winner: first, why: '' }
  const kinds = objects.map(({ status }) => `${status.object!.kind} ${status.object!.namespace}/${status.object!.name}`)
  const names = [...new Set(kinds)].toSorted().map((name) => JSON.stringify(name))
  return { winner: null, why: `${names.join(', ')} all have the name of the entry on line ${claim.line}` }
}

interface Hit {
  readonly rule: number
  /** More than one: none is nearer than the others. */
  readonly claims: readonly RegistryClaim[]
}

function finder(claims: readonly RegistryClaim[], options: MatchOptions): (status: ClaimStatus) => Hit | null {
  const byRef = new Index()
  const byObject = new Index()
  const byName = new Index()
  const byResource = new Index()
  for (const claim of claims) {
    const cluster = claim.cluster ?? options.cluster ?? null
    if (claim.claimRef !== null && claim.claimRef !== '') byRef.add(cluster, claim.claimRef, claim)
    if (claim.name !== '') byName.add(cluster, `${claim.namespace}/${claim.name}`, claim)
    const named = resourceAndName(claim.claimRef)
    if (named) byResource.add(cluster, `${claim.namespace}/${named.name}`, claim)
    const objects = claim.path === null ? undefined : options.byPath?.get(claim.path)
    for (const id of (objects ?? []).flatMap((object) => idsOf(object, claim))) byObject.add(cluster, id, claim)
  }
  const near = (status: ClaimStatus) => (claim: RegistryClaim) => !contradicts(claim, status, options.byPath)
  return (status) => {
    const { cluster, claimRef, object } = status
    const exact = firstOf(byRef.get(cluster, claimRef), status)
    if (exact) return { rule: 1, claims: [exact] }
    if (object !== null) {
      const same = byObject.get(cluster, objectId(object))
      if (same.length > 0) return { rule: 2, claims: same }
    }
    const own = object === null ? claimRef : `${object.namespace}/${object.name}`
    const named = [...new Set([...byName.get(cluster, claimRef), ...byName.get(cluster, own)])].filter(near(status))
    if (named.length > 0) return { rule: 3, claims: nearest(named, status, options) }
    if (object === null) return null
    const resources = byResource.get(cluster, own).filter((claim) => evidence(claim, status, options.byPath) > 0)
    return resources.length > 0 ? { rule: 4, claims: resources } : null
  }
}

/** A claimRef that is a kind is that of many: then the object must have the entry's name, as far as it is told. */
function firstOf(claims: readonly RegistryClaim[], { claimRef, object }: ClaimStatus): RegistryClaim | undefined {
  if (object === null || claims.length === 0 || kindOf(claimRef) === null) return claims[0]
  return claims.find(({ namespace, name }) => namespace === object.namespace && name === object.name)
}

function nearest(claims: readonly RegistryClaim[], status: ClaimStatus, { byPath }: MatchOptions): RegistryClaim[] {
  const rated = claims.map((claim) => ({ claim, of: evidence(claim, status, byPath) }))
  const most = Math.max(...rated.map((rating) => rating.of))
  return rated.filter((rating) => rating.of === most).map(({ claim }) => claim)
}

/** Entries by cluster and name; those that are of no cluster are found for any. */
class Index {
  readonly #entries = new Map<string | null, Map<string, RegistryClaim[]>>()

  add(cluster: string | null, name: string, claim: RegistryClaim): void {
    let names = this.#entries.get(cluster)
    if (!names) this.#entries.set(cluster, (names = new Map<string, RegistryClaim[]>()))
    const known = names.get(name)
    if (known) known.push(claim)
    else names.set(name, [claim])
  }

  get(cluster: string, name: string): readonly RegistryClaim[] {
    const own = this.#entries.get(cluster)?.get(name)
    const any = this.#entries.get(null)?.get(name)
    return own && any ? [...own, ...any] : (own ?? any ?? [])
  }
}
