/** What can be said of a database file from outside: used on backups, in the reader's thread. */
import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../kernel/errors.ts'
import { loadMigrations, pendingMigrations } from '../migrations.ts'

/**
 * Throws `journal.broken` when the file is not a whole database of ours, `journal.newer` when a newer
 * program wrote it. Leaves nothing beside the file. The event chain is another matter: see `verify`.
 */
export function checkFile(path: string): void {
  const broken = (why: string, cause?: unknown) => new AppError('journal.broken', `${path}: ${why}`, { cause })
  const db = openFile(path, broken)
  try {
    const [problem] = db.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[]
    if (problem?.quick_check !== 'ok') throw broken(problem?.quick_check ?? 'cannot be checked')
    const row = db.prepare('SELECT max("number") AS "number" FROM "migration"').get()
    pendingMigrations(loadMigrations('sqlite'), Number(row?.['number']), path)
  } catch (error) {
    throw error instanceof AppError ? error : broken('is not a database of this program', error)
  } finally {
    db.close()
  }
}

function openFile(path: string, broken: (why: string, cause?: unknown) => AppError): DatabaseSync {
  try {
    return new DatabaseSync(path, { readOnly: true })
  } catch (error) {
    throw broken('cannot be opened', error)
  }
}

/** A copy is one file that can be moved about: no WAL beside it until it is in use again. */
export function settleCopy(path: string): void {
  const db = new DatabaseSync(path)
  try {
    db.exec('PRAGMA journal_mode = DELETE')
  } finally {
    db.close()
  }
}

/** A restored ledger is no longer the one that went on after the backup was made: it gets a new identity. */
export function forgetIdentity(path: string): void {
  const db = new DatabaseSync(path)
  try {
    db.exec(`DELETE FROM "store" WHERE "name" = 'identity'`)
  } finally {
    db.close()
  }
}
