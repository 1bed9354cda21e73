/**
 * A registration as the API takes it. Read by hand: of a thousand in a batch each costs a few microseconds, and the
 * faults of each are its own. The names are those of the original's tables.
 */
import type { Ms } from '../../../kernel/clock.ts'
import { parseDuration } from '../../../kernel/duration.ts'
import { isStorable } from '../../../kernel/storable.ts'
import {
  isServiceId,
  longestId,
  registrationSources,
  type Metadata,
  type RegistrationSource,
  type ServiceType,
} from '../model.ts'
import type { Asked } from '../registration/registrations.ts'
import { isSpiffeId } from './spiffe.ts'

/** What is wrong with one field of a body. */
export interface Fault {
  /** JSON pointer. */
  readonly pointer: string
  readonly detail: string
}

/** Of one service: entries of its metadata, and characters of all of it as JSON. */
const most = { entries: 100, metadata: 16_384, kind: 128 } as const
const day: Ms = 86_400_000
const shortest: Ms = 1_000
const longest = { interval: 30 * day, inactiveAfter: 3_660 * day } as const

const ofEvery = ['service_type', 'service_id', 'parent_id', 'component_id', 'registration_source', 'metadata'] as const
const more = ['spiffe_identity', 'interval', 'inactive_after'] as const
const shared: readonly string[] = [...ofEvery, ...more]
const fieldsOf: Readonly<Record<ServiceType, ReadonlySet<string>>> = {
  poller: new Set([...shared, 'poller_id']),
  agent: new Set([...shared, 'poller_id', 'agent_id']),
  checker: new Set([...shared, 'poller_id', 'agent_id', 'checker_id', 'checker_kind']),
}

type Fields = Readonly<Record<string, unknown>>

export function isFields(given: unknown): given is Fields {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}

const sources: ReadonlySet<unknown> = new Set(registrationSources.filter((source) => source !== 'implicit'))

/** Everything that is wrong, or what is asked for. */
export function readRegistration(type: ServiceType, given: unknown, by: string): Asked | readonly Fault[] {
  if (!isFields(given)) return [{ pointer: '', detail: 'must be an object' }]
  const faults: Fault[] = []
  const wrong = (field: string, detail: string) => void faults.push({ pointer: `/${field}`, detail })
  const known = fieldsOf[type]
  for (const name in given) if (!known.has(name)) wrong(name, unknownField(type, name))
  if (given['service_type'] !== undefined && given['service_type'] !== type) wrong('service_type', `must be ${type}`)

  const id = idIn(given, 'service_id', `${type}_id`, wrong, true)
  const above = type === 'agent' ? 'poller_id' : 'agent_id'
  const parent = type === 'poller' ? '' : idIn(given, 'parent_id', above, wrong, true)
  if (type === 'poller' && !isNone(given['parent_id'])) wrong('parent_id', 'a poller has none')
  const poller = type === 'checker' ? idIn(given, 'poller_id', null, wrong, false) : ''
  const kind = type === 'checker' ? (given['checker_kind'] ?? null) : null
  if (kind !== null && !isName(kind, most.kind)) wrong('checker_kind', 'must be text such as snmp')
  const component = given['component_id'] ?? null
  if (component !== null && !isServiceId(component as string)) wrong('component_id', notId)
  const source = given['registration_source'] ?? 'config'
  if (!sources.has(source)) wrong('registration_source', `must be one of ${[...sources].join(', ')}`)
  const about = readAbout(given, wrong)
  if (faults.length > 0) return faults
  return {
    type,
    id,
    source: source as RegistrationSource,
    component: (component ?? id) as string,
    parent,
    kind: kind as string | null,
    metadata: about.metadata ?? noMetadata,
    spiffe: about.spiffe ?? null,
    interval: about.interval ?? null,
    inactiveAfter: about.inactiveAfter ?? null,
    createdBy: by,
    ...(poller !== '' && { poller }),
  }
}

type Wrong = (field: string, detail: string) => void

const noMetadata: Metadata = {}
const notId = `must be text of 1 to ${longestId} printable characters without spaces at its ends`

function unknownField(type: ServiceType, name: string): string {
  return name === 'created_by' ? 'is taken from the credential' : `is not known of a ${type}`
}

const isNone = (given: unknown): boolean => given === undefined || given === null || given === ''

/** One id under two names, which must agree where both are given. */
function idIn(given: Fields, name: string, other: string | null, wrong: Wrong, wanted: boolean): string {
  const [one, two] = [given[name], other === null ? undefined : given[other]]
  const found = isNone(one) ? two : one
  if (isNone(found)) {
    if (wanted) wrong(other ?? name, 'is missing')
    return ''
  }
  const at = isNone(one) ? other! : name
  if (typeof found !== 'string' || !isServiceId(found)) wrong(at, notId)
  else if (!isNone(two) && two !== found) wrong(other!, `differs from ${name}`)
  return found as string
}

function isName(given: unknown, length: number): boolean {
  return typeof given === 'string' && given !== '' && given.length <= length && isStorable(given)
}

/** What can be changed later, too. undefined: it is not named; null: none. */
export interface About {
  metadata?: Metadata
  spiffe?: string | null
  interval?: Ms | null
  inactiveAfter?: Ms | null
}

export function readAbout(given: Fields, wrong: Wrong): About {
  const about: About = {}
  const { metadata, spiffe_identity: spiffe, interval, inactive_after: inactiveAfter } = given
  if (metadata !== undefined && metadata !== null) about.metadata = readMetadata(metadata, wrong)
  if (spiffe !== undefined) about.spiffe = spiffe === '' ? null : (spiffe as string | null)
  if (!isNone(spiffe) && !isSpiffeId(spiffe)) wrong('spiffe_identity', 'is no SPIFFE id: spiffe://trust-domain/path')
  if (interval !== undefined) about.interval = readLength(interval, 'interval', longest.interval, wrong)
  if (inactiveAfter !== undefined) {
    about.inactiveAfter = readLength(inactiveAfter, 'inactive_after', longest.inactiveAfter, wrong)
  }
  return about
}

function readMetadata(given: unknown, wrong: Wrong): Metadata {
  if (!isFields(given)) {
    wrong('metadata', 'must be an object of texts')
    return noMetadata
  }
  let [count, length] = [0, 0]
  for (const name in given) {
    const value = given[name]
    const isText = typeof value === 'string' && isStorable(value) && isStorable(name)
    if (!isText) wrong(`metadata/${pointerPart(name)}`, 'must be text, without NUL and halves of surrogate pairs')
    count += 1
    length += name.length + (typeof value === 'string' ? value.length : 0) + 6
  }
  if (count > most.entries) wrong('metadata', `has more than ${most.entries} entries`)
  if (length > most.metadata) wrong('metadata', `is longer than ${most.metadata} characters`)
  return given as Metadata
}

function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function readLength(given: unknown, field: string, limit: Ms, wrong: Wrong): Ms | null {
  if (given === null) return null
  const ms = typeof given === 'string' ? parseDuration(given) : null
  if (ms === null || ms < shortest || ms > limit) {
    wrong(field, `must be a duration such as "30s", from one second to ${Math.floor(limit / day)} days`)
  }
  return ms === null ? null : Math.round(ms)
}
