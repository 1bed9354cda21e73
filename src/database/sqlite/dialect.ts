import type { Cell } from '../cells.ts'
import type { Dialect } from '../query-sql.ts'
import { bucketOf } from './bucket.ts'
import { whatOf } from './holds.ts'

export const sqliteDialect: Dialect<Cell> = {
  value: (_, __, cell) => ({ text: '?', value: cell }),
  // One parameter for the whole list, so that its length does not make another statement.
  list: (_, __, cells) => ({ text: ' IN (SELECT "value" FROM json_each(?))', value: JSON.stringify(cells) }),
  nullsFirst: '',
  bucketOf,
  whatOf,
  noun: `substr("type", 1, instr("type", '.') - 1)`,
}
