/** The writing half of the SQLite journal: what happens inside its transactions. Runs in the writer's thread. */
import type { Instant, Ms } from '../../kernel/clock.ts'
import type { Fence, Head, Lease } from '../../engine/journal.ts'
import { applyFacts, type Applied, type Commit, type Reply, type RowWrite } from '../apply-facts.ts'
import type { Cell, Shape, StoredCells } from '../cells.ts'
import { day, eventColumns, segmentStart, type Block } from '../chain.ts'
import { loadMigrations, migrationTable, pendingMigrations } from '../migrations.ts'
import { quote } from '../query-sql.ts'
import { bucketOf } from './bucket.ts'
import type { Connection } from './connection.ts'
import { sqliteError } from './errors.ts'
import { dropHolds, writeHolds } from './holds.ts'

export interface SqliteLedger {
  commit(group: readonly Commit[], at: Instant): readonly Reply[]
  lease(sync: string, holder: string, length: Ms, now: Instant): Lease | null
  unlease(fence: Fence): void
  /** Drops the oldest blocks, about `most` events of them; null: nothing is left to drop. */
  retain(before: Instant, most: number): { readonly days: readonly number[]; readonly events: number } | null
  /** Succeeds only when there is space again. */
  probe(): void
}

interface RowSql {
  /** What an update sets. */
  readonly others: readonly number[]
  readonly get: string
  readonly insert: string
  readonly update: string
  readonly drop: string
}

const marks = (count: number) => Array.from({ length: count }, () => '?').join(', ')
const insertEvent = `INSERT INTO "event" (${[...eventColumns, 'bucket'].map(quote).join(', ')}) VALUES (${marks(eventColumns.length + 1)})`
const keyAt = eventColumns.indexOf('key')
const insertBlock = `INSERT INTO "block" ("first", "last", "prev", "hash", "at", "count") VALUES (${marks(6)})`

export function migrate(connection: Connection, now: Instant, where: string): void {
  transact(connection, 'BEGIN IMMEDIATE', () => {
    connection.exec(migrationTable.sqlite)
    const applied = connection.get('SELECT coalesce(max("number"), 0) FROM "migration"')![0] as number
    for (const { number, name, sql } of pendingMigrations(loadMigrations('sqlite'), applied, where)) {
      connection.exec(sql)
      connection.run('INSERT INTO "migration" VALUES (?, ?, ?)', [number, name, now])
    }
  })
}

export function createLedger(
  connection: Connection,
  shapes: ReadonlyMap<string, Shape>,
  beforeCommit: () => void,
  /** Is told of bytes of blobs that were read, and are let go of. */
  letGo: (bytes: number) => void = () => {},
): SqliteLedger {
  const sql = new Map([...shapes.values()].map((shape) => [shape.name, rowSql(shape)]))
  // This process is the only writer: what it wrote last is what is there.
  let head: Head | null = null

  const holds = ({ sync, token }: Fence): boolean => {
    const row = connection.get('SELECT "holder", "token" FROM "lease" WHERE "sync" = ?', [sync])
    return row !== undefined && row[0] !== null && row[1] === token
  }
  const current = (shape: Shape, key: readonly Cell[]): StoredCells | null => {
    const row = connection.get(sql.get(shape.name)!.get, key)
    for (const cell of row ?? []) if (cell instanceof Uint8Array) letGo(cell.length)
    return row ? { seq: row.pop() as number, cells: row } : null
  }

  return {
    commit(group, at) {
      head ??= readHead(connection)
      const before = head
      // Unknown until the commit has ended well.
      head = null
      const applied = transact(connection, 'BEGIN', () => {
        const outcome = applyFacts(group, { shapes, head: before, at, holds, current })
        write(connection, sql, outcome)
        beforeCommit()
        return outcome
      })
      head = applied.head
      return applied.replies
    },
    lease: (sync, holder, length, now) =>
      transact(connection, 'BEGIN IMMEDIATE', () => takeLease(connection, { sync, holder, length, now })),
    unlease({ sync, token }) {
      connection.run('UPDATE "lease" SET "holder" = NULL, "until" = 0 WHERE "sync" = ? AND "token" = ?', [sync, token])
    },
    retain: (before, most) => transact(connection, 'BEGIN IMMEDIATE', () => dropOldest(connection, before, most)),
    probe() {
      connection.run('INSERT OR REPLACE INTO "probe" VALUES (1, randomblob(65536))')
      connection.run('UPDATE "probe" SET "filler" = NULL')
    },
  }
}

export function readHead(connection: Connection): Head {
  const [seq, hash] = connection.get('SELECT "seq", "hash" FROM "head"') as [number, string]
  return { seq, hash }
}

