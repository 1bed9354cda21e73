/** The statements that write. Many rows go in one: one array per column, unnested by the server. */
import type { Cell, Shape } from '../cells.ts'
import { eventColumns, type Block, type EventCells } from '../chain.ts'
import type { RowWrite } from '../apply-facts.ts'
import { quote, type Statement } from '../query-sql.ts'
import { columnTypes, toPostgres, type Bound } from './dialect.ts'
import type { Prepared } from './connections.ts'

type Named = Statement<Bound> & Prepared

/** The channel that tells other replicas of a new head. */
export const channel = 'regista_head'

/** Selects the rows with these keys: the declared columns, then seq. */
export function rowsByKey(shape: Shape, keys: readonly (readonly Cell[])[]): Named {
  const names = shape.keyAt.map((at) => quote(shape.columns[at]!))
  const columns = [...shape.columns, 'seq'].map((name) => `t.${quote(name)}`)
  return {
    name: `get:${shape.name}`,
    text: `SELECT ${columns.join(', ')} FROM ${quote(shape.name)} t JOIN ${unnested(shape, shape.keyAt)} USING (${names.join(', ')})`,
    values: transposed(shape, shape.keyAt, keys),
  }
}

export function upsertRows(shape: Shape, writes: readonly RowWrite[]): Named {
  const all = [...shape.columns.keys()]
  const columns = [...shape.columns, 'seq'].map(quote)
  const key = shape.keyAt.map((at) => quote(shape.columns[at]!))
  const set = columns.filter((name) => !key.includes(name)).map((name) => `${name} = excluded.${name}`)
  const arrays = [...all.map((at) => columnTypes[shape.types[at]!]), 'bigint'].map(
    (type, at) => `$${at + 1}::${type}[]`,
  )
  const rows = writes.map(({ row }) => row!)
  return {
    name: `put:${shape.name}`,
    text: [
      `INSERT INTO ${quote(shape.name)} (${columns.join(', ')}) SELECT * FROM unnest(${arrays.join(', ')})`,
      `ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${set.join(', ')}`,
    ].join(' '),
    values: [
      ...transposed(
        shape,
        all,
        rows.map((row) => row.cells),
      ),
      rows.map((row) => row.seq),
    ],
  }
}

export function dropRows(shape: Shape, writes: readonly RowWrite[]): Named {
  const same = shape.keyAt.map((at) => quote(shape.columns[at]!)).map((name) => `t.${name} = k.${name}`)
  return {
    name: `drop:${shape.name}`,
    text: `DELETE FROM ${quote(shape.name)} t USING ${unnested(shape, shape.keyAt)} WHERE ${same.join(' AND ')}`,
    values: transposed(
      shape,
      shape.keyAt,
      writes.map(({ key }) => key),
    ),
  }
}

/** Appends the block and its events, moves the head, and tells the other replicas when this commits. */
export function appendBlock(block: Block, events: readonly EventCells[]): Named {
  const types = eventColumns.map((name) => (name === 'seq' || name === 'at' ? 'bigint' : 'text'))
  const arrays = types.map((type, at) => `$${at + 1}::${type}[]`)
  return {
    name: 'append',
    text: [
      `WITH e AS (INSERT INTO "event" (${eventColumns.map(quote).join(', ')}) SELECT * FROM unnest(${arrays.join(', ')})),`,
      `b AS (INSERT INTO "block" ("first", "last", "prev", "hash", "at", "count") VALUES ($11, $12, $13, $14, $15, $16))`,
      `UPDATE "head" SET "seq" = $12, "hash" = $14 RETURNING pg_notify('${channel}', '')`,
    ].join(' '),
    values: [
      ...eventColumns.map((_, at) => events.map((event) => event[at] ?? null)),
      block.first,
      block.last,
      block.prev,
      block.hash,
      block.at,
      block.count,
    ],
  }
}

const now = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`
/** As every writer does: leases change in the same order as rows. */
const headLocked = `(SELECT "id" FROM "head" FOR UPDATE) h`

/** $1 sync, $2 holder, $3 length. Answers token and until, or nothing while somebody else holds it. */
export const takeLease = `
  INSERT INTO "lease" AS l ("sync", "holder", "token", "until") SELECT $1, $2, 1, ${now} + $3::bigint FROM ${headLocked}
  ON CONFLICT ("sync") DO UPDATE SET "holder" = excluded."holder", "until" = excluded."until",
    "token" = CASE WHEN l."holder" = excluded."holder" THEN l."token" ELSE l."token" + 1 END
  WHERE l."holder" IS NULL OR l."holder" = excluded."holder" OR l."until" <= ${now}
  RETURNING "token", "until"`

/** $1 sync, $2 token. */
export const giveLease = `
  UPDATE "lease" l SET "holder" = NULL, "until" = 0 FROM ${headLocked} WHERE l."sync" = $1 AND l."token" = $2`

function unnested(shape: Shape, columns: readonly number[]): string {
  const arrays = columns.map((at, place) => `$${place + 1}::${columnTypes[shape.types[at]!]}[]`)
  return `unnest(${arrays.join(', ')}) AS k (${columns.map((at) => quote(shape.columns[at]!)).join(', ')})`
}

/** Cells of many rows, one array per column. */
function transposed(shape: Shape, columns: readonly number[], rows: readonly (readonly Cell[])[]): Bound[] {
  return columns.map((at, place) => rows.map((row) => toPostgres(shape.types[at]!, row[place]!)))
}
