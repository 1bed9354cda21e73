/**
 * What the conditions of a claim or composite resource come to: a message and a health. Reasons and texts are those of
 * Crossplane (crossplane-runtime apis/common condition.go; claim reconciler `Waiting`).
 */
import type { KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Health } from '../model.ts'
import { wireLimits } from '../wire.ts'

/** `original`: the five texts of machinery-status-collector, and nothing else. */
export type Wording = 'full' | 'original'

export interface Condition {
  readonly status: string
  readonly reason: string
  readonly message: string
  /** Generation that it is about; null: not told. */
  readonly generation: number | null
}

/** What is kept of an object: enough for its status, whatever becomes of its composite resource. */
export interface Facts {
  /** Whether there are any conditions at all. */
  readonly any: boolean
  readonly ready: Condition | null
  readonly synced: Condition | null
  /** Crossplane 2: False where its watches were stopped for changing too often. */
  readonly responsive: Condition | null
  readonly deleting: boolean
  readonly paused: boolean
  readonly generation: number | null
  /** The composite resource of a claim. */
  readonly composite: CompositeRef | null
  /** A composite resource that a claim speaks for. */
  readonly claimed: boolean
}

export interface CompositeRef {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly name: string
}

export interface Told {
  readonly message: string
  readonly health: Health
}

type Json = Readonly<Record<string, unknown>>

/** Throws where `status.conditions` is no list of conditions, as the original sends nothing then. */
export function factsOf(object: KubernetesObject): Facts {
  const { metadata } = object
  const [spec, status] = [recordOf(object['spec']), recordOf(object['status'])]
  const listed = status['conditions'] ?? []
  if (!Array.isArray(listed)) throw new AppError('source.invalid', 'status.conditions is no list')
  const conditions = listed.filter((one): one is Json => typeof one === 'object' && one !== null)
  // The first of a type counts, as in the original.
  const named = (type: string) => {
    const found = conditions.find((one) => one['type'] === type)
    return found === undefined ? null : conditionOf(found)
  }
  return {
    any: listed.length > 0,
    ready: named('Ready'),
    synced: named('Synced'),
    responsive: named('Responsive'),
    deleting: metadata['deletionTimestamp'] !== undefined,
    paused: metadata.annotations?.['crossplane.io/paused'] === 'true',
    generation: typeof metadata.generation === 'number' ? metadata.generation : null,
    composite: compositeOf(spec['resourceRef']),
    claimed: typeof recordOf(spec['claimRef'])['name'] === 'string',
  }
}

function conditionOf(from: Json): Condition {
  const text = (field: string) => (typeof from[field] === 'string' ? from[field] : '')
  const generation = from['observedGeneration']
  return {
    status: text('status'),
    reason: text('reason'),
    message: text('message'),
    generation: typeof generation === 'number' ? generation : null,
  }
}

function compositeOf(ref: unknown): CompositeRef | null {
  const { apiVersion, kind, name } = recordOf(ref)
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || typeof name !== 'string') return null
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion]
  return { group: group!, version: version!, kind, name }
}

function recordOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

/**
 * It says no more than that its composite resource is not ready: the cause is to be found there. Releases before 1.14
 * put the sentence into the reason.
 */
export function onlyWaits({ ready, deleting }: Facts): boolean {
  if (deleting || ready === null || ready.status !== 'False') return false
  return ready.reason === 'Waiting' || waiting.test(ready.message) || waiting.test(ready.reason)
}

const waiting = /^(?:Claim|Composite resource claim) is waiting\b/

/** What a composite resource says of why it is not ready; null: nothing. */
export function causeOf({ ready, synced }: Facts): string | null {
  if (synced?.status === 'False' && synced.message !== '') return synced.message
  if (ready?.status === 'False' && ready.message !== '') return ready.message
  return null
}

/** `cause`: of its composite resource; used where the object itself only says that it waits. */
export function tell(facts: Facts, wording: Wording, cause: string | null = null): Told {
  const message = wording === 'original' ? originalMessage(facts) : fullMessage(facts, cause)
  return { message: bounded(message), health: healthOf(facts) }
}

/** Healthy is what is ready and did not fail to sync: Ready alone keeps its old value when a sync fails. */
function healthOf({ any, ready, synced, deleting }: Facts): Health {
  if (deleting || (ready?.status === 'False' && ready.reason === 'Deleting')) return 'deleting'
  if (!any) return 'creating'
  if (synced?.status === 'False' && synced.reason !== 'ReconcilePaused') return 'error'
  if (ready === null) return 'creating'
  if (ready.status === 'True') return 'active'
  if (ready.status !== 'False') return 'unknown'
  const underWay = ready.reason === 'Creating' || ready.reason === 'Waiting' || waiting.test(ready.reason)
  return underWay ? 'creating' : 'error'
}

function originalMessage({ any, ready }: Facts): string {
  if (!any) return 'no status conditions available'
  if (ready === null) return 'no Ready condition found'
  return ready.message === '' ? `Ready=${ready.status}` : ready.message
}

/** `Ready: False (Creating): Unready resources: cat; Synced: True`. */
function fullMessage(facts: Facts, cause: string | null): string {
  const { any, ready, synced, responsive, deleting, paused, generation } = facts
  const told = ready !== null && cause !== null && onlyWaits(facts) ? { ...ready, message: cause } : ready
  const parts = [
    told === null ? (any ? 'no Ready condition' : 'no conditions yet') : partOf('Ready', told),
    ...(synced === null ? [] : [partOf('Synced', synced)]),
    ...(responsive === null || responsive.status === 'True' ? [] : [partOf('Responsive', responsive)]),
  ]
  const well = ready?.status === 'True' && [synced, responsive].every((one) => (one?.status ?? 'True') === 'True')
  const text = parts.join(well ? ', ' : '; ')
  const seen = ready?.generation ?? null
  const behind = generation !== null && seen !== null && seen < generation ? ` (about generation ${seen})` : ''
  return `${deleting ? 'Deleting; ' : ''}${paused ? 'Paused; ' : ''}${text}${behind}`
}

function partOf(type: string, { status, reason, message }: Condition): string {
  const state = `${type}: ${status === '' ? 'Unknown' : status}`
  if (status === 'True') return state
  // A sentence for a reason only stands where nothing better is known.
  const why = reason === '' || (message !== '' && waiting.test(reason)) ? '' : ` (${reason})`
  return message === '' ? `${state}${why}` : `${state}${why}: ${message}`
}

/** What every ledger and every YAML reader takes: no NUL, no half of a surrogate pair, not longer than agreed. */
function bounded(message: string): string {
  const text = message.replaceAll('\0', '\uFFFD').toWellFormed()
  if (Buffer.byteLength(text) <= wireLimits.messageBytes) return text
  const most = wireLimits.messageBytes - Buffer.byteLength('…')
  // Whole characters: what the cut left of the last one reads as U+FFFD.
  const cut = Buffer.from(text).subarray(0, most).toString()
  return `${cut.replace(/\uFFFD+$/, '')}…`
}
