import type pg from 'pg'
import type { ColumnBlock, ScanOptions } from '../../engine/journal.ts'
import type { Cell, Shape } from '../cells.ts'
import { belowAll, columnBlock, scanned, scanRows } from '../query-cells.ts'
import { quote } from '../query-sql.ts'
import { query } from './connections.ts'
import { postgresError } from './errors.ts'

/** Whole tables in columns, through a cursor of a transaction of its own. */
export async function* scanTable<R, C extends keyof R & string>(
  pool: pg.Pool,
  shape: Shape,
  columns: readonly C[],
  { above = belowAll, signal }: ScanOptions,
): AsyncGenerator<ColumnBlock<R, C>> {
  const names = scanned(shape, columns)
  const key = shape.keyAt.map((at) => quote(shape.columns[at]!))
  const client = await pool.connect().catch((error: unknown) => {
    throw postgresError(error)
  })
  const run = (text: string): Promise<Cell[][]> => query(client, { text, values: [] })
  try {
    await run('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const from = `FROM ${quote(shape.name)} WHERE "seq" > ${above} ORDER BY ${key.join(', ')}`
    await run(`DECLARE "scan" NO SCROLL CURSOR FOR SELECT ${names.map(quote).join(', ')} ${from}`)
    for (;;) {
      const rows = await run(`FETCH ${scanRows} FROM "scan"`)
      signal?.throwIfAborted()
      if (rows.length === 0) return
      yield columnBlock(
        shape,
        columns,
        names.map((_, at) => rows.map((row) => row[at]!)),
      )
    }
  } finally {
    const ended = await client.query('ROLLBACK').then(
      () => true,
      () => false,
    )
    client.release(!ended)
  }
}
