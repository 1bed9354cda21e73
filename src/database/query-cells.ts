/** The `select`, `count` and `scan` of the journal port over rows held in memory. */
import { AppError } from '../kernel/errors.ts'
import type { ColumnBlock, Query, Seq, Tally, Where } from '../engine/journal.ts'
import { decodeCell, decodeRow, encodeCell, type Cell, type Shape, type StoredCells } from './cells.ts'
import { compareText } from './text-order.ts'

type Test = (row: StoredCells) => boolean

export function selectCells<R>(shape: Shape, rows: Iterable<StoredCells>, query: Query<R> = {}): object[] {
  const order = (query.order ?? shape.keyAt.map((at) => shape.columns[at]!)).map((column) => reader(shape, column))
  const test = testOf(shape, query.where)
  const { after } = query
  const chosen = [...filtered(rows, test)]
    .filter((row) => !after || compareBy(order, row, (at) => after[at]!) > 0)
    .toSorted((a, b) => compareBy(order, a, (at) => order[at]!(b)))
    .slice(0, query.limit)
  const without = (query.without ?? []).map((column) => shape.columns.indexOf(column))
  return chosen.map(({ cells, seq }) => {
    if (without.length === 0) return decodeRow(shape, cells, seq)
    return decodeRow(
      shape,
      cells.map((cell, at) => (without.includes(at) ? null : cell)),
      seq,
    )
  })
}

export function* scanCells<R, C extends keyof R & string>(
  shape: Shape,
  rows: readonly StoredCells[],
  columns: readonly C[],
  above: Seq = belowAll,
): Generator<ColumnBlock<R, C>> {
  const readers = scanned(shape, columns).map((column) => reader(shape, column))
  const wanted = above === belowAll ? rows : rows.filter((row) => row.seq > above)
  for (let from = 0; from < wanted.length; from += scanRows) {
    const block = wanted.slice(from, from + scanRows)
    yield columnBlock(
      shape,
      columns,
      readers.map((read) => block.map(read)),
    )
  }
}

/** Rows that no event ever told of stand at position 0. */
export const belowAll: Seq = -1

/** Rows in one block of a scan: a few ms of work for the reader's thread, and for the one that takes them. */
export const scanRows = 4096

/** What a scan reads: the columns asked for, then seq. */
export function scanned(shape: Shape, columns: readonly string[]): string[] {
  for (const column of columns) {
    const type = shape.types[shape.columns.indexOf(column)]
    if (type === undefined || type === 'blob')
      throw new AppError('internal', `${shape.name}.${column} cannot be scanned`)
  }
  return [...columns, 'seq']
}

/** Makes a block of the cells of these columns and seq, an array for each. */
export function columnBlock<R, C extends keyof R & string>(
  shape: Shape,
  columns: readonly C[],
  cells: readonly (readonly Cell[])[],
): ColumnBlock<R, C> {
  const seq = cells[columns.length] as readonly Seq[]
  const named = columns.map((column, at) => {
    const isBool = shape.types[shape.columns.indexOf(column)] === 'bool'
    return [column, isBool ? cells[at]!.map((cell) => decodeCell('bool', cell)) : cells[at]]
  })
  return { size: seq.length, seq, columns: Object.fromEntries(named) }
}

export function countCells<R>(
  shape: Shape,
  rows: Iterable<StoredCells>,
  where: Where<R> | undefined,
  by: readonly string[],
): Tally[] {
  const groups = new Map<string, { by: Cell[]; count: number }>()
  const readers = by.map((column) => reader(shape, column))
  for (const row of filtered(rows, testOf(shape, where))) {
    const cells = readers.map((read) => read(row))
    const name = JSON.stringify(cells)
    const group = groups.get(name) ?? { by: cells, count: 0 }
    group.count += 1
    groups.set(name, group)
  }
  if (by.length === 0) return [{ by: [], count: groups.get('[]')?.count ?? 0 }]
  return tallies(
    shape,
    by,
    [...groups.values()].map((group) => [...group.by, group.count]),
  )
}

/** Decodes rows of `by` columns and a count, in the order of `by`. */
export function tallies(shape: Shape, by: readonly string[], rows: readonly (readonly Cell[])[]): Tally[] {
  const typeOf = (column: string) => (column === 'seq' ? 'int' : shape.types[shape.columns.indexOf(column)]!)
  return rows
    .toSorted((a, b) => a.map((cell, at) => compareCells(cell, b[at]!)).find((sign) => sign !== 0) ?? 0)
    .map((row) => ({
      by: by.map((column, at) => decodeCell(typeOf(column), row[at]!) as Tally['by'][number]),
      count: row[by.length] as number,
    }))
}

function* filtered(rows: Iterable<StoredCells>, test: Test): Generator<StoredCells> {
  for (const row of rows) if (test(row)) yield row
}

function reader(shape: Shape, column: string): (row: StoredCells) => Cell {
  if (column === 'seq') return (row) => row.seq
  const at = shape.columns.indexOf(column)
  return (row) => row.cells[at]!
}

function testOf<R>(shape: Shape, where: Where<R> = {}): Test {
  const tests = Object.entries(where)
    .filter(([, filter]) => filter !== undefined)
    .map(([column, filter]) => filterTest(shape, column, filter))
  return (row) => tests.every((test) => test(row))
}

function filterTest(shape: Shape, column: string, filter: unknown): Test {
  const read = reader(shape, column)
  const encode = (value: unknown): Cell =>
    column === 'seq' ? (value as number) : encodeCell(shape, shape.columns.indexOf(column), value)
  if (typeof filter === 'object' && filter !== null) {
    if ('in' in filter) {
      // As in SQL, null is in no list.
      const wanted = new Set<Cell>((filter.in as unknown[]).map(encode))
      wanted.delete(null)
      return (row) => wanted.has(read(row))
    }
    if ('above' in filter || 'atMost' in filter) {
      const bound = encode('above' in filter ? filter.above : filter.atMost)
      const above = 'above' in filter
      return (row) => {
        const cell = read(row)
        return cell !== null && compareCells(cell, bound) > 0 === above
      }
    }
    if ('prefix' in filter) {
      const prefix = filter.prefix as string
      return (row) => {
        const cell = read(row)
        return cell !== null && String(cell).startsWith(prefix)
      }
    }
  }
  const wanted = encode(filter)
  return (row) => read(row) === wanted
}

function compareBy(
  order: readonly ((row: StoredCells) => Cell)[],
  row: StoredCells,
  other: (at: number) => Cell,
): number {
  for (const [at, read] of order.entries()) {
    const sign = compareCells(read(row), other(at))
    if (sign !== 0) return sign
  }
  return 0
}

/** null first, as SQLite has it; numbers by value, text by code point. */
export function compareCells(a: Cell, b: Cell): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? -1 : 1
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return Number(a) - Number(b)
}
