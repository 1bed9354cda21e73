import { chmodSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Cell } from '../cells.ts'

/** A connection that keeps the statements it has compiled. */
export interface Connection {
  readonly db: DatabaseSync
  exec(text: string): void
  run(text: string, values?: readonly Cell[]): void
  get(text: string, values?: readonly Cell[]): Cell[] | undefined
  all(text: string, values?: readonly Cell[]): Cell[][]
  iterate(text: string, values: readonly Cell[]): Iterable<Cell[]>
  close(): void
}

/** Bounds the memory of compiled statements: texts vary with limits and filters. */
const mostStatements = 256

export interface ConnectOptions {
  readonly readOnly: boolean
  /** KiB of pages that it keeps at most; default 2 MiB. */
  readonly cache?: number
}

export function connect(path: string, options: ConnectOptions): Connection {
  const db = new DatabaseSync(path, { readOnly: options.readOnly, timeout: 5000 })
  if (!options.readOnly) {
    // Before the WAL is made: it and the shared memory take the mode of the file.
    chmodSync(path, 0o600)
    db.exec('PRAGMA journal_mode = WAL')
    // FULL: the WAL is flushed at each commit, so that what was acknowledged survives a power loss.
    db.exec('PRAGMA synchronous = FULL')
    // 16 MB of WAL before it is written back: a page that changes often is written back once.
    db.exec('PRAGMA wal_autocheckpoint = 4000')
  }
  db.exec(`PRAGMA cache_size = -${options.cache ?? 2048}; PRAGMA temp_store = MEMORY`)
  const statements = new Map<string, StatementSync>()
  const compiled = (text: string): StatementSync => {
    const known = statements.get(text)
    if (known) return known
    const statement = db.prepare(text)
    statement.setReturnArrays(true)
    // The oldest goes; if it is still in use it comes back as the newest.
    if (statements.size === mostStatements) statements.delete(statements.keys().next().value!)
    statements.set(text, statement)
    return statement
  }
  return {
    db,
    exec: (text) => db.exec(text),
    run: (text, values = []) => void compiled(text).run(...values),
    get: (text, values = []) => compiled(text).get(...values) as unknown as Cell[] | undefined,
    all: (text, values = []) => compiled(text).all(...values) as unknown as Cell[][],
    iterate: (text, values) => compiled(text).iterate(...values) as unknown as Iterable<Cell[]>,
    close() {
      statements.clear()
      db.close()
    },
  }
}
