/**
 * Who of those overdue failed, and who is only unreachable because of a silent parent; and what belongs together: all
 * below one poller, all pollers, or those of one site.
 */
import type { Ms } from '../../../kernel/clock.ts'
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
  /** 0: it was just heard of. */
  silence(slot: Slot): Ms
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

/** Looked at before others have their turn: a million take half a second. */
export const mostPerTurn = 20_000

export async function triage(kin: Kin, overdue: readonly Slot[], pause: () => Promise<void>): Promise<Triage> {
  const { columns } = kin.roster
  const silent = marked(kin.roster, overdue)
  const result = { own: new Map<string, Slot[]>(), unreachable: new Map<Slot, number>() }
  const isSilent = (slot: Slot) =>
    columns.status[slot] === inactive || (columns.status[slot] === active && (silent[slot] === 1 || kin.isLate(slot)))
  const agents: Slot[] = []
  const checkers: Slot[] = []
  let left = mostPerTurn
  for (const slot of overdue) {
    if (left-- === 0) {
      left = mostPerTurn
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
  return { ...result, below: agents.concat(checkers) }
}

/** A byte for each slot: a set of a million numbers takes a tenth of a second to make. */
export function marked(roster: Roster, slots: readonly Slot[]): Uint8Array {
  const marks = new Uint8Array(roster.end)
  for (const slot of slots) marks[slot] = 1
  return marks
}

/** Those whose parent is inactive by now, or will be with these marked. `below` has parents before their children. */
export async function followers(
  kin: Kin,
  below: readonly Slot[],
  going: Uint8Array,
  pause: () => Promise<void>,
): Promise<Slot[]> {
  const { columns } = kin.roster
  const follow: Slot[] = []
  let left = mostPerTurn
  for (const slot of below) {
    if (left-- === 0) {
      left = mostPerTurn
      await pause()
    }
    const parent = columns.parent[slot]!
    if (parent === noSlot || (going[parent] !== 1 && columns.status[parent] !== inactive)) continue
    if (kin.silence(slot) === 0) continue
    follow.push(slot)
    going[slot] = 1
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
  let walked = 0
  for (const group of groups) {
    walked += 1
    if (walked % 200 === 0) await pause()
    if (group.startsWith('poller/')) counts.set(group, below(roster, roster.find('poller', group.slice(7))))
    else if (group === pollers && kin.siteOf === null) counts.set(group, roster.count('poller', 'active'))
    else {
      counts.set(group, 0)
      all = true
    }
  }
  for (let slot = 0; all && slot < roster.end; slot += 1) {
    if (slot % mostPerTurn === 0) await pause()
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
