/**
 * Rows in the form that databases store and workers exchange: one cell per column. Two rows are the
 * same exactly when their cells are, on every journal; JSON is kept as canonical text for that reason.
 */
import { AppError } from '../kernel/errors.ts'
import { canonicalJson, type Json } from '../kernel/json.ts'
import { isStorable, longestRowKey } from '../kernel/storable.ts'
import type { ColumnType, Table } from '../kernel/table.ts'
import type { Seq } from '../engine/journal.ts'

/** bool is 0 or 1, json is canonical text. */
export type Cell = string | number | null | Uint8Array

/** A table prepared for coding rows. Plain data: it crosses to a worker. */
export interface Shape {
  readonly name: string
  readonly columns: readonly string[]
  readonly types: readonly ColumnType[]
  /** Where the key columns stand among `columns`, in key order. */
  readonly keyAt: readonly number[]
  /** Where `ordinal` stands, or -1. */
  readonly ordinalAt: number
}

export interface StoredCells {
  readonly cells: readonly Cell[]
  readonly seq: Seq
}

export function shapeOf<R>(table: Table<R>): Shape {
  const columns = Object.keys(table.columns)
  return {
    name: table.name,
    columns,
    types: Object.values<ColumnType>(table.columns),
    keyAt: table.key.map((name) => columns.indexOf(name)),
    ordinalAt: columns.indexOf('ordinal'),
  }
}

export function shapesOf(tables: readonly Table[]): ReadonlyMap<string, Shape> {
  return new Map(tables.map((table) => [table.name, shapeOf(table)]))
}

export function shapeNamed(shapes: ReadonlyMap<string, Shape>, name: string): Shape {
  const shape = shapes.get(name)
  if (!shape) throw new AppError('internal', `table "${name}" was not declared when the journal was opened`)
  return shape
}

/** Cells of a whole row. Properties that are no columns are left out; a missing column is null. */
export function encodeRow(shape: Shape, row: object): Cell[] {
  const fields = row as Record<string, unknown>
  const cells = shape.columns.map((column, at) => encodeCell(shape, at, fields[column]))
  checkKey(
    shape,
    shape.keyAt.map((at) => cells[at]!),
  )
  return cells
}

/** Cells of the key columns, in key order. */
export function encodeKey(shape: Shape, key: object): Cell[] {
  const fields = key as Record<string, unknown>
  const cells = shape.keyAt.map((at) => encodeCell(shape, at, fields[shape.columns[at]!]))
  checkKey(shape, cells)
  return cells
}

export function encodeCell(shape: Shape, at: number, value: unknown): Cell {
  if (value === null || value === undefined) return null
  switch (shape.types[at]!) {
    case 'text':
      if (typeof value === 'string') return checkText(value, `${shape.name}.${shape.columns[at]}`)
      break
    case 'int':
      if (Number.isSafeInteger(value)) return value as number
      break
    case 'real':
      if (Number.isFinite(value)) return value as number
      break
    case 'bool':
      if (typeof value === 'boolean') return value ? 1 : 0
      break
    case 'json':
      return canonicalJson(value as Json)
    case 'blob':
      // A copy: the caller may go on writing into its buffer. From node's pool: memory of its own for each
      // short value costs its making and a sweep of the garbage collector.
      if (value instanceof Uint8Array) return Buffer.from(value)
      break
  }
  throw new AppError('internal', `${shape.name}.${shape.columns[at]} takes ${shape.types[at]}, not ${typeof value}`)
}

/** Refused before it can spoil the transaction that it would share with others. */
export function checkText(text: string, where: string): string {
  if (!isStorable(text)) {
    throw new AppError('request.invalid', `${where} holds a NUL or half a surrogate pair, which cannot be stored`)
  }
  return text
}

function checkKey(shape: Shape, cells: readonly Cell[]): void {
  let length = 0
  for (const cell of cells) {
    if (cell === null) throw new AppError('internal', `a row of ${shape.name} lacks a part of its key`)
    length += typeof cell === 'string' ? cell.length : 8
  }
  // At most 3 bytes per UTF-16 unit: only what may be too long is measured exactly.
  if (length * 3 <= longestRowKey) return
  const bytes = cells.reduce<number>((sum, cell) => sum + Buffer.byteLength(String(cell)), 0)
  if (bytes > longestRowKey) {
    throw new AppError(
      'request.invalid',
      `a key of ${shape.name} has ${bytes} bytes, at most ${longestRowKey} are stored`,
    )
  }
}

export function decodeRow(shape: Shape, cells: readonly Cell[], seq: Seq): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const [at, column] of shape.columns.entries()) row[column] = decodeCell(shape.types[at]!, cells[at]!)
  row['seq'] = seq
  return row
}

export function decodeCell(type: ColumnType, cell: Cell): unknown {
  if (cell === null) return null
  if (type === 'bool') return cell === 1
  if (type === 'json') return JSON.parse(cell as string)
  return cell instanceof Uint8Array ? new Uint8Array(cell) : cell
}

/** Names a row within its table; text cells hold no NUL. */
export function keyText(key: readonly Cell[]): string {
  return key.length === 1 ? String(key[0]) : key.join('\0')
}

export function keyOf(shape: Shape, cells: readonly Cell[]): Cell[] {
  return shape.keyAt.map((at) => cells[at]!)
}

export function sameCells(a: readonly Cell[], b: readonly Cell[]): boolean {
  return a.every((cell, at) => sameCell(cell, b[at]!))
}

function sameCell(a: Cell, b: Cell): boolean {
  if (a === b) return true
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return false
  return Buffer.compare(a, b) === 0
}
