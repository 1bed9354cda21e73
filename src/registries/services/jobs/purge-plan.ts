/** Whose rows may go, and why. For the job and for who asks by the API. */
import type { Journal } from '../../../engine/journal.ts'
import { isoTime, type Instant, type Ms } from '../../../kernel/clock.ts'
import { serviceStatuses, serviceTypes } from '../model.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import { services } from '../tables.ts'
import { mostShown, nameOf } from './named.ts'
import { hasChildren, longDeleted, longRevoked, neverSeen } from './reasons.ts'

/** How long rows are kept. Of an inactive one nothing is purged: it is archived, and revoked by that. */
export interface Retention {
  /** Since it was revoked. */
  readonly revoked: Ms
  /** Since it was deleted. */
  readonly deleted: Ms
  /** Since it was registered, or brought back, of one that was never heard of. */
  readonly pending: Ms
}

export interface PlannedPurge {
  readonly slot: Slot
  /** Its version by this plan: what changed since is left alone. */
  readonly seq: number
  /** Reason constant. */
  readonly why: string
  readonly since: Instant
}

export interface PurgePlan {
  /** Children before their parents. */
  readonly purge: readonly PlannedPurge[]
  /** Due, and left for what hangs below and is not. */
  readonly kept: readonly (PlannedPurge & { readonly children: number })[]
}

export interface PurgeParts {
  readonly roster: Roster
  readonly journal: Pick<Journal, 'select'>
}

const [pending, , , revoked, deleted] = serviceStatuses.keys()
const together = 500

export async function planPurge(parts: PurgeParts, retention: Retention, now: Instant): Promise<PurgePlan> {
  const { roster } = parts
  const due = new Map<Slot, PlannedPurge>()
  const doubtful: Slot[] = []
  const { type, status, statusAt, registeredAt, firstSeen, seq } = roster.columns
  const add = (slot: Slot, why: string, since: Instant) => due.set(slot, { slot, seq: seq[slot]!, why, since })
  for (let slot = 0; slot < roster.end; slot += 1) {
    const is = status[slot]
    if (type[slot]! >= serviceTypes.length) continue
    if (is === pending) {
      const never = firstSeen[slot] === 0
      if (never && statusAt[slot]! <= now - retention.pending) add(slot, neverSeen, statusAt[slot]!)
    } else if (is === deleted) {
      if (statusAt[slot]! <= now - retention.deleted) add(slot, longDeleted, statusAt[slot]!)
    } else if (is === revoked && registeredAt[slot]! <= now - retention.revoked) {
      if (statusAt[slot]! <= now - retention.revoked) add(slot, longRevoked, statusAt[slot]!)
      // It may have been revoked before it was deleted and brought back: only its row tells.
      else doubtful.push(slot)
    }
  }
  for (let from = 0; from < doubtful.length; from += together) {
    for (const { slot, at } of await revocations(parts, doubtful.slice(from, from + together))) {
      if (at <= now - retention.revoked) add(slot, longRevoked, at)
    }
  }
  return inOrder(roster, due)
}

async function revocations({ roster, journal }: PurgeParts, slots: readonly Slot[]) {
  const found: { slot: Slot; at: Instant }[] = []
  for (const type of serviceTypes) {
    const ids = slots.filter((slot) => roster.typeOf(slot) === type).map((slot) => roster.idOf(slot))
    if (ids.length === 0) continue
    const rows = await journal.select(services, {
      where: { type, status: 'revoked', id: { in: ids } },
      without: ['metadata'],
    })
    for (const { id, revokedAt } of rows)
      if (revokedAt !== null) found.push({ slot: roster.find(type, id), at: revokedAt })
  }
  return found
}

function inOrder(roster: Roster, due: ReadonlyMap<Slot, PlannedPurge>): PurgePlan {
  const purge: PlannedPurge[] = []
  const kept: (PlannedPurge & { children: number })[] = []
  const going = new Set<Slot>()
  for (const type of serviceTypes.toReversed()) {
    for (const planned of due.values()) {
      if (roster.typeOf(planned.slot) !== type) continue
      let children = 0
      for (const child of roster.childrenOf(planned.slot)) if (!going.has(child)) children += 1
      if (children > 0) kept.push({ ...planned, why: hasChildren, children })
      else {
        going.add(planned.slot)
        purge.push(planned)
      }
    }
  }
  return { purge, kept }
}

/** As answers show it; the beginning of each list. */
export function shownPlan(roster: Roster, { purge, kept }: PurgePlan) {
  const shown = ({ slot, why, since }: PlannedPurge) => ({ service: nameOf(roster, slot), why, since: isoTime(since) })
  return {
    services: purge.slice(0, mostShown).map(shown),
    kept: kept.slice(0, mostShown).map((one) => ({ ...shown(one), children: one.children })),
  }
}
