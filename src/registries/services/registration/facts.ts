/** Rows and events of registrations: what is written, and what is told of it. */
import { patch, put, type EventDraft, type Fact, type Stored } from '../../../engine/journal.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import type { Json, JsonObject } from '../../../kernel/json.ts'
import { refText, type Registration, type ServiceRef, type ServiceType } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'
import type { Asked, By } from './registrations.ts'

export type Writable<T> = { -readonly [K in keyof T]: T[K] }
export type DraftRow = Writable<Stored<ServiceRow>>

/** A new registration; its `seq` is set when it is written. */
export function newRow(asked: Asked, by: By, at: Instant): DraftRow {
  return {
    type: asked.type,
    id: asked.id,
    status: 'pending',
    statusAt: at,
    reason: by.rule ?? by.reason ?? null,
    before: null,
    source: asked.source,
    component: asked.component,
    parent: asked.parent,
    kind: asked.kind,
    metadata: asked.metadata,
    spiffe: asked.spiffe,
    interval: asked.interval,
    inactiveAfter: asked.inactiveAfter,
    createdBy: asked.createdBy,
    registeredAt: at,
    firstSeen: null,
    revokedAt: null,
    seq: 0,
  }
}

/** Names of the original's event metadata. `poller`: of a checker, its agent's; '' where nobody knows. */
export function eventData(
  about: Pick<Registration, 'type' | 'parent' | 'kind' | 'source'> & { component?: string; spiffe?: string | null },
  poller: string,
  by: By,
): Writable<JsonObject> {
  // In the order of their names, as they are stored: sorting them costs as much again.
  const data: Writable<JsonObject> = {}
  if (about.type === 'checker') data['agent_id'] = about.parent
  if (about.kind !== null) data['checker_kind'] = about.kind
  if (about.component !== undefined) data['component_id'] = about.component
  if (about.type === 'agent') data['poller_id'] = about.parent
  else if (about.type === 'checker' && poller !== '') data['poller_id'] = poller
  if (by.reason !== undefined) data['reason'] = by.reason
  data['registration_source'] = about.source
  if (by.from !== undefined) data['source_ip'] = by.from
  if (about.spiffe) data['spiffe_id'] = about.spiffe
  return data
}

export function draft(what: string, ref: ServiceRef, by: By, data: JsonObject): EventDraft {
  const event = { type: `service.${what}`, sync: 'services', key: refText(ref), actor: by.actor, data }
  return by.rule === undefined ? event : { ...event, reason: by.rule }
}

export function registered(row: ServiceRow, poller: string, by: By): Fact {
  return put(services, row, draft('registered', row, by, eventData(row, poller, by)), 'absent')
}

/** The row is there, and still at this position; writes nothing and tells nothing. For commits that are atomic. */
export function stillAt({ type, id }: ServiceRef, seq: number): Fact {
  return patch(services, { type, id }, { type: 'service.unchanged' }, { seq })
}

/** What memory knows of it. */
export function aboutSlot(roster: Roster, slot: Slot) {
  const parent = roster.columns.parent[slot]!
  return {
    type: roster.typeOf(slot),
    id: roster.idOf(slot),
    parent: parent === noSlot ? '' : roster.idOf(parent),
    kind: roster.kindOf(slot),
    source: roster.sourceOf(slot),
  }
}

/** Id of the poller above it; '' of a poller, or where it is not known. */
export function pollerAbove(roster: Roster, slot: Slot): string {
  let above = roster.columns.parent[slot]!
  if (above !== noSlot && roster.typeOf(above) !== 'poller') above = roster.columns.parent[above]!
  return above === noSlot || above === undefined ? '' : roster.idOf(above)
}

/** Under these names the API, the events and the answers to conflicts tell of the fields of a registration. */
export function told(
  row: Omit<Registration, 'id' | 'createdBy' | 'metadata'> & { metadata: Json },
): Record<string, Json> {
  const fields: Record<string, Json> = {
    registration_source: row.source,
    component_id: row.component,
    checker_kind: row.kind,
    metadata: row.metadata,
    spiffe_identity: row.spiffe,
    interval: lengthOf(row.interval),
    inactive_after: lengthOf(row.inactiveAfter),
  }
  if (row.type !== 'poller') fields[parentField(row.type)] = row.parent
  return fields
}

/** As the API takes it. */
function lengthOf(ms: Ms | null): string | null {
  return ms === null ? null : formatDuration(ms)
}

export function parentField(type: ServiceType): string {
  return type === 'agent' ? 'poller_id' : 'agent_id'
}
