/** The journal on PostgreSQL, for several replicas. One connection writes, a pool reads. */
import pg from 'pg'
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Table } from '../../kernel/table.ts'
import type { Journal, Query, ScanOptions, Stored, Where } from '../../engine/journal.ts'
import { prepareCommit, settle } from '../apply-facts.ts'
import { decodeRow, shapeNamed, shapesOf, type Shape } from '../cells.ts'
import { decodeEvent } from '../chain.ts'
import { groupCommit } from '../group-commit.ts'
import { createHealth } from '../health.ts'
import { createNotice } from '../notice.ts'
import { tallies } from '../query-cells.ts'
import { countSql, eventsSql, selectSql } from '../query-sql.ts'
import { clientConfig, ownClient, patientConfig, query, type OwnClient } from './connections.ts'
import { postgresDialect } from './dialect.ts'
import { postgresError } from './errors.ts'
import { commitGroup, dropOldest, migrate, readHead } from './ledger.ts'
import { scanTable } from './scan.ts'
import { giveLease, takeLease } from './sql.ts'
import { verifyChain } from './verify.ts'
import { watchHead } from './watch.ts'

export interface PostgresOptions {
  /** postgres://user:password@host/database; the database belongs to Regista alone. */
  readonly url: string
  readonly tables: readonly Table[]
  readonly clock: Clock
  readonly logger: Logger
}

const readConnections = 6
/** Events that one transaction of retention drops. */
const retainEvents = 20_000

/** Throws `journal.unavailable` when the server does not answer, `journal.newer` when the database is newer. */
export async function openPostgresJournal({ url, tables, clock, logger }: PostgresOptions): Promise<Journal> {
  await prepare(url, clock)
  const pool = new pg.Pool({ ...clientConfig(url), max: readConnections })
  pool.on('error', (error) => logger.warn({ error }, 'idle connection to the database was lost'))
  return createJournal({
    shapes: shapesOf(tables),
    clock,
    logger,
    writer: ownClient(url),
    listener: ownClient(url),
    pool,
  })
}

async function prepare(url: string, clock: Clock): Promise<void> {
  const client = new pg.Client(patientConfig(url))
  client.on('error', () => {})
  try {
    await client.connect()
    await migrate(client, clock, 'the database')
  } catch (error) {
    throw postgresError(error)
  } finally {
    await client.end().catch(() => {})
  }
}

interface Parts {
  readonly shapes: ReadonlyMap<string, Shape>
  readonly clock: Clock
  readonly logger: Logger
  readonly writer: OwnClient
  readonly listener: OwnClient
  readonly pool: pg.Pool
}

function createJournal({ shapes, clock, logger, writer, listener, pool }: Parts): Journal {
  const notice = createNotice(logger)
  const watch = watchHead({ pool, listener, clock, notice })
  const health = createHealth({ clock, logger, probe: () => probe(pool) })
  const commits = groupCommit((group) =>
    health.watch(async () => {
      const applied = await commitGroup(writer, shapes, group, clock)
      if (applied.block) notice.moved()
      return applied.replies
    }),
  )
  const shape = (table: { readonly name: string }) => shapeNamed(shapes, table.name)
  let closing: Promise<void> | null = null
  const open = <T>(work: () => Promise<T>): Promise<T> =>
    closing ? Promise.reject(new AppError('journal.closed', 'it was closed')) : work()
  const selectRows = async <R>(table: Table<R>, asked: Query<R>): Promise<Stored<R>[]> => {
    const rows = await query(pool, selectSql(shape(table), asked, postgresDialect))
    return rows.map((row) => decodeRow(shape(table), row, row.pop() as number) as Stored<R>)
  }

  return {
    shared: true,
    async commit(facts, options = {}) {
      const reply = await commits.commit(prepareCommit(shapes, facts, options))
      return settle(reply, options.fence ?? null)
    },
    select: (table, asked = {}) => open(() => selectRows(table, asked)),
    get: <R>(table: Table<R>, key: Partial<R>) =>
      open(async () => {
        const where = Object.fromEntries(table.key.map((name) => [name, key[name]])) as Where<R>
        const [row] = await selectRows(table, { where, limit: 1 })
        return row ?? null
      }),
    async *scan<R, C extends keyof R & string>(table: Table<R>, columns: readonly C[], asked: ScanOptions = {}) {
      if (closing) throw new AppError('journal.closed', 'it was closed')
      yield* scanTable<R, C>(pool, shape(table), columns, asked)
    },
    count: (table, where, by = []) =>
      open(async () => {
        const rows = await query(pool, countSql(shape(table), where, by, postgresDialect))
        return tallies(shape(table), by, rows)
      }),
    events: (asked) =>
      open(async () => (await query(pool, eventsSql(asked, postgresDialect))).map((row) => decodeEvent(row as never))),
    head: () => open(() => readHead(pool)),
    subscribe(onMove) {
      watch.start()
      return notice.subscribe(onMove)
    },
    lease: (sync, holder, length) =>
      open(async () => {
        const [row] = await query(pool, { text: takeLease, values: [sync, holder, length] })
        return row ? { sync, token: row[0] as number, until: row[1] as number } : null
      }),
    unlease: ({ sync, token }) =>
      open(async () => void (await query(pool, { text: giveLease, values: [sync, token] }))),
    verify: (signal) => open(() => withClient(pool, (client) => verifyChain(client, signal))),
    retain: (before) => open(() => retain(pool, before)),
    condition: health.condition,
    close() {
      closing ??= (async () => {
        await commits.close()
        health.close()
        await watch.stop()
        await Promise.all([writer.close(), pool.end()])
      })()
      return closing
    },
  }
}

async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken = true
  try {
    const result = await work(client)
    broken = false
    return result
  } catch (error) {
    broken = error instanceof AppError && error.code === 'journal.unavailable'
    throw error
  } finally {
    client.release(broken)
  }
}

async function retain(pool: pg.Pool, before: number): Promise<{ segments: number; events: number }> {
  const days = new Set<number>()
  let events = 0
  for (;;) {
    // In steps, so that commits wait for one step at most.
    const step = await withClient(pool, (client) => dropOldest(client, before, retainEvents))
    if (!step) return { segments: days.size, events }
    for (const day of step.days) days.add(day)
    events += step.events
  }
}

async function probe(pool: pg.Pool): Promise<void> {
  const filler = Buffer.alloc(65_536, 1)
  await query(pool, {
    text: 'INSERT INTO "probe" VALUES (1, $1) ON CONFLICT ("id") DO UPDATE SET "filler" = excluded."filler"',
    values: [filler],
  })
  await query(pool, { text: 'UPDATE "probe" SET "filler" = NULL', values: [] })
}
