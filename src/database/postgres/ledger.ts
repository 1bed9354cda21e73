/** The writing half of the PostgreSQL journal: what happens inside its transactions. */
import type pg from 'pg'
import type { Clock, Instant } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import type { Fence, Head } from '../../engine/journal.ts'
import { applyFacts, keyOfChange, type Applied, type Commit, type RowWrite } from '../apply-facts.ts'
import { keyOf, keyText, shapeNamed, type Cell, type Shape, type StoredCells } from '../cells.ts'
import { day, segmentStart } from '../chain.ts'
import { loadMigrations, migrationTable, pendingMigrations } from '../migrations.ts'
import { query, type Client, type OwnClient } from './connections.ts'
import { postgresError } from './errors.ts'
import { appendBlock, dropRows, rowsByKey, upsertRows } from './sql.ts'

/** Any number; replicas that start together migrate one after the other. */
const migrationLock = 7_345_162

export async function migrate(client: Client, clock: Clock, where: string): Promise<void> {
  await transact(client, 'BEGIN', async () => {
    await query(client, { text: 'SELECT pg_advisory_xact_lock($1)', values: [migrationLock] })
    await query(client, { text: migrationTable.postgres, values: [] })
    const [row] = await query(client, { text: 'SELECT coalesce(max("number"), 0) FROM "migration"', values: [] })
    for (const { number, name, sql } of pendingMigrations(loadMigrations('postgres'), row![0] as number, where)) {
      await client.query(sql)
      await query(client, { text: 'INSERT INTO "migration" VALUES ($1, $2, $3)', values: [number, name, clock.now()] })
    }
  })
}

/** Writes a group in one transaction; once more at once when the connection was found dead before it mattered. */
export async function commitGroup(
  writer: OwnClient,
  shapes: ReadonlyMap<string, Shape>,
  group: readonly Commit[],
  clock: Clock,
): Promise<Applied> {
  const attempt = async (): Promise<Applied> => {
    const client = await writer.get()
    try {
      return await transact(client, 'BEGIN', () => writeGroup(client, shapes, group, clock))
    } catch (error) {
      if ((error as AppError).code === 'journal.unavailable') writer.drop(client)
      throw error
    }
  }
  try {
    return await attempt()
  } catch (thrown) {
    const error = thrown as AppError
    if (error.code !== 'journal.unavailable' || error.data['effect'] !== 'none') throw error
    return attempt()
  }
}

async function writeGroup(
  client: Client,
  shapes: ReadonlyMap<string, Shape>,
  group: readonly Commit[],
  clock: Clock,
): Promise<Applied> {
  // The first lock of every writer: one order, and no deadlock.
  const head = await readHead(client, ' FOR UPDATE')
  const tokens = await readTokens(client, group)
  const rows = await readRows(client, shapes, group)
  const applied = applyFacts(group, {
    shapes,
    head,
    at: clock.now(),
    holds: ({ sync, token }) => tokens.get(sync) === token,
    current: (shape, key) => rows.get(`${shape.name}\0${keyText(key)}`) ?? null,
  })
  for (const [shape, writes] of byShape(applied.writes)) {
    const puts = writes.filter(({ row }) => row !== null)
    const drops = writes.filter(({ row }) => row === null)
    if (puts.length > 0) await query(client, upsertRows(shape, puts))
    if (drops.length > 0) await query(client, dropRows(shape, drops))
  }
  if (applied.block) await query(client, appendBlock(applied.block, applied.events))
  return applied
}

export async function readHead(client: Client | pg.Pool, lock: '' | ' FOR UPDATE' = ''): Promise<Head> {
  const [row] = await query(client, {
    name: `head${lock}`,
    text: `SELECT "seq", "hash" FROM "head"${lock}`,
    values: [],
  })
  return { seq: row![0] as number, hash: row![1] as string }
}

async function readTokens(client: Client, group: readonly Commit[]): Promise<ReadonlyMap<string, number>> {
  const fences = group.map(({ fence }) => fence).filter((fence): fence is Fence => fence !== null)
  if (fences.length === 0) return new Map()
  const rows = await query(client, {
    name: 'tokens',
    text: 'SELECT "sync", "token" FROM "lease" WHERE "holder" IS NOT NULL AND "sync" = ANY($1::text[])',
    values: [[...new Set(fences.map(({ sync }) => sync))]],
  })
  return new Map(rows as [string, number][])
}

/** Every row that the group touches, by table and key. */
async function readRows(
  client: Client,
  shapes: ReadonlyMap<string, Shape>,
  group: readonly Commit[],
): Promise<ReadonlyMap<string, StoredCells>> {
  const keys = new Map<string, Map<string, readonly Cell[]>>()
  for (const { facts, quiet } of group) {
    for (const row of [...facts, ...quiet]) {
      const key = keyOfChange(shapeNamed(shapes, row.table), row)
      let known = keys.get(row.table)
      if (!known) keys.set(row.table, (known = new Map()))
      known.set(keyText(key), key)
    }
  }
  const found = new Map<string, StoredCells>()
  for (const [table, wanted] of keys) {
    const shape = shapeNamed(shapes, table)
    for (const row of await query(client, rowsByKey(shape, [...wanted.values()]))) {
      const seq = row.pop() as number
      found.set(`${table}\0${keyText(keyOf(shape, row))}`, { cells: row, seq })
    }
  }
  return found
}

function byShape(writes: readonly RowWrite[]): Map<Shape, RowWrite[]> {
  return Map.groupBy(writes, ({ shape }) => shape)
}

export interface Dropped {
  readonly days: readonly number[]
  readonly events: number
}

/** Drops the oldest blocks, about `most` events of them; null: nothing is left to drop. */
export function dropOldest(client: Client, before: Instant, most: number): Promise<Dropped | null> {
  return transact(client, 'BEGIN', async () => {
    const [anchor] = (await query(client, { text: 'SELECT "anchorSeq" FROM "head" FOR UPDATE', values: [] }))[0] as [
      number,
    ]
    const blocks = (await query(client, {
      text: `SELECT "last", "hash", "at" FROM "block" WHERE "first" <= $2
        AND "first" < coalesce((SELECT min("first") FROM "block" WHERE "at" >= $1), 9223372036854775807) ORDER BY "first"`,
      values: [segmentStart(before), anchor + most],
    })) as [number, string, number][]
    const newest = blocks.at(-1)
    if (!newest) return null
    const [last, hash] = newest
    await query(client, { text: 'DELETE FROM "event" WHERE "seq" <= $1', values: [last] })
    await query(client, { text: 'DELETE FROM "block" WHERE "last" <= $1', values: [last] })
    await query(client, { text: 'UPDATE "head" SET "anchorSeq" = $1, "anchorHash" = $2', values: [last, hash] })
    return { days: [...new Set(blocks.map(([, , at]) => Math.floor(at / day)))], events: last - anchor }
  })
}

/** All of `work` or nothing. An error says whether it may have happened nevertheless. */
export async function transact<T>(client: Client, begin: string, work: () => Promise<T>): Promise<T> {
  let result: T
  try {
    await client.query(begin)
    result = await work()
  } catch (error) {
    throw await rolledBack(client, postgresError(error))
  }
  try {
    await client.query('COMMIT')
  } catch (error) {
    throw await rolledBack(client, postgresError(error, 'unknown'))
  }
  return result
}

async function rolledBack(client: Client, error: AppError): Promise<AppError> {
  // A connection that gave no answer gives none to ROLLBACK either; its transaction ends with it.
  if (error.code !== 'journal.unavailable') await client.query('ROLLBACK').catch(() => {})
  return error
}
