/**
 * Self-preservation as a rule, without time or ledger: which groups are held, from what is silent of each.
 *
 * | group is    | too many silent | not too many           | until has passed           | an admin lets go           |
 * | ----------- | --------------- | ---------------------- | -------------------------- | -------------------------- |
 * | free        | held            | the silent ones go     |                            |                            |
 * | held        | held            | free: `recovered`; go  | free: `expired`; accepted  | free: `released`; accepted |
 * | accepted ¹  | go              | go                     |                            |                            |
 *
 * Too many: together with those who went within the window at least `least`, and more than `share` of those who were
 * active when it began. ¹ for a window after it was let go: who goes then counts for nothing later.
 */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { PreservationRow } from '../tables.ts'

export interface BrakeRules {
  readonly share: number
  readonly least: number
  readonly release_after: Ms
}

export interface GroupState {
  /** Silent for longer than their threshold, and nobody above them is silent. Still active. */
  readonly silent: number
  /** All that are active, the silent ones among them. */
  readonly active: number
  /** Went for silence within the window. */
  readonly recent: number
  /** It was let go within the window. */
  readonly accepted: boolean
}

export type EndOfHold = 'recovered' | 'expired'

export interface Verdict {
  /** Held from now on, as it was, or with other numbers. */
  readonly held: ReadonlyMap<string, PreservationRow>
  readonly started: readonly PreservationRow[]
  readonly moved: readonly PreservationRow[]
  readonly ended: readonly { readonly hold: PreservationRow; readonly why: EndOfHold }[]
  /** Whose silent ones go as accepted losses. */
  readonly accepted: ReadonlySet<string>
}

/** A held group of which nothing is said has nobody silent. */
export function judge(
  holds: readonly PreservationRow[],
  groups: ReadonlyMap<string, GroupState>,
  rules: BrakeRules,
  now: Instant,
): Verdict {
  const before = new Map(holds.map((hold) => [hold.group, hold]))
  const held = new Map<string, PreservationRow>()
  const started: PreservationRow[] = []
  const moved: PreservationRow[] = []
  const ended: { hold: PreservationRow; why: EndOfHold }[] = []
  const accepted = new Set<string>()

  for (const [group, state] of groups) {
    const hold = before.get(group)
    const many = isMany(state, rules)
    if (hold && (!many || now >= hold.until)) {
      ended.push({ hold, why: many ? 'expired' : 'recovered' })
      if (many) accepted.add(group)
    } else if (hold) {
      const { silent, active } = state
      const same = hold.silent === silent && hold.active === active
      const next = same ? hold : { ...hold, silent, active }
      if (!same) moved.push(next)
      held.set(group, next)
    } else if (state.accepted) accepted.add(group)
    else if (many) {
      const { silent, active } = state
      const next = { group, since: now, until: now + rules.release_after, silent, active }
      started.push(next)
      held.set(group, next)
    }
  }
  for (const hold of holds) if (!groups.has(hold.group)) ended.push({ hold, why: 'recovered' })
  return { held, started, moved, ended, accepted }
}

function isMany({ silent, active, recent }: GroupState, { share, least }: BrakeRules): boolean {
  return silent > 0 && silent + recent >= least && silent + recent > share * (active + recent)
}
