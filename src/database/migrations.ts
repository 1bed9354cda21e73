/**
 * The numbered SQL files beside this one (migrations/0001_name.sqlite.sql, .postgres.sql). They are
 * applied in order, never edited once released, and stay beside the compiled code in the package.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { AppError } from '../kernel/errors.ts'

export interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
}

export const migrationTable = {
  sqlite: `CREATE TABLE IF NOT EXISTS "migration" (
    "number" INTEGER PRIMARY KEY, "name" TEXT NOT NULL, "at" INTEGER NOT NULL) STRICT`,
  postgres: `CREATE TABLE IF NOT EXISTS "migration" (
    "number" bigint PRIMARY KEY, "name" text NOT NULL, "at" bigint NOT NULL)`,
} as const

export function loadMigrations(dialect: 'sqlite' | 'postgres'): Migration[] {
  const folder = new URL('./migrations/', import.meta.url)
  const ending = `.${dialect}.sql`
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .toSorted()
    .map((file, at) => {
      const name = file.slice(0, -ending.length)
      const number = Number(name.slice(0, 4))
      if (number !== at + 1) throw new AppError('internal', `migration ${file} should be number ${at + 1}`)
      return { number, name, sql: readFileSync(new URL(file, folder), 'utf8') }
    })
}

/** Those that are still to be applied. Throws `journal.newer` when more were applied than are known. */
export function pendingMigrations(known: readonly Migration[], applied: number, where: string): Migration[] {
  if (applied > known.length) {
    throw new AppError(
      'journal.newer',
      `${where} is at version ${applied}, this program knows ${known.length}: use the newer program, or restore a backup`,
      { data: { version: applied, known: known.length } },
    )
  }
  return known.slice(applied)
}
