import type { ColumnType } from '../../kernel/table.ts'
import type { Cell } from '../cells.ts'
import type { Dialect } from '../query-sql.ts'

/** What the driver is given and gives back for a cell. */
export type Bound = Cell | boolean | readonly (Cell | boolean)[]

export const columnTypes: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  int: 'bigint',
  real: 'double precision',
  bool: 'boolean',
  json: 'text',
  blob: 'bytea',
}

export function toPostgres(type: ColumnType, cell: Cell): Cell | boolean {
  return type === 'bool' && cell !== null ? cell === 1 : cell
}

export function fromPostgres(value: Cell | boolean): Cell {
  return typeof value === 'boolean' ? Number(value) : value
}

export const postgresDialect: Dialect<Bound> = {
  value: (at, type, cell) => ({ text: `$${at}::${columnTypes[type]}`, value: toPostgres(type, cell) }),
  list: (at, type, cells) => ({
    text: ` = ANY($${at}::${columnTypes[type]}[])`,
    value: cells.map((cell) => toPostgres(type, cell)),
  }),
  nullsFirst: ' NULLS FIRST',
  noun: `split_part("type", '.', 1)`,
}
