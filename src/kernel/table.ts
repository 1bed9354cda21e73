/**
 * A table of the ledger as data. Rooms that own rows declare them with `defineTable`; every journal
 * (memory, SQLite, PostgreSQL) serves any declared table, and database/migrations creates it (a test
 * compares the two).
 *
 *   text   string            int    safe integer          real   number
 *   bool   boolean           json   any JSON value        blob   Uint8Array
 *
 * A column whose row type allows null is nullable. Every table has a `seq` column besides: the
 * position of the row's last event, kept by the journal alone.
 */
export type ColumnType = 'text' | 'int' | 'real' | 'bool' | 'json' | 'blob'

// `Table` alone is a table of any row: only `any` takes them all.
// oxlint-disable-next-line typescript/no-explicit-any
export interface Table<R = any> {
  readonly name: string
  /** Primary key, in order. */
  readonly key: readonly (keyof R & string)[]
  readonly columns: { readonly [C in keyof R & string]: ColumnType }
  /** Never set; carries the row type. */
  readonly row?: R
}

export function defineTable<R>(
  name: string,
  key: readonly (keyof R & string)[],
  columns: { readonly [C in keyof R & string]: ColumnType },
): Table<R> {
  return { name, key, columns }
}
