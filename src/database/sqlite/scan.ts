/**
 * Whole tables in columns. SQLite itself puts the cells of some thousand rows into one JSON text for each column, which
 * costs less than an array a row on the way out of SQLite and between the threads (1,000,000 rows of 17 columns: 1.1 s,
 * the thread that asks is busy for 0.7 of them; pages of rows take 4.6 s and 1.4, 2026-11-21). The same file serves
 * both ends.
 */
import type { ColumnBlock, ScanOptions, Seq } from '../../engine/journal.ts'
import type { Cell, Shape } from '../cells.ts'
import { belowAll, columnBlock, scanned, scanRows } from '../query-cells.ts'
import { quote } from '../query-sql.ts'
import type { Connection } from './connection.ts'
import type { Handlers, Link, Part } from './link.ts'

/** Blocks that are read before they are asked for. */
const ahead = 2

export async function* scanTable<R, C extends keyof R & string>(
  reader: Link,
  shape: Shape,
  columns: readonly C[],
  { above = belowAll, signal }: ScanOptions,
): AsyncGenerator<ColumnBlock<R, C>> {
  const id = await reader.call<number>(
    'scanStart',
    shape.name,
    scanned(shape, columns),
    shape.keyAt.map((at) => shape.columns[at]!),
    above,
  )
  const coming: Promise<readonly string[] | null>[] = []
  try {
    for (;;) {
      while (coming.length < ahead) {
        const block = reader.call<readonly string[] | null>('scanStep', id)
        block.catch(() => {})
        coming.push(block)
      }
      const texts = await coming.shift()
      signal?.throwIfAborted()
      if (!texts) return
      yield columnBlock(
        shape,
        columns,
        texts.map((text) => JSON.parse(text) as Cell[]),
      )
    }
  } finally {
    // A reader that is gone took the snapshot with it.
    await reader.call('scanEnd', id).catch(() => {})
  }
}

interface Scan {
  readonly snapshot: Connection
  /** Values of the columns that tell the place of the last row read; null: none was. */
  last: readonly Cell[] | null
  readonly text: (first: boolean) => string
  readonly place: number
  readonly above: Seq
}

/** In the reader's thread. */
export function createScans(connect: () => Connection): Handlers['each'] {
  const scans = new Map<number, Scan>()
  let lastId = 0
  return {
    scanStart(_: Part, table: string, columns: readonly string[], key: readonly string[], above: Seq): number {
      const snapshot = connect()
      snapshot.exec('BEGIN')
      const [bare] = snapshot.get('SELECT "wr" FROM pragma_table_list WHERE "schema" = \'main\' AND "name" = ?', [
        table,
      ])!
      // The snapshot begins with the first row that is read.
      snapshot.get('SELECT "seq" FROM "head"')
      const place = bare === 1 ? key : ['_rowid_']
      lastId += 1
      scans.set(lastId, {
        snapshot,
        last: null,
        text: (first) => blockSql(table, columns, place, first),
        place: columns.length,
        above,
      })
      return lastId
    },
    scanStep(_: Part, id: number): readonly string[] | null {
      const scan = scans.get(id)!
      const texts = scan.snapshot.get(scan.text(scan.last === null), [scan.above, ...(scan.last ?? [])]) as string[]
      if (texts[0] === '[]') return null
      scan.last = texts.slice(scan.place).map((text) => (JSON.parse(text) as Cell[]).at(-1)!)
      return texts.slice(0, scan.place)
    },
    scanEnd(_: Part, id: number): void {
      scans.get(id)?.snapshot.close()
      scans.delete(id)
    },
  }
}

/** One row: a JSON array for each column, then for each column of the place. */
function blockSql(table: string, columns: readonly string[], place: readonly string[], first: boolean): string {
  const inner = columns.map((name, at) => `${quote(name)} AS "c${at}"`)
  const places = place.map((name, at) => `${quote(name)} AS "p${at}"`)
  const after = first ? '' : ` AND (${place.map(quote).join(', ')}) > (${place.map(() => '?').join(', ')})`
  return [
    `SELECT ${[...columns.map((_, at) => `json_group_array("c${at}")`), ...place.map((_, at) => `json_group_array("p${at}")`)].join(', ')}`,
    `FROM (SELECT ${[...inner, ...places].join(', ')} FROM ${quote(table)} WHERE "seq" > ?${after}`,
    `ORDER BY ${place.map(quote).join(', ')} LIMIT ${scanRows})`,
  ].join(' ')
}
