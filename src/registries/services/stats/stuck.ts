/** Who was registered a while ago and never heard of, and what that may come from. */
import type { Instant } from '../../../kernel/clock.ts'
import { parentPending, parentRefused, parentSilent, neverSeen } from '../jobs/reasons.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { serviceStatuses } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'

export interface Pending {
  readonly count: number
  /** Pending for the longest first. */
  readonly slots: readonly Slot[]
}

const pending = serviceStatuses.indexOf('pending')
const purged = 255

/** How many are pending since after `after` (0: ever) and until `until`, and the first `most` of them. O(all), a byte each. */
export function pendingSince(
  { columns, end }: Pick<Roster, 'columns' | 'end'>,
  { after, until, most }: { readonly after: Instant; readonly until: Instant; readonly most: number },
): Pending {
  const { type, status, statusAt } = columns
  const slots: Slot[] = []
  let count = 0
  for (let slot = 0; slot < end; slot += 1) {
    if (status[slot] !== pending || type[slot] === purged) continue
    const at = statusAt[slot]!
    if (at <= after || at > until) continue
    count += 1
    // Nearly always in order: slots are in the order of registration.
    if (slots.length === most && at >= statusAt[slots[most - 1]!]!) continue
    const place = slots.findLastIndex((one) => statusAt[one]! <= at) + 1
    slots.splice(place, 0, slot)
    if (slots.length > most) slots.pop()
  }
  return { count, slots }
}

/** Reason constant: its parent is looked at first, for what hangs below is heard of through it. */
export function whyPending(
  { roster, liveness }: { readonly roster: Roster; readonly liveness: Pick<Liveness, 'isLate'> },
  slot: Slot,
): string {
  const parent = roster.columns.parent[slot]!
  if (parent === noSlot) return neverSeen
  const status = roster.statusOf(parent)
  if (status === 'pending') return parentPending
  if (status === 'revoked' || status === 'deleted') return parentRefused
  return status === 'inactive' || liveness.isLate(parent) ? parentSilent : neverSeen
}
