/** Chooses the journal by where the state is to live. */
import { join } from 'node:path'
import type { Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Table } from '../kernel/table.ts'
import type { Journal } from '../engine/journal.ts'
import { databaseFile } from './holder.ts'
import { createMemoryJournal } from './memory/journal.ts'
import { openSqliteJournal, type SqliteJournal, type SqliteOptions } from './sqlite/journal.ts'

/** `folder`: the state folder of an embedded file. `url`: postgres://…. `memory`: gone with the process. */
export type Place = { readonly folder: string } | { readonly url: string } | { readonly memory: true }

export interface DatabaseOptions {
  readonly place: Place
  /** Every table that any room declares. */
  readonly tables: readonly Table[]
  readonly clock: Clock
  readonly logger: Logger
  /**
   * What to do where the folder cannot be written: `refuse` (default), or go on in `memory` with a
   * warning, as one-shot commands do.
   */
  readonly otherwise?: 'refuse' | 'memory'
  /** What the embedded one may take of the machine. */
  readonly embedded?: Pick<SqliteOptions, 'threads' | 'cache'>
}

export type Database =
  | { readonly kind: 'sqlite'; readonly journal: SqliteJournal; readonly folder: string }
  | { readonly kind: 'postgres'; readonly journal: Journal }
  | { readonly kind: 'memory'; readonly journal: Journal }

/** Throws as the journals do: `journal.busy`, `journal.newer`, `journal.unavailable`; `config.invalid` for the URL. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { place, tables, clock, logger } = options
  if ('url' in place) {
    if (!/^postgres(ql)?:\/\//.test(place.url)) {
      throw new AppError('config.invalid', 'a database URL starts with postgres://; give a folder for the embedded one')
    }
    // Only who asks for PostgreSQL pays for its client.
    const { openPostgresJournal } = await import('./postgres/journal.ts')
    return { kind: 'postgres', journal: await openPostgresJournal({ url: place.url, tables, clock, logger }) }
  }
  if ('memory' in place) return { kind: 'memory', journal: createMemoryJournal({ tables, clock, logger }) }

  const { folder } = place
  try {
    const journal = await openSqliteJournal({ path: databaseFile(folder), tables, clock, logger, ...options.embedded })
    return { kind: 'sqlite', journal, folder }
  } catch (error) {
    if (options.otherwise !== 'memory' || !isUnwritable(error)) throw error
    logger.warn({ folder, error }, 'state folder cannot be written: nothing is remembered after this run')
    return { kind: 'memory', journal: createMemoryJournal({ tables, clock, logger }) }
  }
}

const unwritable = ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT']
/** SQLITE_READONLY, SQLITE_CANTOPEN. */
const sqliteUnwritable = [8, 14]

function isUnwritable(error: unknown): boolean {
  if (error instanceof AppError && error.code === 'journal.full') return true
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code, errcode } = at as { code?: unknown; errcode?: unknown }
    if (unwritable.includes(String(code))) return true
    if (typeof errcode === 'number' && sqliteUnwritable.includes(errcode & 0xff)) return true
  }
  return error instanceof AppError && sqliteUnwritable.includes(Number(error.data['sqlite']) & 0xff)
}

/** Where a command keeps its state by default: `$XDG_STATE_HOME/regista/<name>`. */
export function stateFolder(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
  name: string,
): string {
  return join(environment['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'regista', name)
}
