/** Who was registered a while ago and never heard of, and what that may come from. */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { parentPending, parentRefused, parentSilent, neverSeen } from '../jobs/reasons.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { serviceStatuses } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'

export interface Stuck {
  /** All of them. */
  readonly count: number
  /** Pending for the longest first; the first `most` of them. */
  readonly slots: readonly Slot[]
}

const pending = serviceStatuses.indexOf('pending')
const purged = 255

/** Those pending since `after` ago or longer. Passes over everybody: a byte each. */
export function stuckPending(
  roster: Pick<Roster, 'columns' | 'end'>,
  { now, after, most }: { readonly now: Instant; readonly after: Ms; readonly most: number },
): Stuck {
  const { type, status, statusAt } = roster.columns
  const slots: Slot[] = []
  for (let slot = 0; slot < roster.end; slot += 1) {
    if (status[slot] === pending && type[slot] !== purged && statusAt[slot]! <= now - after) slots.push(slot)
  }
  const count = slots.length
  slots.sort((a, b) => statusAt[a]! - statusAt[b]! || a - b)
  return { count, slots: slots.slice(0, most) }
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