function rowSql(shape: Shape): RowSql {
  const table = quote(shape.name)
  const columns = [...shape.columns, 'seq'].map(quote)
  const key = shape.keyAt.map((at) => `${quote(shape.columns[at]!)} = ?`).join(' AND ')
  // Without the key: SQLite would take the row out and put it in again (14.1 for 13.1 µs a fact, 2026-11-21).
  const others = [...shape.columns.keys()].filter((at) => !shape.keyAt.includes(at))
  const set = [...others.map((at) => quote(shape.columns[at]!)), '"seq"'].map((name) => `${name} = ?`)
  return {
    others,
    get: `SELECT ${columns.join(', ')} FROM ${table} WHERE ${key}`,
    insert: `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${marks(columns.length)})`,
    update: `UPDATE ${table} SET ${set.join(', ')} WHERE ${key}`,
    drop: `DELETE FROM ${table} WHERE ${key}`,
  }
}

function write(connection: Connection, sql: ReadonlyMap<string, RowSql>, applied: Applied): void {
  for (const change of applied.writes) writeRow(connection, sql.get(change.shape.name)!, change)
  for (const event of applied.events) {
    const key = event[keyAt]
    connection.run(insertEvent, [...event, typeof key === 'string' ? bucketOf(key) : null])
  }
  if (!applied.block) return
  writeBlock(connection, applied.block)
  writeHolds(connection, applied.block, applied.events)
}

function writeRow(connection: Connection, sql: RowSql, { key, existed, row }: RowWrite): void {
  if (row === null) connection.run(sql.drop, key)
  else if (existed) connection.run(sql.update, [...sql.others.map((at) => row.cells[at]!), row.seq, ...key])
  else connection.run(sql.insert, [...row.cells, row.seq])
}

function writeBlock(connection: Connection, { first, last, prev, hash, at, count }: Block): void {
  connection.run(insertBlock, [first, last, prev, hash, at, count])
  connection.run('UPDATE "head" SET "seq" = ?, "hash" = ?', [last, hash])
}

function takeLease(
  connection: Connection,
  { sync, holder, length, now }: { sync: string; holder: string; length: Ms; now: Instant },
): Lease | null {
  const last = connection.get('SELECT "holder", "token", "until" FROM "lease" WHERE "sync" = ?', [sync])
  const mine = last?.[0] === holder
  if (last && last[0] !== null && !mine && (last[2] as number) > now) return null
  // Expired and not taken by anybody meanwhile is as good as renewed.
  const token = mine ? (last[1] as number) : ((last?.[1] as number | undefined) ?? 0) + 1
  const until = now + length
  connection.run('INSERT OR REPLACE INTO "lease" VALUES (?, ?, ?, ?)', [sync, holder, token, until])
  return { sync, token, until }
}

function dropOldest(connection: Connection, before: Instant, most: number) {
  const [anchor] = connection.get('SELECT "anchorSeq" FROM "head"') as [number]
  const keep = connection.get('SELECT min("first") FROM "block" WHERE "at" >= ?', [segmentStart(before)])![0]
  const end = (keep as number | null) ?? Number.MAX_SAFE_INTEGER
  const blocks = connection.all(
    'SELECT "last", "hash", "at" FROM "block" WHERE "first" < ? AND "first" <= ? ORDER BY "first"',
    [end, anchor + most],
  ) as [number, string, number][]
  const newest = blocks.at(-1)
  if (!newest) return null
  const [last, hash] = newest
  connection.run('DELETE FROM "event" WHERE "seq" <= ?', [last])
  connection.run('DELETE FROM "block" WHERE "last" <= ?', [last])
  dropHolds(connection, last)
  connection.run('UPDATE "head" SET "anchorSeq" = ?, "anchorHash" = ?', [last, hash])
  return { days: [...new Set(blocks.map(([, , at]) => Math.floor(at / day)))], events: last - anchor }
}

/** All of `work` or nothing. An error says whether it may have happened nevertheless. */
function transact<T>(connection: Connection, begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: () => T): T {
  connection.exec(begin)
  let result: T
  try {
    result = work()
  } catch (error) {
    rollback(connection)
    throw sqliteError(error)
  }
  try {
    connection.exec('COMMIT')
  } catch (error) {
    rollback(connection)
    const failure = sqliteError(error, 'unknown')
    // A commit that found no space was not written; any other failure may have come after the writing.
    throw failure.code === 'journal.full' ? sqliteError(error) : failure
  }
  return result
}

function rollback(connection: Connection): void {
  // SQLite itself rolls back on some errors (sqlite.org/lang_transaction.html, section 3.2).
  if (connection.db.isTransaction) connection.exec('ROLLBACK')
}
