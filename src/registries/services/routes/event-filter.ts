/** Which events are asked for, as the journal can tell and as it cannot. */
import type { Event, EventQuery, Journal, Seq } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { refOf, refText, serviceTypes, type ServiceType } from '../model.ts'
import { eventSync, isOurs } from './event-view.ts'
import { typeNamed, typeNames, type TypeName } from './parts.ts'

export interface EventFilter {
  readonly query: Pick<EventQuery, 'sync' | 'key' | 'type'>
  readonly sees: (event: Event) => boolean
  /** The journal alone tells, all but for events of others that have our name. */
  readonly exact: boolean
}

interface Asked {
  readonly service?: string | undefined
  readonly type?: readonly string[] | undefined
  readonly service_type?: TypeName | undefined
}

/** Of `service.…`, as the history has them. */
const changes = [
  ...[
    'registered',
    'claimed',
    'activated',
    'reactivated',
    'deactivated',
    'restored',
    'revoked',
    'deleted',
    'undeleted',
  ],
  ...['archived', 'purged', 'changed', 'moved', 'restarted', 'duplicated'],
]
const kindNames: ReadonlySet<string> = new Set([
  ...changes.flatMap((change) => [change, `service.${change}`]),
  ...['quarantine.', 'quarantine.entered', 'quarantine.approved', 'quarantine.dismissed'],
  ...['preservation.', 'preservation.started', 'preservation.ended', 'service.'],
])

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
  const query = {
    sync: eventSync,
    ...(keys?.length === 1 && { key: keys[0]! }),
    ...(kinds.length === 1 && { type: kinds[0]! }),
  }
  const sees = (event: Event) => {
    if (!isOurs(event)) return false
    if (kinds.length > 0 && !kinds.some((kind) => isOfKind(event.type, kind))) return false
    if (keys !== null) return keys.includes(event.key ?? '')
    return types.size === 0 || types.has(refOf(event.key ?? '')?.type as ServiceType)
  }
  const exact = kinds.length <= 1 && (keys === null ? types.size === 0 : keys.length === 1)
  return { query, sees, exact }
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
  { query, sees, exact }: EventFilter,
  how: Pick<EventQuery, 'since' | 'last'>,
  from: Seq,
  limit: number,
): Promise<Reading> {
  const found: Event[] = []
  let position = from
  const size = exact ? limit : chunk
  for (let reads = 0; reads < mostChunks; reads += 1) {
    const bound = how.last === true ? { before: position } : { after: position }
    const read = await journal.events({ ...query, ...how, ...bound, limit: size })
    for (const event of read) {
      position = event.seq
      if (sees(event)) found.push(event)
      if (found.length === limit) return { events: found, position, ended: false }
    }
    if (read.length < size) return { events: found, position, ended: true }
  }
  return { events: found, position, ended: false }
}
