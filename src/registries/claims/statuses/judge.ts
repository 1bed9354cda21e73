/** What becomes of what is told: changes what is held, and says what is to be written. */
import { put, type EventDraft } from '../../../engine/journal.ts'
import type { Scope } from '../../../engine/scope.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { isoTime } from '../../../kernel/clock.ts'
import { longestKey } from '../../../kernel/storable.ts'
import { newHeld, rowOf, type Held, type HeldCluster, type Holdings } from './held.ts'
import type { Written } from './ledger.ts'
import type { Told } from './told.ts'
import { claimStatuses } from '../tables.ts'
import type { Result } from '../wire.ts'

/** Everything that was sent, as one scope. */
export const pushed: Scope = 'pushed'

export interface Limits {
  readonly claims: number
  readonly clusters: number
  /** UTF-8 bytes. */
  readonly message: number
}

/** Of a rejected one, for those who answer in status codes. */
export type Refusal = 'too-long' | 'too-many'

export interface Verdict {
  readonly result: Result
  readonly refusal?: Refusal
  readonly held?: Held
}

export interface JudgeParts {
  readonly sync: string
  readonly holdings: Holdings
  readonly limits: Limits
  /** Each verdict adds what is to be written. */
  readonly changes: Written[]
  /** Nothing can be told to have been silent for longer than this process runs. */
  readonly since: Instant
}

const created = { result: { status: 'created' } } as const satisfies Verdict
const updated = { result: { status: 'updated' } } as const satisfies Verdict
const unchanged = { result: { status: 'unchanged' } } as const satisfies Verdict
const removed = { result: { status: 'removed' } } as const satisfies Verdict
const absent = { result: { status: 'absent' } } as const satisfies Verdict

/**
 * Three fields cannot say which kind they are about. While the object of that name is told of by somebody who can,
 * they are not applied; when that has been silent for so long, its informer was replaced by an old one.
 */
const replacedAfter: Ms = 3_600_000

export function judge(parts: JudgeParts, told: Told, by: string, at: Instant): Verdict {
  const { holdings } = parts
  const cluster = holdings.cluster(told.cluster)
  const held = cluster && holdings.find(cluster, told)
  if (cluster !== undefined) cluster.heardAt = at
  if (told.message === null) return judgeRemoval(parts, told, cluster, held, by, at)
  const known = held?.state === 'live'
  // Nobody's clock is ahead of ours: what is said to be later would keep later news out.
  const observedAt = Math.min(told.observedAt ?? at, at)
  if (held !== undefined && isOlder(told, observedAt, held)) return olderThan(held)
  if (known && held.message === told.message && held.health === told.health && held.claimRef === told.claimRef) {
    held.observedAt = Math.max(held.observedAt, observedAt)
    held.generation = told.generation ?? held.generation
    held.at = at
    return held.pending === null ? unchanged : { ...unchanged, held }
  }
  const refused = known ? refuseLong(parts.limits, told.message) : refuseNew(parts, told, cluster)
  if (refused !== null) return refused
  const home = cluster ?? holdings.addCluster(told.cluster, at)
  const other = told.object === null ? objectInstead(parts, home, told, by, at) : null
  if (other !== null) return other
  const now = held ?? newHeld(told)
  if (held === undefined) holdings.add(home, now)
  else if (held.claimRef !== told.claimRef) holdings.rename(home, held, told.claimRef)
  holdings.setState(home, now, 'live')
  Object.assign(now, { message: told.message, health: told.health, observedAt, generation: told.generation, by, at })
  note(parts, now, known ? 'claim.updated' : 'claim.created', by)
  if (told.object !== null) supersede(parts, home, home.plain.get(told.claimRef), by, at)
  return known ? { ...updated, held: now } : { ...created, held: now }
}

