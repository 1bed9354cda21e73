/** What the statuses of the ledger make of a registry file. Pure: no forge, no ledger. */
import type { Key } from '../../../engine/source.ts'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import { digestOf, type Digest } from '../../../kernel/digest.ts'
import type { ClaimEdit, ClaimFields, RegistryClaim } from '../file/claim.ts'
import type { Match } from '../file/match.ts'
import type { ClaimStatus } from '../model.ts'
import type { BodyRow } from './body.ts'

/** Why a change waits that nobody is asked about. */
export const fileReasons = { unmatched: 'unmatched', ambiguous: 'ambiguous', locked: 'entry-locked' } as const

export type Verdict =
  /** The file says it. `spot` null: and nothing of it is there. */
  | { readonly is: 'holds' | 'differs'; readonly spot: RegistryClaim | null }
  /** Another key tells more of the same object. */
  | { readonly is: 'superseded' }
  | { readonly is: keyof typeof fileReasons; readonly why: string | null }

export interface FileRules {
  readonly writeStatus: boolean
  readonly onDelete: 'keep' | 'mark' | 'remove'
}

export interface Judged {
  readonly verdicts: ReadonlyMap<Key, Verdict>
  readonly changes: readonly PlannedEdit[]
}

interface PlannedEdit {
  readonly edit: ClaimEdit
  /** What it says, without its time. */
  readonly says: readonly (string | null)[]
  readonly row: BodyRow
}

/** Finds the place that is written for an entry of the registry: itself, or what a file of ours has on it. */
export type SpotOf = (claim: RegistryClaim) => RegistryClaim | null

export interface FileWishes {
  readonly live: ReadonlyMap<Key, ClaimStatus>
  readonly withheld: ReadonlySet<Key>
  readonly gone: ReadonlyMap<Key, ClaimStatus>
  readonly removals: ReadonlySet<Key>
  readonly now: Instant
}

/** `matched`: of the live ones; `matchedGone`: of those that are gone. */
export function judgeFile(
  wishes: FileWishes,
  matched: Match,
  matchedGone: Match,
  spotOf: SpotOf,
  rules: FileRules,
): Judged {
  const verdicts = new Map<Key, Verdict>()
  const changes: PlannedEdit[] = []
  const taken = new Set<RegistryClaim>()
  for (const key of matched.unmatched) verdicts.set(key, { is: 'unmatched', why: null })
  for (const [key, why] of matched.ambiguous) verdicts.set(key, { is: 'ambiguous', why })
  for (const key of matched.superseded.keys()) verdicts.set(key, { is: 'superseded' })
  for (const [key, claim] of matched.found) {
    taken.add(claim)
    const status = wishes.live.get(key)!
    const spot = spotOf(claim)
    const set = fieldsFor(status, spot, rules)
    const locked = set === null ? null : (spot?.locked.set ?? null)
    verdicts.set(
      key,
      locked === null ? { is: set === null ? 'holds' : 'differs', spot } : { is: 'locked', why: locked },
    )
    if (set === null || locked !== null || wishes.withheld.has(key)) continue
    changes.push(putOf(claim, spot, status, set, rules))
  }
  for (const [key, status] of wishes.gone) {
    const claim = matchedGone.found.get(key)
    // Nothing of it is there, or what is there is about another one that lives.
    const spot = claim === undefined || taken.has(claim) ? null : spotOf(claim)
    const verdict = judgeGone(spot, rules)
    verdicts.set(key, verdict)
    if (verdict.is === 'differs' && wishes.removals.has(key)) changes.push(removalOf(spot!, status, wishes.now, rules))
  }
  return { verdicts, changes: changes.toSorted((a, b) => lineOf(a.edit) - lineOf(b.edit)) }
}

/** What must be written for the place to say the status; null: nothing. */
export function fieldsFor(
  status: Pick<ClaimStatus, 'message' | 'health'>,
  spot: RegistryClaim | null,
  { writeStatus }: Pick<FileRules, 'writeStatus'>,
): ClaimFields | null {
  const { health } = status
  // YAML has no halves of surrogate pairs.
  const message = status.message.toWellFormed()
  const set = {
    ...(spot?.statusMessage !== message && { statusMessage: message }),
    ...(writeStatus && health !== null && spot?.status !== health && { status: health }),
  }
  return Object.keys(set).length === 0 ? null : set
}

/** The time of a status alone is no change. */
export function contentOf({ changes }: Judged): Digest {
  return digestOf(changes.map(({ says }) => says))
}

const deleted = { message: 'deleted', health: 'deleted' } as const

function judgeGone(spot: RegistryClaim | null, rules: FileRules): Verdict {
  if (spot === null || rules.onDelete === 'keep') return { is: 'holds', spot: null }
  const done = rules.onDelete === 'mark' && fieldsFor(deleted, spot, rules) === null
  if (done) return { is: 'holds', spot: null }
  const why = rules.onDelete === 'mark' ? spot.locked.set : spot.locked.remove
  return why === null ? { is: 'differs', spot } : { is: 'locked', why }
}

function putOf(
  claim: RegistryClaim,
  spot: RegistryClaim | null,
  status: ClaimStatus,
  fields: ClaimFields,
  rules: FileRules,
): PlannedEdit {
  const set = { ...fields, lastCheckedAt: timeOf(status.observedAt) }
  const { cluster, name, namespace, claimRef } = claim
  const written = rules.writeStatus ? status.health : null
  return {
    edit: spot === null ? { add: { cluster, name, namespace, claimRef }, set } : { claim: spot, set },
    says: [cluster, namespace, name, claimRef, status.message, written],
    row: rowOf(
      status,
      spot,
      written === null ? status.message : `${written}: ${status.message}`,
      status.observedAt,
      rules,
    ),
  }
}

function removalOf(spot: RegistryClaim, status: ClaimStatus, now: Instant, rules: FileRules): PlannedEdit {
  const { cluster, name, namespace, claimRef } = spot
  const names = [cluster, namespace, name, claimRef]
  if (rules.onDelete === 'remove') {
    return { edit: { claim: spot, remove: true }, says: names, row: rowOf(status, spot, null, now, rules) }
  }
  const set = { ...fieldsFor(deleted, spot, rules), lastCheckedAt: timeOf(now) }
  return {
    edit: { claim: spot, set },
    says: [...names, deleted.message, deleted.health],
    row: rowOf(status, spot, deleted.message, now, rules),
  }
}

function rowOf(
  { cluster, claimRef }: ClaimStatus,
  spot: RegistryClaim | null,
  becomes: string | null,
  since: Instant,
  { writeStatus }: FileRules,
): BodyRow {
  const message = spot?.statusMessage ?? null
  const was = writeStatus && message !== null && spot?.status != null ? `${spot.status}: ${message}` : message
  return { cluster, claim: claimRef, was, becomes, since }
}

/** As registries write it: whole seconds. */
function timeOf(at: Instant): string {
  return isoTime(at).replace(/\.\d+Z$/, 'Z')
}

function lineOf(edit: ClaimEdit): number {
  return 'claim' in edit ? edit.claim.line : Number.MAX_SAFE_INTEGER
}
