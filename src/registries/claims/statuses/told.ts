/** What is told of one claim, whatever it was told in: one post, an item of a batch, of a snapshot. */
import type { Instant } from '../../../kernel/clock.ts'
import type { PostedFields } from './decode.ts'
import type { Health, ObjectName } from '../model.ts'
import { batchItem, wireLimits } from '../wire.ts'

export interface Told {
  readonly cluster: string
  readonly claimRef: string
  readonly object: ObjectName | null
  /** null: the claim is gone. */
  readonly message: string | null
  readonly health: Health | null
  /** null: not told; it counts as observed on arrival. */
  readonly observedAt: Instant | null
  readonly generation: number | null
}

const { nameLength } = wireLimits
const healths: ReadonlySet<unknown> = new Set(['active', 'creating', 'error', 'deleting', 'deleted', 'unknown'])
const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/

/**
 * An item as `batchItem` of wire.ts takes it, or what is wrong with it. By hand, for it runs for each of some
 * hundred thousand items a second; what it does not take is shown to the schema, which says why.
 */
export function readItem(value: unknown, cluster?: string): Told | { readonly detail: string } {
  const given = value as Fields | null
  // What a snapshot tells is about the cluster of its path.
  const fields =
    cluster === undefined || typeof given !== 'object' || given === null || given.cluster !== undefined
      ? given
      : { ...given, cluster }
  const told = typeof fields === 'object' && fields !== null ? readFields(fields) : null
  if (told === null) return { detail: whyNot(fields) }
  if (cluster !== undefined && told.cluster !== cluster) return { detail: `is about another cluster than ${cluster}` }
  return told
}

type Fields = Readonly<Record<string, unknown>>

function readFields(fields: Fields): Told | null {
  const { cluster, claimRef, statusMessage, health, deleted } = fields
  if (!isName(cluster) || !isName(claimRef)) return null
  if (health !== undefined && !healths.has(health) && deleted !== true) return null
  if (deleted !== true && (typeof statusMessage !== 'string' || statusMessage === '')) return null
  const object = objectOf(fields)
  const observedAt = instantOf(fields['observedAt'])
  const generation = generationOf(fields['generation'])
  if (object === undefined || observedAt === undefined || generation === undefined) return null
  return {
    cluster: wellFormed(cluster),
    claimRef: wellFormed(claimRef),
    object,
    message: deleted === true ? null : wellFormed(statusMessage as string),
    health: deleted === true ? null : ((health as Health | undefined) ?? null),
    observedAt,
    generation,
  }
}

/** Of the three fields and what a newer informer says besides; what of that makes no sense was not said. */
export function toldOf({ cluster, claimRef, statusMessage, others }: PostedFields): Told {
  const told = { cluster, claimRef, message: statusMessage }
  if (others === null) return { ...told, object: null, health: null, observedAt: null, generation: null }
  const fields: Record<string, unknown> = {}
  for (const name of ['group', 'kind', 'namespace', 'name', 'health', 'observedAt', 'generation']) {
    const text = others.get(name)
    if (text !== undefined) fields[name] = JSON.parse(text)
  }
  const { health } = fields
  return {
    ...told,
    object: objectOf(fields) ?? null,
    health: healths.has(health) ? (health as Health) : null,
    observedAt: instantOf(fields['observedAt']) ?? null,
    generation: generationOf(fields['generation']) ?? null,
  }
}

/** undefined: wrong. */
function objectOf({ group = '', kind, namespace = '', name }: Fields): ObjectName | null | undefined {
  if (kind === undefined && name === undefined) return isPart(group) && isPart(namespace) ? null : undefined
  if (!isName(kind) || !isName(name) || !isPart(group) || !isPart(namespace)) return undefined
  // They are joined by NUL where they are looked up.
  if (`${group}${kind}${namespace}${name}`.includes('\0')) return undefined
  return { group: wellFormed(group), kind: wellFormed(kind), namespace: wellFormed(namespace), name: wellFormed(name) }
}

function instantOf(value: unknown): Instant | null | undefined {
  if (value === undefined) return null
  if (typeof value !== 'string' || !dateTime.test(value)) return undefined
  const instant = Date.parse(value)
  return Number.isNaN(instant) ? undefined : instant
}

function generationOf(value: unknown): number | null | undefined {
  if (value === undefined) return null
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}

const isPart = (value: unknown): value is string => typeof value === 'string' && value.length <= nameLength
const isName = (value: unknown): value is string => isPart(value) && value !== ''
const wellFormed = (text: string): string => (text.isWellFormed() ? text : text.toWellFormed())

function whyNot(value: unknown): string {
  const { error } = batchItem.safeParse(value)
  const [first] = error?.issues ?? []
  const issue = first?.code === 'invalid_union' ? (first.errors.at(-1)?.[0] ?? first) : first
  if (issue === undefined) return 'is no status: an object needs both kind and name, without NUL'
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`
}
