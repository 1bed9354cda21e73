/** Rows of the services registry. Liveness is no rows: a blob a second, see liveness/. */
import type { Instant, Ms } from '../../kernel/clock.ts'
import type { Json } from '../../kernel/json.ts'
import { defineTable } from '../../kernel/table.ts'
import type { RegistrationSource, ServiceStatus, ServiceType } from './model.ts'

/** A registration. Its `seq` is its version: the ETag, and the condition of every change. */
export interface ServiceRow {
  readonly type: ServiceType
  readonly id: string
  readonly status: ServiceStatus
  /** Since when it has this status. */
  readonly statusAt: Instant
  /** What the caller who set it gave as reason, or the rule that did. */
  readonly reason: string | null
  /** Of a deleted one: the status to which undelete leads. */
  readonly before: ServiceStatus | null
  readonly source: RegistrationSource
  readonly component: string
  /** '' of a poller. */
  readonly parent: string
  readonly kind: string | null
  readonly metadata: Json
  readonly spiffe: string | null
  readonly interval: Ms | null
  readonly inactiveAfter: Ms | null
  readonly createdBy: string
  readonly registeredAt: Instant
  /** null: never heard of. */
  readonly firstSeen: Instant | null
  /** When it was revoked, which purging counts from; null: it is not, or not any more. */
  readonly revokedAt: Instant | null
}

export const services = defineTable<ServiceRow>('service', ['type', 'id'], {
  type: 'text',
  id: 'text',
  status: 'text',
  statusAt: 'int',
  reason: 'text',
  before: 'text',
  source: 'text',
  component: 'text',
  parent: 'text',
  kind: 'text',
  metadata: 'json',
  spiffe: 'text',
  interval: 'int',
  inactiveAfter: 'int',
  createdBy: 'text',
  registeredAt: 'int',
  firstSeen: 'int',
  revokedAt: 'int',
})

/** Bookkeeping: the liveness log, a blob a second. `writer` is a process; n counts its blobs. */
export interface LivenessRow {
  readonly writer: string
  readonly n: number
  readonly at: Instant
  readonly body: Uint8Array
}

export const livenessLog = defineTable<LivenessRow>('service_liveness', ['writer', 'n'], {
  writer: 'text',
  n: 'int',
  at: 'int',
  body: 'blob',
})

/** Who reported without being registered, where the policy is not to let them in: for a person to decide. */
export interface QuarantineRow {
  readonly type: ServiceType
  readonly id: string
  readonly parent: string
  readonly kind: string | null
  readonly source: string
  /** Whose credential it came by, and from where. */
  readonly by: string
  readonly firstAt: Instant
  readonly lastAt: Instant
  readonly count: number
}

export const quarantine = defineTable<QuarantineRow>('service_quarantine', ['type', 'id'], {
  type: 'text',
  id: 'text',
  parent: 'text',
  kind: 'text',
  source: 'text',
  by: 'text',
  firstAt: 'int',
  lastAt: 'int',
  count: 'int',
})

/** Of services that began anew, and of ids that two senders share: when it was last told. */
export interface SenderRow {
  readonly type: ServiceType
  readonly id: string
  readonly what: 'restarted' | 'duplicated'
  readonly at: Instant
}

export const senders = defineTable<SenderRow>('service_sender', ['type', 'id', 'what'], {
  type: 'text',
  id: 'text',
  what: 'text',
  at: 'int',
})

/** A group of which too many fell silent at once: nobody of it turns inactive until this ends. */
export interface PreservationRow {
  readonly group: string
  readonly since: Instant
  /** Ends by itself then. */
  readonly until: Instant
  readonly silent: number
  readonly active: number
}

export const preservations = defineTable<PreservationRow>('service_preservation', ['group'], {
  group: 'text',
  since: 'int',
  until: 'int',
  silent: 'int',
  active: 'int',
})

/** Bookkeeping: the last run of each job, and when the next one is due. */
export interface JobRow {
  readonly job: string
  readonly startedAt: Instant | null
  readonly endedAt: Instant | null
  /** Of the last run that succeeded, and when that ended. */
  readonly result: Json
  readonly succeededAt: Instant | null
  /** Of the last run; null: it succeeded. */
  readonly error: string | null
  readonly nextAt: Instant | null
  readonly by: string | null
}

export const jobRuns = defineTable<JobRow>('service_job', ['job'], {
  job: 'text',
  startedAt: 'int',
  endedAt: 'int',
  result: 'json',
  succeededAt: 'int',
  error: 'text',
  nextAt: 'int',
  by: 'text',
})

/** Bookkeeping: how many services of each type had each status. `span`: 'minute' or 'hour'; `at` is its beginning. */
export interface SampleRow {
  readonly span: 'minute' | 'hour'
  readonly at: Instant
  /** { poller: { active: 12, … }, … }; of an hour the mean of its minutes, rounded. */
  readonly counts: Json
}

export const samples = defineTable<SampleRow>('service_sample', ['span', 'at'], {
  span: 'text',
  at: 'int',
  counts: 'json',
})
