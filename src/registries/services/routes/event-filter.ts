/** Which events are asked for, as the journal can tell and as it cannot. */
import type { Event, EventQuery, Journal, Seq } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { refOf, refText, serviceTypes, type ServiceType } from '../model.ts'
import { eventSync, isOurs } from './event-view.ts'
import { typeNamed, typeNames, type TypeName } from './parts.ts'

export interface EventFilter {
  /** What the journal can tell by itself: of one service or type, else all of ours. */
  readonly query: Asking
  /** The same in several questions, where several are asked for: each is found by an index. */
  readonly queries: readonly Asking[]
  readonly sees: (event: Event) => boolean
  /** `queries` leave little out: all but events of others that have our name. */
  readonly exact: boolean
}

type Asking = Pick<EventQuery, 'sync' | 'key' | 'type'>

interface Asked {
  readonly service?: string | undefined
  readonly type?: readonly string[] | undefined
  readonly service_type?: TypeName | undefined
}

/** Of `service.…`, as the history has them. */
const changes = [
  'registered',
  'claimed',
  'activated',
  'reactivated',
  'deactivated',
  'restored',
  'revoked',
  'deleted',
  'undeleted',
  'archived',
  'purged',
  'changed',
  'moved',
  'restarted',
  'duplicated',
]
const others = [
  'service.',
  'quarantine.',
  'quarantine.entered',
  'quarantine.approved',
  'quarantine.dismissed',
  'preservation.',
  'preservation.started',
  'preservation.ended',
]
const kindNames: ReadonlySet<string> = new Set([...changes, ...changes.map((change) => `service.${change}`), ...others])

function refuseUnknown(words: readonly string[]): void {
  const unknown = words.find((word) => !isTypeName(word) && !kindNames.has(word))
  if (unknown === undefined) return
  const detail = `knows ${changes.join(', ')}, quarantine.…, preservation.…, and types of services`
  const errors = [{ in: 'query', pointer: '/type', detail }]
  throw new AppError('request.invalid', `query/type ${detail}`, { data: { errors } })
}

const isTypeName = (name: string): name is TypeName => (typeNames as readonly string[]).includes(name)

export function filterOf({ service, type = [], service_type: one }: Asked): EventFilter {
  const words = type.flatMap((list) => list.split(',')).filter((word) => word !== '')
  refuseUnknown(words)
  const types = new Set([...words.filter(isTypeName), ...(one === undefined ? [] : [one])].map(typeNamed))
  const kinds = words.filter((word) => !isTypeName(word)).map((word) => (word.includes('.') ? word : `service.${word}`))
  const keys = service === undefined ? null : keysOf(service, types)
  const queries = questionsOf(keys ?? [], kinds)
  const sees = (event: Event) => {
    if (!isOurs(event)) return false
    if (kinds.length > 0 && !kinds.some((kind) => isOfKind(event.type, kind))) return false
    if (keys !== null) return keys.includes(event.key ?? '')
    return types.size === 0 || types.has(refOf(event.key ?? '')?.type as ServiceType)
  }
  const [only, ...others] = queries
  const query = others.length === 0 ? only! : { sync: eventSync }
  return { query, queries, sees, exact: keys !== null || types.size === 0 }
}

/** Above so many all of ours are looked through. */
const mostQuestions = 16

function questionsOf(keys: readonly string[], kinds: readonly string[]): readonly Asking[] {
  const byKey: readonly Asking[] =
    keys.length === 0 ? [{ sync: eventSync }] : keys.map((key) => ({ sync: eventSync, key }))
  if (kinds.length === 0 || byKey.length * kinds.length > mostQuestions) return byKey
  return byKey.flatMap((asking) => kinds.map((type) => ({ ...asking, type })))
}

function isOfKind(type: string, kind: string): boolean {
  return type === kind || (kind.endsWith('.') && type.startsWith(kind))
}

/** An id alone may be that of one service of each type; and an id may look like a type and an id. */
function keysOf(service: string, types: ReadonlySet<ServiceType>): string[] {
  const wanted = types.size === 0 ? serviceTypes : serviceTypes.filter((type) => types.has(type))
  const ref = refOf(service)
  if (ref !== null && types.size === 0) return [refText(ref)]
  return wanted.map((type) => refText({ type, id: service }))
}

/** Events read at once, and most such readings for one answer. */
const chunk = 1_000
const mostChunks = 20

export interface Reading {
  readonly events: readonly Event[]
  /** Everything from there to here was considered. */
  readonly position: Seq
  readonly ended: boolean
}

export async function readOn(
  journal: Journal,
  { queries, sees, exact }: EventFilter,
  how: Pick<EventQuery, 'since' | 'last'>,
  from: Seq,
  limit: number,
): Promise<Reading> {
  const found: Event[] = []
  const sign = how.last === true ? -1 : 1
  const size = exact ? limit : chunk
  let position = from
  for (let reads = 0; reads < mostChunks; reads += 1) {
    const bound = how.last === true ? { before: position } : { after: position }
    const lists = await Promise.all(queries.map((one) => journal.events({ ...one, ...how, ...bound, limit: size })))
    const full = lists.filter(({ length }) => length === size).map((list) => list.at(-1)!.seq * sign)
    // What one of them has behind its last may come before what others have.
    const edge = Math.min(...full)
    const read = lists.flat().filter(({ seq }) => seq * sign <= edge)
    for (const event of read.toSorted((a, b) => (a.seq - b.seq) * sign)) {
      // Two questions may find the same.
      if (event.seq === position) continue
      position = event.seq
      if (sees(event)) found.push(event)
      if (found.length === limit) return { events: found, position, ended: false }
    }
    if (full.length === 0) return { events: found, position, ended: true }
  }
  return { events: found, position, ended: false }
}
