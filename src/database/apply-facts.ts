/**
 * What a group of commits does to the ledger, as a pure function: every journal reads the rows, asks
 * this, and writes what it says. So all of them agree on conditions, order, merging and events.
 */
import type { Instant } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { compareOrdinals, type Ordinal } from '../kernel/ordinal.ts'
import type { CommitOptions, Committed, Condition, Fact, Fence, Head, Quiet } from '../engine/journal.ts'
import { encodeCell, encodeKey, encodeRow, keyOf, keyText, sameCells, shapeNamed } from './cells.ts'
import type { Cell, Shape, StoredCells } from './cells.ts'
import { blockOf, encodeDraft, type Block, type DraftCells, type EventCells } from './chain.ts'

/** A commit in cells: checked, and cheap to hand to a worker. */
export interface Commit {
  readonly facts: readonly CommitFact[]
  readonly quiet: readonly CommitRow[]
  readonly atomic: boolean
  readonly fence: Fence | null
}

export interface CommitRow {
  readonly table: string
  /** null: it stands among the cells of a whole row. */
  readonly key: readonly Cell[] | null
  /** null: the row is removed. */
  readonly cells: readonly Cell[] | null
  /** Where the given cells belong, when they are not a whole row. */
  readonly columns: readonly number[] | null
}

export interface CommitFact extends CommitRow {
  readonly event: DraftCells
  readonly when: Condition | null
}

export interface Ledger {
  readonly shapes: ReadonlyMap<string, Shape>
  readonly head: Head
  readonly at: Instant
  current(shape: Shape, key: readonly Cell[]): StoredCells | null
  /** Whether the fence's token is still the one that holds. */
  holds(fence: Fence): boolean
}

export interface Applied {
  /** One per commit, in order. */
  readonly replies: readonly Reply[]
  /** Rows whose stored form changes, at most one per row, sorted by table and key. */
  readonly writes: readonly RowWrite[]
  readonly events: readonly EventCells[]
  /** null: no event, the chain stays. */
  readonly block: Block | null
  readonly head: Head
}

export type Reply = readonly Committed[] | 'fenced'

export interface RowWrite {
  readonly shape: Shape
  readonly key: readonly Cell[]
  readonly existed: boolean
  /** null: the row is removed. */
  readonly row: StoredCells | null
}

/** Throws AppError when a row or an event cannot be stored: only this commit fails then. */
export function prepareCommit(
  shapes: ReadonlyMap<string, Shape>,
  facts: readonly Fact[],
  options: CommitOptions = {},
): Commit {
  const row = (change: Fact | Quiet): CommitRow => {
    const shape = shapeNamed(shapes, change.table)
    if ('drop' in change) return { table: change.table, key: encodeKey(shape, change.drop), cells: null, columns: null }
    if ('put' in change) {
      return { table: change.table, key: null, cells: encodeRow(shape, change.put), columns: null }
    }
    const fields = change.patch as Record<string, unknown>
    const columns = [...shape.columns.keys()].filter((at) => fields[shape.columns[at]!] !== undefined)
    const cells = columns.map((at) => encodeCell(shape, at, fields[shape.columns[at]!]))
    return { table: change.table, key: encodeKey(shape, change.patch), cells, columns }
  }
  const fact = (one: Fact): CommitFact => {
    if (one.when === 'newer-ordinal' && shapeNamed(shapes, one.table).ordinalAt === -1) {
      throw new AppError('internal', `${one.table} has no column "ordinal" to compare`)
    }
    const { table, key, cells, columns } = row(one)
    return { table, key, cells, columns, event: encodeDraft(one.event), when: one.when ?? null }
  }
  return {
    facts: facts.map(fact),
    quiet: (options.quiet ?? []).map(row),
    atomic: options.atomic ?? false,
    fence: options.fence ?? null,
  }
}

interface Slot {
  readonly name: string
  readonly shape: Shape
  readonly key: readonly Cell[]
  readonly before: StoredCells | null
  now: StoredCells | null
}