function judgeRemoval(
  parts: JudgeParts,
  told: Told,
  cluster: HeldCluster | undefined,
  held: Held | undefined,
  by: string,
  at: Instant,
): Verdict {
  if (cluster === undefined || held === undefined) return absent
  if (held.state === 'gone') return held.pending === null ? absent : { ...absent, held }
  const observedAt = Math.min(told.observedAt ?? at, at)
  if (isOlder(told, observedAt, held)) return olderThan(held)
  remove(parts, cluster, held, { observedAt, by, at })
  return { ...removed, held }
}

/** A tombstone. */
export function remove(
  parts: JudgeParts,
  cluster: HeldCluster,
  held: Held,
  { observedAt, by, at, reason }: { observedAt: Instant; by: string; at: Instant; reason?: string },
): void {
  parts.holdings.setState(cluster, held, 'gone')
  Object.assign(held, { observedAt, by, at })
  note(parts, held, 'claim.removed', by, reason)
}

/** What arrives without a time is as new as its arrival; two of the same time count as they come. */
function isOlder({ observedAt: said, generation }: Told, observedAt: Instant, held: Held): boolean {
  if (said === null) return false
  if (observedAt !== held.observedAt) return observedAt < held.observedAt
  return generation !== null && held.generation !== null && generation < held.generation
}

function olderThan(held: Held): Verdict {
  return { result: { status: 'older', observedAt: isoTime(held.observedAt) }, held }
}

/** History shows the beginning; a time only where it is not that of arrival. */
const mostShown = 1024

function note({ sync, changes, holdings }: JudgeParts, held: Held, type: string, by: string, reason?: string): void {
  const { message, health, observedAt, generation } = held
  const shown = message.length > mostShown ? message.slice(0, mostShown).toWellFormed() : message
  const plain = health === null && generation === null && observedAt === held.at
  const data = plain ? { message: shown } : { message: shown, health, observedAt, generation }
  const about: EventDraft = { type, sync, scope: pushed, key: held.key, actor: by, data }
  holdings.touched()
  changes.push({
    fact: put(claimStatuses, rowOf(sync, held), reason === undefined ? about : { ...about, reason }),
    held,
  })
}

/** The object that three fields are about, where exactly that is told of by somebody who names it. */
function objectInstead(parts: JudgeParts, home: HeldCluster, told: Told, by: string, at: Instant): Verdict | null {
  const named = (home.refs.get(told.claimRef) ?? []).filter(({ state }) => state === 'live')
  if (named.length === 0) return null
  const fresh = named.find((held) => at - Math.max(held.at, parts.since) < replacedAfter)
  if (fresh !== undefined) {
    const detail = 'an object of this name is told of by kind'
    return { result: { status: 'older', observedAt: isoTime(fresh.observedAt), detail }, held: fresh }
  }
  for (const held of named) supersede(parts, home, held, by, at)
  return null
}

function supersede(parts: JudgeParts, home: HeldCluster, held: Held | undefined, by: string, at: Instant): void {
  if (held?.state !== 'live') return
  remove(parts, home, held, { observedAt: held.observedAt, by, at, reason: 'superseded' })
}

function refuseNew(parts: JudgeParts, told: Told, cluster: HeldCluster | undefined): Verdict | null {
  const { limits, holdings } = parts
  if (newHeld(told).key.length > longestKey) return refuse('too-long', 'cluster and claim make too long a name')
  if (cluster === undefined && holdings.clusters.size >= limits.clusters) {
    return refuse('too-many', `there are ${limits.clusters} clusters, and no more are taken`)
  }
  if (holdings.live() >= limits.claims) {
    return refuse('too-many', `there are ${limits.claims} claims, and no more are taken`)
  }
  return refuseLong(limits, told.message ?? '')
}

/** At most 3 bytes per UTF-16 unit: only what may be too long is measured. */
function refuseLong(limits: Limits, message: string): Verdict | null {
  if (message.length * 3 <= limits.message || Buffer.byteLength(message) <= limits.message) return null
  return refuse('too-long', `statusMessage is longer than ${limits.message} bytes`)
}

function refuse(refusal: Refusal, detail: string): Verdict {
  return { result: { status: 'rejected', detail }, refusal }
}
