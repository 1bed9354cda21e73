/** A service as the API shows it: the fields of the original's tables, and what is ours beside them. */
import { z } from 'zod'
import type { Stored } from '../../../engine/journal.ts'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { registrationSources, serviceStatuses, serviceTypes, type ServiceType } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import type { ServiceRow } from '../tables.ts'

/**
 * healthy      heard of within three intervals
 * unhealthy    heard of, and says itself that it is not well
 * late         silent for longer
 * unreachable  silent, and so is what it is reported through
 * unknown      never heard of, or not to be heard of: pending, revoked, deleted
 */
export const healths = ['healthy', 'unhealthy', 'late', 'unreachable', 'unknown'] as const
export type Health = (typeof healths)[number]

const time = z.iso.datetime()
const length = z.string().nullable()

export const Service = z.object({
  service_type: z.enum(serviceTypes),
  service_id: z.string(),
  poller_id: z.string().nullable().meta({ description: 'The poller itself, or the one above; null: not known' }),
  agent_id: z.string().nullable().optional(),
  checker_id: z.string().optional(),
  checker_kind: z.string().nullable().optional(),
  parent_id: z.string().nullable(),
  component_id: z.string(),
  status: z.enum(serviceStatuses),
  status_since: time,
  status_reason: z.string().nullable(),
  registration_source: z.enum(registrationSources),
  first_registered: time,
  first_seen: time.nullable().meta({ description: 'null: never heard of' }),
  last_seen: time.nullable(),
  heartbeat_age_seconds: z.number().nullable(),
  health: z.enum(healths),
  metadata: z.record(z.string(), z.string()),
  spiffe_identity: z.string().nullable(),
  interval: length.meta({ description: 'Declared time between two heartbeats; null: as configured' }),
  inactive_after: length.meta({ description: 'Silence after which it is inactive; null: as configured' }),
  created_by: z.string(),
  agent_count: z.int().optional().meta({ description: 'Of a poller' }),
  checker_count: z.int().optional().meta({ description: 'Of a poller or an agent' }),
  version: z.int().meta({ description: 'Of the registration: its ETag; heartbeats do not move it' }),
})
export type Service = z.infer<typeof Service>

export interface Shows {
  readonly roster: Roster
  readonly liveness: Liveness
}

export function shownOf({ roster, liveness }: Shows, slot: Slot, row: Stored<ServiceRow>, now: Instant): Service {
  const { lastSeen } = liveness.seen(slot)
  const { type, id, parent } = row
  return {
    service_type: type,
    service_id: id,
    ...placeOf(roster, type, id, parent),
    ...(type === 'checker' && { checker_kind: row.kind }),
    parent_id: parent === '' ? null : parent,
    component_id: row.component,
    status: row.status,
    status_since: isoTime(row.statusAt),
    status_reason: row.reason,
    registration_source: row.source,
    first_registered: isoTime(row.registeredAt),
    first_seen: timeOf(row.firstSeen),
    last_seen: timeOf(lastSeen),
    heartbeat_age_seconds: lastSeen === null ? null : Math.max(0, now - lastSeen) / 1_000,
    health: healthOf({ roster, liveness }, slot),
    metadata: row.metadata as Service['metadata'],
    spiffe_identity: row.spiffe,
    interval: lengthOf(row.interval),
    inactive_after: lengthOf(row.inactiveAfter),
    created_by: row.createdBy,
    ...childrenOf(roster, type, slot),
    version: row.seq,
  }
}

export const timeOf = (at: Instant | null): string | null => (at === null ? null : isoTime(at))
const lengthOf = (ms: number | null): string | null => (ms === null ? null : formatDuration(ms))

/** Whom it belongs to, under the original's names. */
function placeOf(roster: Roster, type: ServiceType, id: string, parent: string) {
  if (type === 'poller') return { poller_id: id }
  if (type === 'agent') return { poller_id: parent, agent_id: id }
  return { poller_id: parentOf(roster, roster.find('agent', parent)), agent_id: parent, checker_id: id }
}

/** null: it has none, or it is not there. */
export function parentOf(roster: Roster, slot: Slot): string | null {
  const parent = slot === noSlot ? noSlot : roster.columns.parent[slot]!
  return parent === noSlot ? null : roster.idOf(parent)
}

/** Counted where they are asked for: a poller's checkers are those of its agents. */
function childrenOf(roster: Roster, type: ServiceType, slot: Slot) {
  if (type === 'checker') return {}
  const { children } = roster.columns
  const own = children[slot]!
  if (type === 'agent') return { checker_count: own }
  let checkers = 0
  for (const agent of roster.childrenOf(slot)) checkers += children[agent]!
  return { agent_count: own, checker_count: checkers }
}

export function healthOf({ roster, liveness }: Shows, slot: Slot): Health {
  const status = roster.statusOf(slot)
  if (status !== 'active' && status !== 'inactive') return 'unknown'
  if (!isSilent({ roster, liveness }, slot)) return liveness.seen(slot).healthy === false ? 'unhealthy' : 'healthy'
  const parent = roster.columns.parent[slot]!
  return parent !== noSlot && isSilent({ roster, liveness }, parent) ? 'unreachable' : 'late'
}

/** It should report and does not. */
export function isSilent({ roster, liveness }: Shows, slot: Slot): boolean {
  const status = roster.statusOf(slot)
  return status === 'inactive' || (status === 'active' && liveness.isLate(slot))
}
