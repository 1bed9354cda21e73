/**
 * Which blocks hold events of a sync, a type, a noun: table "block_holds". A row for each of them and block, not for each
 * event, so that a commit of many events pays once where three indexes on "event" took a quarter of its time in the writer
 * (8.6 → 6.5 µs a fact by SQLite alone in groups of 800, 27.5 → 24.9 in groups of 40; 2026-11-21). The price: the
 * events of a block are read to find those of one type.
 */
import type { Block, EventCells } from '../chain.ts'
import { draftColumns } from '../chain.ts'
import type { Connection } from './connection.ts'

const prefixes = { sync: 's', type: 't', noun: 'n' } as const

/** Stored: must never change. */
export function whatOf(kind: keyof typeof prefixes, value: string): string {
  return prefixes[kind] + value
}

const typeAt = draftColumns.indexOf('type') + 2
const syncAt = draftColumns.indexOf('sync') + 2

export function writeHolds(connection: Connection, { first, last }: Block, events: readonly EventCells[]): void {
  const types = new Set(events.map((event) => event[typeAt] as string))
  const syncs = new Set(events.map((event) => event[syncAt] as string | null))
  const nouns = new Set([...types].map((type) => type.split('.', 1)[0]!))
  const whats = [
    ...[...types].map((type) => whatOf('type', type)),
    ...[...nouns].map((noun) => whatOf('noun', noun)),
    ...[...syncs].filter((sync) => sync !== null).map((sync) => whatOf('sync', sync)),
  ]
  for (const what of whats)
    connection.run('INSERT INTO "block_holds" ("what", "last", "first") VALUES (?, ?, ?)', [what, last, first])
}

/** Each name once, by stepping from one to the next: names are few, their rows many. */
const everyWhat = `WITH RECURSIVE w ("what") AS (SELECT min("what") FROM "block_holds" UNION ALL
  SELECT (SELECT min(b."what") FROM "block_holds" AS b WHERE b."what" > w."what") FROM w WHERE w."what" IS NOT NULL)`

export function dropHolds(connection: Connection, last: number): void {
  const names = '(SELECT "what" FROM w WHERE "what" IS NOT NULL)'
  connection.run(`${everyWhat} DELETE FROM "block_holds" WHERE "what" IN ${names} AND "last" <= ?`, [last])
}
