/** What a service is: types, statuses, ids. The words are those of the original, for its clients and dumps to fit. */
import type { Instant, Ms } from '../../kernel/clock.ts'
import { isStorable } from '../../kernel/storable.ts'

/** The order is that of the tree: an agent's parent is a poller, a checker's an agent. */
export const serviceTypes = ['poller', 'agent', 'checker'] as const
export type ServiceType = (typeof serviceTypes)[number]

/**
 * pending   registered, never heard of
 * active    heard of
 * inactive  silent for longer than its threshold
 * revoked   its registration was withdrawn
 * deleted   set aside; can be brought back within the grace time
 */
export const serviceStatuses = ['pending', 'active', 'inactive', 'revoked', 'deleted'] as const
export type ServiceStatus = (typeof serviceStatuses)[number]

/** Who brought it in. `implicit`: its own first heartbeat. */
export const registrationSources = ['edge_onboarding', 'k8s_spiffe', 'config', 'implicit'] as const
export type RegistrationSource = (typeof registrationSources)[number]

/** Kinds of checkers that a status report tells of; other services of a report are parts of their agent. */
export const checkerKinds: ReadonlySet<string> = new Set(['snmp', 'sysmon', 'rperf', 'mapper'])

/** Ids are unique within a type. */
export interface ServiceRef {
  readonly type: ServiceType
  readonly id: string
}

export type Metadata = Readonly<Record<string, string>>

/** What a registration says of a service: nothing of it is ever changed by a heartbeat. */
export interface Registration extends ServiceRef {
  readonly source: RegistrationSource
  /** Id of the package that it came in; its own id where there is none. */
  readonly component: string
  /** Id of its parent; '' of a poller. */
  readonly parent: string
  /** Of checkers. */
  readonly kind: string | null
  readonly metadata: Metadata
  readonly spiffe: string | null
  /** Declared time between two heartbeats; null: as configured. */
  readonly interval: Ms | null
  /** Silence after which it is inactive; null: as configured for its type. */
  readonly inactiveAfter: Ms | null
  readonly createdBy: string
}

/** Its place among serviceTypes. */
export function typeIndex(type: ServiceType): number {
  return type === 'poller' ? 0 : type === 'agent' ? 1 : 2
}

export function parentType(type: ServiceType): ServiceType | null {
  return type === 'agent' ? 'poller' : type === 'checker' ? 'agent' : null
}

/** As events and subjects name it: `agent/edge-1`. */
export function refText({ type, id }: ServiceRef): string {
  return `${type}/${id}`
}

export function refOf(text: string): ServiceRef | null {
  const at = text.indexOf('/')
  const type = serviceTypes.find((one) => one === text.slice(0, at))
  return type === undefined || !isServiceId(text.slice(at + 1)) ? null : { type, id: text.slice(at + 1) }
}

/** UTF-16 units; names of hosts and of Kubernetes objects end at 253. */
export const longestId = 256

/** Any printable text without spaces at its ends: ids of the original are free text, `snmp@agent-1` among them. */
export function isServiceId(id: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return id !== '' && id.length <= longestId && isStorable(id) && !/[\u0000-\u001f\u007f]|^\s|\s$/.test(id)
}

/** Statuses in which a service may report. */
export function isKnownStatus(status: ServiceStatus): boolean {
  return status === 'pending' || status === 'active' || status === 'inactive'
}

/** What liveness knows of a service; not durable by itself. */
export interface Seen {
  /** By our clock, never ahead of it by more than the allowed skew; null: never. */
  readonly lastSeen: Instant | null
  readonly healthy: boolean | null
  readonly late: boolean
}
