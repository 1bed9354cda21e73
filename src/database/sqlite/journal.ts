/** The journal on an embedded SQLite file. Writing and reading happen in a worker thread each, or here. */
import { dirname } from 'node:path'
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Table } from '../../kernel/table.ts'
import type { Head, Journal, Lease, Query, Stored, Where } from '../../engine/journal.ts'
import { movesHead, prepareCommit, settle } from '../apply-facts.ts'
import { decodeRow, shapeNamed, shapesOf, type Cell, type Shape } from '../cells.ts'
import { decodeEvent } from '../chain.ts'
import { createHealth } from '../health.ts'
import { acquire } from '../holder.ts'
import { createNotice } from '../notice.ts'
import { tallies } from '../query-cells.ts'
import { countSql, eventsSql, selectSql, type Statement } from '../query-sql.ts'
import { sqliteDialect } from './dialect.ts'
import { sqliteError } from './errors.ts'
import { linkHere, linkReader, linkWriter, usualCache, type Link, type WriterData } from './link.ts'
import { createParcels, type Outcome } from './parcels.ts'
import { scanTable } from './scan.ts'
import { verifyChain } from './verify.ts'

export interface SqliteOptions {
  /** The file; its folder is held for this process as long as the journal is open. */
  readonly path: string
  readonly tables: readonly Table[]
  readonly clock: Clock
  readonly logger: Logger
  /** Waits this long before each COMMIT, as a slower disk would: for benchmarks. */
  readonly commitDelay?: Ms
  /**
   * 2 (default): one writes, one reads, and whoever asks never waits for the disk. 0: both happen within
   * the thread that asks, which saves the 11 to 18 MB of each (Node 24.21, 2026-11); for a process that
   * has nobody else to answer.
   */
  readonly threads?: 0 | 2
  /** KiB of pages that each connection keeps at most; default 32 MiB. */
  readonly cache?: number
}

export interface SqliteJournal extends Journal {
  /** Copies the whole database, as it is at one moment, to a new file. Writing goes on meanwhile. */
  copyTo(file: string): Promise<void>
}

/** Events that one transaction of retention drops. */
const retainEvents = 20_000

/** Throws `journal.busy` when another process holds the folder, `journal.newer` when its version is newer. */
export async function openSqliteJournal({
  path,
  tables,
  clock,
  logger,
  ...options
}: SqliteOptions): Promise<SqliteJournal> {
  const { threads = 2, cache = usualCache } = options
  const apart = threads === 2
  const holding = acquire(dirname(path), clock)
  const shapes = shapesOf(tables)
  const data = {
    path,
    shapes,
    now: clock.now(),
    commitDelay: options.commitDelay ?? 0,
    cache,
  }
  const writer = apart ? linkWriter(data) : await linkWrites(data)
  const reader = apart ? linkReader(path, cache) : writer
  const end = async () => {
    if (apart) await reader.call('close').catch(() => {})
    // The last connection to close writes the WAL back into the file.
    await writer.call('close').catch(() => {})
    if (apart) await reader.end()
    await writer.end()
    holding.release()
  }
  try {
    await writer.call('open')
  } catch (error) {
    await end()
    throw error
  }
  return createJournal({ shapes, clock, logger, writer, reader, end })
}

async function linkWrites(data: WriterData): Promise<Link> {
  // Only who has no threads needs what they do.
  const { createWrites } = await import('./writes.ts')
  return linkHere(createWrites(data, { reads: true }), sqliteError)
}

interface Parts {
  readonly shapes: ReadonlyMap<string, Shape>
  readonly clock: Clock
  readonly logger: Logger
  readonly writer: Link
  readonly reader: Link
  end(): Promise<void>
}

function createJournal({ shapes, clock, logger, writer, reader, end }: Parts): SqliteJournal {
  const notice = createNotice(logger)
  const health = createHealth({ clock, logger, probe: () => writer.call('probe') })
  const commits = createParcels((parcel) =>
    health.watch(() => writer.call<readonly Outcome[]>('commit', parcel, clock.now())),
  )
  const shape = (table: { readonly name: string }) => shapeNamed(shapes, table.name)
  let closing: Promise<void> | null = null

  return {
    async commit(facts, options = {}) {
      const reply = await commits.commit(prepareCommit(shapes, facts, options))
      if (movesHead(reply)) notice.moved()
      return settle(reply, options.fence ?? null)
    },
    select: <R>(table: Table<R>, query: Query<R> = {}) => selectRows(reader, shape(table), query),
    async get<R>(table: Table<R>, key: Partial<R>) {
      const where = Object.fromEntries(table.key.map((name) => [name, key[name]])) as Where<R>
      const [row] = await selectRows<R>(reader, shape(table), { where, limit: 1 })
      return row ?? null
    },
    scan: (table, columns, asked = {}) => scanTable(reader, shape(table), columns, asked),
    async count(table, where, by = []) {
      const rows = await readAll(reader, countSql(shape(table), where, by, sqliteDialect), (row) => row)
      return tallies(shape(table), by, rows)
    },
    events: (query) => readAll(reader, eventsSql(query, sqliteDialect), (row) => decodeEvent(row as never)),
    head: () => reader.call<Head>('head'),
    subscribe: notice.subscribe,
    lease: (sync, holder, length) => writer.call<Lease | null>('lease', sync, holder, length, clock.now()),
    unlease: (fence) => writer.call('unlease', fence),
    verify: (signal) => verifyChain(reader, signal),
    retain: (before) => retain(writer, before),
    condition: health.condition,
    copyTo: (file) => reader.call('copy', file),
    close() {
      closing ??= (async () => {
        await commits.close()
        health.close()
        await end()
      })()
      return closing
    },
  }
}

function selectRows<R>(reader: Link, shape: Shape, query: Query<R>): Promise<Stored<R>[]> {
  return readAll(reader, selectSql(shape, query, sqliteDialect), (row) => {
    const seq = row.pop() as number
    return decodeRow(shape, row, seq) as Stored<R>
  })
}

async function readAll<T>(reader: Link, statement: Statement<Cell>, decode: (row: Cell[]) => T): Promise<T[]> {
  const answer: T[] = []
  const take = (rows: Cell[][]) => {
    for (const row of rows) answer.push(decode(row))
  }
  await reader.parts('rows', take, statement.text, statement.values)
  return answer
}

async function retain(writer: Link, before: number): Promise<{ segments: number; events: number }> {
  const days = new Set<number>()
  let events = 0
  for (;;) {
    // In steps, so that commits wait for one step at most.
    const step = await writer.call<{ days: number[]; events: number } | null>('retain', before, retainEvents)
    if (!step) return { segments: days.size, events }
    for (const day of step.days) days.add(day)
    events += step.events
  }
}
