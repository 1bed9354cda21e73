/**
 * The journal in memory: for tests, and for commands that have nowhere to keep state. Same rules as
 * the durable ones, durable for as long as the process.
 */
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { silentLogger, type Logger } from '../../kernel/logger.ts'
import type { Table } from '../../kernel/table.ts'
import type { Head, Journal, Query, ScanOptions, Seq, Verdict } from '../../engine/journal.ts'
import { applyFacts, movesHead, prepareCommit, settle, type Commit, type Reply } from '../apply-facts.ts'
import { decodeRow, encodeKey, keyText, shapeNamed, shapesOf } from '../cells.ts'
import type { Shape, StoredCells } from '../cells.ts'
import { day, decodeEvent, origin, segmentStart, walkChain, type Block, type EventCells } from '../chain.ts'
import { groupCommit } from '../group-commit.ts'
import { createNotice } from '../notice.ts'
import { countCells, scanCells, selectCells } from '../query-cells.ts'
import { eventTest } from './events.ts'
import { createLeases } from './leases.ts'

export interface MemoryOptions {
  readonly clock: Clock
  readonly tables: readonly Table[]
  readonly logger?: Logger
}

interface State {
  readonly shapes: ReadonlyMap<string, Shape>
  readonly rows: ReadonlyMap<string, Map<string, StoredCells>>
  events: EventCells[]
  blocks: Block[]
  anchor: Head
  head: Head
}

export function createMemoryJournal({ clock, tables, logger = silentLogger }: MemoryOptions): Journal {
  const shapes = shapesOf(tables)
  const state: State = {
    shapes,
    rows: new Map(tables.map((table) => [table.name, new Map<string, StoredCells>()])),
    events: [],
    blocks: [],
    anchor: origin,
    head: origin,
  }
  const leases = createLeases(clock)
  const notice = createNotice(logger)
  const commits = groupCommit((group) => Promise.resolve(write(state, group, clock.now(), leases.holds)))
  let closed = false
  /** Answers later than now, as a real one does, so that no caller can lean on the difference. */
  const read = async <T>(answer: () => T): Promise<T> => {
    await Promise.resolve()
    if (closed) throw new AppError('journal.closed', 'it was closed')
    return answer()
  }
  const rowsOf = (table: { readonly name: string }) => state.rows.get(shapeNamed(shapes, table.name).name)!

  return {
    async commit(facts, options = {}) {
      const reply = await commits.commit(prepareCommit(shapes, facts, options))
      if (movesHead(reply)) notice.moved()
      return settle(reply, options.fence ?? null)
    },
    select: <R>(table: Table<R>, query?: Query<R>) =>
      read(() => selectCells(shapeNamed(shapes, table.name), rowsOf(table).values(), query) as never),
    get: <R>(table: Table<R>, key: Partial<R>) =>
      read(() => {
        const shape = shapeNamed(shapes, table.name)
        const row = rowsOf(table).get(keyText(encodeKey(shape, key)))
        return (row ? decodeRow(shape, row.cells, row.seq) : null) as never
      }),
    async *scan<R, C extends keyof R & string>(
      table: Table<R>,
      columns: readonly C[],
      { above, signal }: ScanOptions = {},
    ) {
      const rows = await read(() => [...rowsOf(table).values()])
      for (const block of scanCells<R, C>(shapeNamed(shapes, table.name), rows, columns, above)) {
        signal?.throwIfAborted()
        yield block
      }
    },
    count: (table, where, by = []) =>
      read(() => countCells(shapeNamed(shapes, table.name), rowsOf(table).values(), where, by)),
    events: (query) =>
      read(() => {
        const test = eventTest(query)
        const found = (query.last ? state.events.toReversed() : state.events).filter(test)
        return found.slice(0, query.limit).map(decodeEvent)
      }),
    head: () => read(() => state.head),
    subscribe: notice.subscribe,
    lease: (sync, holder, length) => read(() => leases.lease(sync, holder, length)),
    unlease: (fence) => read(() => leases.unlease(fence)),
    verify: () => read(() => verify(state)),
    retain: (before) => read(() => retain(state, segmentStart(before))),
    condition: () => ({ is: 'ok' }),
    async close() {
      await commits.close()
      closed = true
    },
  }
}

function write(
  state: State,
  group: readonly Commit[],
  at: number,
  holds: Parameters<typeof applyFacts>[1]['holds'],
): readonly Reply[] {
  const applied = applyFacts(group, {
    shapes: state.shapes,
    head: state.head,
    at,
    holds,
    current: (shape, key) => state.rows.get(shape.name)!.get(keyText(key)) ?? null,
  })
  for (const { shape, key, row } of applied.writes) {
    if (row) state.rows.get(shape.name)!.set(keyText(key), row)
    else state.rows.get(shape.name)!.delete(keyText(key))
  }
  for (const event of applied.events) state.events.push(event)
  if (applied.block) state.blocks.push(applied.block)
  state.head = applied.head
  return applied.replies
}

function verify({ anchor, blocks, events, head }: State): Verdict {
  const walker = walkChain(anchor)
  const placeOf = (seq: Seq) => seq - anchor.seq - 1
  for (const block of blocks) walker.step(block, events.slice(placeOf(block.first), placeOf(block.last) + 1))
  return walker.finish(head)
}

function retain(state: State, start: number): { segments: number; events: number } {
  const keep = state.blocks.findIndex((block) => block.at >= start)
  const dropped = state.blocks.splice(0, keep === -1 ? state.blocks.length : keep)
  const newest = dropped.at(-1)
  if (!newest) return { segments: 0, events: 0 }
  const events = newest.last - state.anchor.seq
  state.events = state.events.slice(events)
  state.anchor = { seq: newest.last, hash: newest.hash }
  return { segments: new Set(dropped.map((block) => Math.floor(block.at / day))).size, events }
}
