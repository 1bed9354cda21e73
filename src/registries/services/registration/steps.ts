/** What a trigger does to one service: its fact and what memory takes of it, or why not. */
import { drop, patch, type Fact, type Stored } from '../../../engine/journal.ts'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { verdictOn, type Transition, type Trigger } from '../lifecycle.ts'
import type { ServiceRef, ServiceStatus } from '../model.ts'
import type { Slot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'
import { aboutSlot, draft, eventData, pollerAbove, type Writable } from './facts.ts'
import type { Ground } from './ground.ts'
import { nameOf } from './parents.ts'
import type { TransitOptions, TransitRefusal } from './registrations.ts'

export interface Step {
  readonly slot: Slot
  readonly ref: ServiceRef
  readonly from: ServiceStatus
  readonly to: ServiceStatus | 'gone'
  readonly firstSeen: Instant | null
  readonly fact: Fact
}

/** Heartbeats and silence are decided on what memory has: they come by the thousand. All else reads the row. */
export function readsRow(trigger: Trigger): boolean {
  return trigger !== 'heartbeat' && trigger !== 'silence'
}

export function stepOf(
  ground: Ground,
  slot: Slot,
  row: Stored<ServiceRow> | null,
  trigger: Trigger,
  options: TransitOptions,
): 'same' | Step | AppError {
  const { roster } = ground
  const from = row?.status ?? roster.statusOf(slot)
  const seq = row?.seq ?? roster.columns.seq[slot]!
  const seen = row === null ? roster.columns.firstSeen[slot] || null : row.firstSeen
  const about = row ?? aboutSlot(roster, slot)
  const ref = { type: about.type, id: about.id }
  const verdict = verdictOn(from, trigger)
  if (verdict.is === 'same') return 'same'
  const forced = verdict.is === 'refused' && verdict.forcible && options.force === true
  if (verdict.is === 'refused' && !forced) return refusal(ref, from, trigger, verdict.why, verdict.forcible)
  if (trigger === 'undelete' && options.at - (row?.statusAt ?? 0) > ground.grace) {
    return refusal(ref, from, trigger, 'service-grace-over')
  }
  const event: Transition = verdict.is === 'transition' ? verdict.event : 'purged'
  const end = verdict.is === 'transition' ? verdict.to : 'gone'
  const to =
    end === 'before' ? (row?.before ?? 'inactive') : end === 'active-or-pending' ? (seen ? 'active' : 'pending') : end
  const firstSeen = trigger === 'heartbeat' ? (seen ?? Math.max(options.at, roster.columns.registeredAt[slot]!)) : seen
  const more = typeof options.data === 'function' ? options.data(slot) : options.data
  const data = Object.assign(eventData(about, pollerAbove(roster, slot), options), more, { from, to })
  if (trigger === 'silence') Object.assign(data, lastSeen(ground, slot))
  const told = draft(event, ref, options, data)
  const fact =
    to === 'gone'
      ? drop(services, ref, told, { seq })
      : patch(services, { ...ref, ...columnsOf(event, from, to, firstSeen, options) }, told, { seq })
  return { slot, ref, from, to, firstSeen, fact }
}

function lastSeen({ liveness }: Ground, slot: Slot): { last_seen: string | null } {
  const at = liveness.seen(slot).lastSeen
  return { last_seen: at === null ? null : isoTime(at) }
}

function columnsOf(
  event: Transition,
  from: ServiceStatus,
  status: ServiceStatus,
  firstSeen: Instant | null,
  { at, rule, reason }: TransitOptions,
): Partial<ServiceRow> {
  const columns: Writable<Partial<ServiceRow>> = { status, statusAt: at, reason: rule ?? reason ?? null }
  if (event === 'activated') columns.firstSeen = firstSeen
  if (event === 'revoked' || event === 'archived') columns.revokedAt = at
  if (event === 'restored') columns.revokedAt = null
  if (event === 'deleted') columns.before = from
  if (event === 'undeleted') columns.before = null
  return columns
}

const sentences: Readonly<Record<TransitRefusal, (name: string, status: ServiceStatus, trigger: Trigger) => string>> = {
  'service-revoked': (name) => `${name} is revoked. An admin restores it first: status active, with a reason.`,
  'service-deleted': (name) => `${name} is deleted. Bring it back first (undelete).`,
  'service-never-seen': (name) => `${name} was never heard of. It turns active by its first heartbeat.`,
  'service-not-revoked': (name) => `${name} is inactive, not revoked. It turns active by its next heartbeat.`,
  'service-not-deleted': (name, status) => `${name} is ${status}, not deleted: there is nothing to bring back.`,
  'service-not-inactive': (name, status) => `${name} is ${status}. Only what is inactive is archived.`,
  'service-in-use': (name, status, trigger) =>
    `${name} is ${status}. Deactivate or revoke it first${trigger === 'purge' ? ', or force it' : ''}.`,
  'service-has-children': (name) => `${name} has services below it. Purge those first, or all of them with cascade.`,
  'service-grace-over': (name) =>
    `${name} was deleted longer ago than it can be brought back. Purge it, and register it anew.`,
}

export function refusal(
  ref: ServiceRef,
  status: ServiceStatus,
  trigger: Trigger,
  why: TransitRefusal,
  forcible = false,
): AppError {
  const data = { service_type: ref.type, service_id: ref.id, status, trigger, why, forcible }
  return new AppError('services.transition', sentences[why](nameOf(ref), status, trigger), { data })
}