export function applyFacts(group: readonly Commit[], ledger: Ledger): Applied {
  const slots = new Map<string, Slot>()
  const events: EventCells[] = []
  const slotOf = (row: CommitRow): Slot => {
    const shape = shapeNamed(ledger.shapes, row.table)
    const key = keyOfChange(shape, row)
    const name = `${row.table}\0${keyText(key)}`
    let slot = slots.get(name)
    if (!slot) {
      const before = ledger.current(shape, key)
      slot = { name, shape, key, before, now: before }
      slots.set(name, slot)
    }
    return slot
  }

  const commit = (one: Commit): Reply => {
    if (one.fence && !ledger.holds(one.fence)) return 'fenced'
    const undo: [Slot, StoredCells | null][] = []
    const eventsBefore = events.length
    const set = (slot: Slot, row: StoredCells | null) => {
      undo.push([slot, slot.now])
      slot.now = row
    }
    const results: Committed[] = []
    for (const fact of one.facts) {
      const slot = slotOf(fact)
      const cells = cellsOver(fact, slot.now)
      const verdict = judge(slot, fact, cells)
      if (verdict === 'change') {
        const seq = ledger.head.seq + events.length + 1
        events.push([seq, ledger.at, ...fact.event])
        set(slot, cells && { cells, seq })
        results.push(seq)
      } else {
        results.push(verdict)
      }
      if (verdict === 'conflict' && one.atomic) {
        for (const [changed, row] of undo.toReversed()) changed.now = row
        events.length = eventsBefore
        return one.facts.map(() => 'conflict')
      }
    }
    for (const row of one.quiet) {
      const slot = slotOf(row)
      const cells = cellsOver(row, slot.now)
      // A row that no event ever told of stands at position 0.
      if (cells === null) set(slot, null)
      else if (!slot.now || !sameCells(cells, slot.now.cells)) set(slot, { cells, seq: slot.now?.seq ?? 0 })
    }
    return results
  }

  const replies = group.map(commit)
  const block = events.length === 0 ? null : blockOf(ledger.head, ledger.at, events)
  return {
    replies,
    writes: changedRows(slots),
    events,
    block,
    head: block ? { seq: block.last, hash: block.hash } : ledger.head,
  }
}

export function keyOfChange(shape: Shape, { key, cells }: CommitRow): readonly Cell[] {
  return key ?? keyOf(shape, cells!)
}

function changedRows(slots: ReadonlyMap<string, Slot>): RowWrite[] {
  return [...slots.values()]
    .filter((slot) => slot.now !== slot.before)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((slot) => ({ shape: slot.shape, key: slot.key, existed: slot.before !== null, row: slot.now }))
}

/** The whole row that is then there; null: none. A patch of no row makes none. */
function cellsOver({ cells, columns }: CommitRow, now: StoredCells | null): readonly Cell[] | null {
  if (columns === null || cells === null) return cells
  if (now === null) return null
  const patched = [...now.cells]
  for (const [place, at] of columns.entries()) patched[at] = cells[place]!
  return patched
}

function judge(slot: Slot, fact: CommitFact, cells: readonly Cell[] | null): 'change' | 'unchanged' | 'conflict' {
  if (fact.columns !== null && slot.now === null) return 'conflict'
  const same = cells === null ? slot.now === null : slot.now !== null && sameCells(cells, slot.now.cells)
  // The same observation once more is no conflict, although its ordinal is not newer.
  if (same && fact.when === 'newer-ordinal') return 'unchanged'
  if (fact.when !== null && !holds(fact.when, slot, cells)) return 'conflict'
  return same ? 'unchanged' : 'change'
}

function holds(when: Condition, { now, shape }: Slot, cells: readonly Cell[] | null): boolean {
  if (when === 'absent') return now === null
  if (when !== 'newer-ordinal') return now?.seq === when.seq
  if (now === null || cells === null) return true
  return compareOrdinals(ordinalAt(cells, shape), ordinalAt(now.cells, shape)) > 0
}

function ordinalAt(cells: readonly Cell[], shape: Shape): Ordinal {
  const cell = cells[shape.ordinalAt]
  const value: unknown = typeof cell === 'string' ? JSON.parse(cell) : []
  return Array.isArray(value) ? value : [value as number | string]
}

/** Whether any of its events was written. */
export function movesHead(reply: Reply): boolean {
  return reply !== 'fenced' && reply.some((result) => typeof result === 'number')
}

/** Turns the reply to one commit into what `Journal.commit` promises. */
export function settle(reply: Reply, fence: Fence | null): Committed[] {
  if (reply !== 'fenced') return [...reply]
  throw new AppError('journal.fenced', `another replica took over "${fence?.sync}"`, { data: { ...fence } })
}
