/**
 * Who of those overdue failed, and who is only unreachable because of a silent parent; and what belongs together: all
 * below one poller, all pollers, or those of one site.
 */
import { serviceStatuses } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'

const active = serviceStatuses.indexOf('active')
const inactive = serviceStatuses.indexOf('inactive')
const poller = 0

export const pollers = 'pollers'
/** Agents and checkers below no poller. */
export const strays = 'no poller'

export interface Kin {
  readonly roster: Roster
  isLate(slot: Slot): boolean
  /** What names the group of a poller, where pollers have several. */
  readonly siteOf: ((poller: Slot) => string | null) | null
}

export interface Triage {
  /** Failures of their own, by group. */
  readonly own: Map<string, Slot[]>
  /** The parent is silent: agents before checkers. */
  readonly below: Slot[]
  /** How many of those hang below each silent one that has no silent one above. */
  readonly unreachable: Map<Slot, number>
}

/** `pause` lets others have their turn: a million take half a second. */
export async function triage(kin: Kin, overdue: readonly Slot[], pause: () => Promise<void>): Promise<Triage> {
  const { columns } = kin.roster
  const silent = new Set(overdue)
  const result: Triage = { own: new Map(), below: [], unreachable: new Map() }
  const isSilent = (slot: Slot) =>
    columns.status[slot] === inactive || (columns.status[slot] === active && (silent.has(slot) || kin.isLate(slot)))
  const agents: Slot[] = []
  const checkers: Slot[] = []
  let left = 20_000
  for (const slot of overdue) {
    if (left-- === 0) {
      left = 20_000
      await pause()
    }
    const parent = columns.parent[slot]!
    if (parent === noSlot || !isSilent(parent)) {
      const group = groupOf(kin, slot)
      const known = result.own.get(group)
      if (known) known.push(slot)
      else result.own.set(group, [slot])
      continue
    }
    let top = parent
    for (let above = columns.parent[top]!; above !== noSlot && isSilent(above); above = columns.parent[top]!)
      top = above
    result.unreachable.set(top, (result.unreachable.get(top) ?? 0) + 1)
    if (columns.type[slot] === 1) agents.push(slot)
    else checkers.push(slot)
  }
  for (const list of [agents, checkers]) for (const slot of list) result.below.push(slot)
  return result
}

/** Those whose parent is inactive by now, or will be with these. `below` has parents before their children. */
export function followers(roster: Roster, below: readonly Slot[], going: Set<Slot>): Slot[] {
  const { columns } = roster
  const follow: Slot[] = []
  for (const slot of below) {
    const parent = columns.parent[slot]!
    if (parent === noSlot || (!going.has(parent) && columns.status[parent] !== inactive)) continue
    follow.push(slot)
    going.add(slot)
  }
  return follow
}

export function groupOf(kin: Kin, slot: Slot): string {
  const { columns } = kin.roster
  if (columns.type[slot] === poller) {
    const site = kin.siteOf?.(slot) ?? null
    return site === null ? pollers : `${pollers}/${site}`
  }
  const top = pollerAbove(kin.roster, slot)
  return top === noSlot ? strays : `poller/${kin.roster.idOf(top)}`
}

/** How many of each group are active. Groups of one poller are walked; for others everybody is looked at, once. */
export async function activeOf(
  kin: Kin,
  groups: Iterable<string>,
  pause: () => Promise<void>,
): Promise<Map<string, number>> {
  const { roster } = kin
  const counts = new Map<string, number>()
  let all = false
  for (const group of groups) {
    if (group.startsWith('poller/')) counts.set(group, below(roster, roster.find('poller', group.slice(7))))
    else if (group === pollers && kin.siteOf === null) counts.set(group, roster.count('poller', 'active'))
    else {
      counts.set(group, 0)
      all = true
    }
  }
  for (let slot = 0; all && slot < roster.end; slot += 1) {
    if (slot % 20_000 === 0) await pause()
    const { type, status } = roster.columns
    if (status[slot] !== active || type[slot]! > 2) continue
    if (type[slot] !== poller && pollerAbove(roster, slot) !== noSlot) continue
    const group = groupOf(kin, slot)
    const known = counts.get(group)
    if (known !== undefined) counts.set(group, known + 1)
  }
  return counts
}

function below(roster: Roster, top: Slot): number {
  const { columns } = roster
  const stack = top === noSlot ? [] : [top]
  let count = 0
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (at !== top && columns.status[at] === active) count += 1
    for (let child = columns.firstChild[at]!; child !== noSlot; child = columns.nextSibling[child]!) stack.push(child)
  }
  return count
}

function pollerAbove({ columns }: Roster, slot: Slot): Slot {
  for (let at = slot; at !== noSlot; at = columns.parent[at]!) if (columns.type[at] === poller) return at
  return noSlot
}
