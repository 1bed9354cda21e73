/** What a list asks, as one test of a slot; and who is below whom. */
import { registrationSources, serviceStatuses, serviceTypes } from '../model.ts'
import type { ListQuery } from './lists.ts'
import { gone, noSlot, type Roster, type Slot } from './roster.ts'

export type Test = (slot: Slot) => boolean

export function filterOf(roster: Roster, query: ListQuery): Test {
  const { columns } = roster
  const type = query.type === undefined ? -1 : serviceTypes.indexOf(query.type)
  const statuses = maskOf(serviceStatuses, query.statuses)
  const sources = maskOf(registrationSources, query.sources)
  const { kind, since = 0, is, q = '' } = query
  const below = belowTest(roster, query)
  const fits = q === '' ? null : roster.searcher(q)
  return (slot) => {
    const its = columns.type[slot]!
    if (its === gone || (type >= 0 && its !== type)) return false
    if (((statuses >>> columns.status[slot]!) & (sources >>> columns.source[slot]!) & 1) === 0) return false
    if (since > 0 && columns.registeredAt[slot]! < since) return false
    if (below !== null && !below(slot)) return false
    if (kind !== undefined && roster.kindOf(slot) !== kind) return false
    if (is !== undefined && !is(slot)) return false
    return fits === null || fits(slot)
  }
}

/** A bit for each that is asked for; all where none is. */
function maskOf<T>(all: readonly T[], asked: readonly T[] | undefined): number {
  if (asked === undefined || asked.length === 0) return -1
  return asked.reduce((mask, one) => mask | (1 << all.indexOf(one)), 0)
}

function belowTest(roster: Roster, { poller, agent }: ListQuery): Test | null {
  const tests = [
    ...(poller === undefined ? [] : [belowOne(roster, 'poller', poller)]),
    ...(agent === undefined ? [] : [belowOne(roster, 'agent', agent)]),
  ]
  const [first, second] = tests
  if (first === undefined || second === undefined) return first ?? null
  return (slot) => first(slot) && second(slot)
}

function belowOne(roster: Roster, type: 'poller' | 'agent', id: string): Test {
  const { columns } = roster
  const top = roster.find(type, id)
  if (top !== noSlot) {
    return (slot) => {
      const parent = columns.parent[slot]!
      return parent === top || (parent !== noSlot && columns.parent[parent] === top)
    }
  }
  const waiting = new Set(roster.awaiting(type, id))
  return (slot) => waiting.has(slot) || waiting.has(columns.parent[slot]!)
}

/** All below the one that is asked for; null: they are more than so many, or nobody is asked for. */
export function descendants(roster: Roster, { poller, agent }: ListQuery, most: number): readonly Slot[] | null {
  if (poller === undefined && agent === undefined) return null
  const [type, id] = agent === undefined ? (['poller', poller!] as const) : (['agent', agent] as const)
  const top = roster.find(type, id)
  const found: Slot[] = []
  const add = (children: Iterable<Slot>): boolean => {
    for (const child of children) if (found.push(child) > most) return false
    return true
  }
  if (!add(top === noSlot ? roster.awaiting(type, id) : roster.childrenOf(top))) return null
  for (let i = 0; i < found.length; i++) if (!add(roster.childrenOf(found[i]!))) return null
  return found
}
