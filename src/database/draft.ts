/**
 * A journal that reads through to another one and keeps its own writes to itself: what a dry run
 * writes into. Same rules of commit as everywhere; leases, retention and closing do nothing.
 */
import type { Event, Journal, Query, ScanOptions, Stored, Where } from '../engine/journal.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { applyFacts, keyOfChange, prepareCommit, settle } from './apply-facts.ts'
import { decodeRow, encodeKey, encodeRow, keyOf, keyText, shapeNamed, shapesOf, type StoredCells } from './cells.ts'
import { decodeEvent, type EventCells } from './chain.ts'
import { countCells, scanCells, selectCells } from './query-cells.ts'

export interface Draft extends Journal {
  /** The events of this draft alone, in order. */
  drafted(): readonly Event[]
}

export async function createDraft(base: Journal, clock: Clock, tables: readonly Table[]): Promise<Draft> {
  const shapes = shapesOf(tables)
  const tableOf = new Map(tables.map((table) => [table.name, table]))
  /** null: removed here. */
  const changed = new Map(tables.map((table) => [table.name, new Map<string, StoredCells | null>()]))
  const events: EventCells[] = []
  let head = await base.head()
  let queue: Promise<unknown> = Promise.resolve()

  /** Rows of the base that are not changed here, and those that are, as this draft sees the table. */
  async function rowsOf<R>(table: Table<R>, query: Query<R>): Promise<StoredCells[]> {
    const shape = shapeNamed(shapes, table.name)
    const own = changed.get(table.name)!
    const { limit, ...rest } = query
    const found = await base.select(table, limit === undefined ? rest : { ...rest, limit: limit + own.size })
    const kept = found
      .map((row) => ({ cells: encodeRow(shape, row as object), seq: (row as { seq: number }).seq }))
      .filter((row) => !own.has(keyText(keyOf(shape, row.cells))))
    return [...kept, ...[...own.values()].filter((row) => row !== null)]
  }

  async function preload(names: ReadonlySet<string>, commitKeys: readonly (readonly [string, string, object])[]) {
    const loaded = new Map<string, StoredCells | null>()
    for (const [table, text, key] of commitKeys) {
      if (!names.has(table) || loaded.has(`${table}\0${text}`)) continue
      const own = changed.get(table)!.get(text)
      const shape = shapeNamed(shapes, table)
      const row = own !== undefined ? null : await base.get(tableOf.get(table)!, key)
      loaded.set(`${table}\0${text}`, own ?? (row && { cells: encodeRow(shape, row), seq: row.seq }))
    }
    return loaded
  }

  return {
    drafted: () => events.map(decodeEvent),
    commit(facts, options = {}) {
      const done = queue.then(async () => {
        const commit = prepareCommit(shapes, facts, { ...options, fence: undefined as never })
        const rows = [...commit.facts, ...commit.quiet]
        const keys = rows.map((row) => {
          const shape = shapeNamed(shapes, row.table)
          const cells = keyOfChange(shape, row)
          const key = Object.fromEntries(cells.map((cell, at) => [shape.columns[shape.keyAt[at]!]!, cell]))
          return [row.table, keyText(cells), key] as const
        })
        const loaded = await preload(new Set(changed.keys()), keys)
        const current = (shape: { name: string }, key: Parameters<typeof keyText>[0]) =>
          loaded.get(`${shape.name}\0${keyText(key)}`) ?? null
        const applied = applyFacts([commit], { shapes, head, at: clock.now(), current, holds: () => true })
        for (const { shape, key, row } of applied.writes) changed.get(shape.name)!.set(keyText(key), row)
        events.push(...applied.events)
        head = applied.head
        return settle(applied.replies[0]!, null)
      })
      queue = done.catch(() => {})
      return done
    },
    async select<R>(table: Table<R>, query: Query<R> = {}) {
      return selectCells(shapeNamed(shapes, table.name), await rowsOf(table, query), query) as Stored<R>[]
    },
    async get<R>(table: Table<R>, key: Partial<R>) {
      const shape = shapeNamed(shapes, table.name)
      const own = changed.get(table.name)!.get(keyText(encodeKey(shape, key)))
      if (own === undefined) return base.get(table, key)
      return own && (decodeRow(shape, own.cells, own.seq) as Stored<R>)
    },
    async *scan<R, C extends keyof R & string>(
      table: Table<R>,
      columns: readonly C[],
      { above, signal }: ScanOptions = {},
    ) {
      const rows = await rowsOf(table, {})
      signal?.throwIfAborted()
      yield* scanCells<R, C>(shapeNamed(shapes, table.name), rows, columns, above)
    },
    async count<R>(table: Table<R>, where?: Where<R>, by: readonly (keyof R & string)[] = []) {
      const shape = shapeNamed(shapes, table.name)
      if (changed.get(table.name)!.size === 0) return base.count(table, where, by)
      return countCells(shape, await rowsOf(table, where ? { where } : {}), where, by)
    },
    events: (query) => base.events(query),
    head: () => Promise.resolve(head),
    subscribe: () => () => {},
    lease: (sync, _holder, length) => Promise.resolve({ sync, token: 0, until: clock.now() + length }),
    unlease: () => Promise.resolve(),
    verify: (signal) => base.verify(signal),
    retain: () => Promise.resolve({ segments: 0, events: 0 }),
    condition: () => ({ is: 'ok' }),
    close: () => Promise.resolve(),
  }
}
