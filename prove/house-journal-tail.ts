/**
 * A reader that follows the ledger by position while three processes write to one PostgreSQL: it must
 * see every row and every event, in order. (A cursor on a sequence of the database lost 1–4 %.)
 */
import { findPart } from '../tests/parts/find.ts'
import { startWriter } from '../tests/parts/journal-rounds.ts'
import { startPostgres } from '../tests/parts/postgres.ts'
import { openPostgresJournal } from '../src/database/postgres/journal.ts'
import type { Journal } from '../src/engine/journal.ts'
import { engineTables as tables, entries } from '../src/engine/tables.ts'
import { systemClock as clock } from '../src/kernel/clock.ts'
import { silentLogger as logger } from '../src/kernel/logger.ts'
import type { Proofs } from './report.ts'

const writers = 3
const lanes = 16
const page = 1000

export const proofs: Proofs = {
  'house.tail-reader': async (report, { long }) => {
    if (!findPart('postgres')) throw new Error('PostgreSQL is not here; apt-get install postgresql')
    const rowsEach = long ? 100_000 : 10_000
    const server = await startPostgres({ fsync: true })
    try {
      const url = await server.createDatabase()
      const journal = await openPostgresJournal({ url, tables, clock, logger })
      const names = Array.from({ length: writers }, (_, n) => `writer-${n}`)
      const running = names.map((name) => startWriter(url, name, lanes, rowsEach))
      let ended = false
      const done = Promise.all(running.map((writer) => writer.reached(Infinity))).then(() => {
        ended = true
      })
      const [rows, events] = await Promise.all([tailRows(journal, () => ended), tailEvents(journal, () => ended), done])
      const acknowledged = running.flatMap((writer) => [...writer.acknowledged])
      const missed = acknowledged.filter(([key, seq]) => rows.get(key) !== seq)
      const untold = acknowledged.filter(([key, seq]) => events.get(key) !== seq)
      const verdict = await journal.verify()
      await journal.close()
      const total = acknowledged.length
      report({
        ok: total >= writers * rowsEach && missed.length === 0,
        figure: `${missed.length} of ${total} rows missed`,
      })
      report({ part: 'events', ok: untold.length === 0, figure: `${untold.length} of ${total} events missed` })
      report({ part: 'chain', ok: verdict.ok, figure: verdict.ok ? `${verdict.blocks} blocks verify` : verdict.why })
    } finally {
      await server.stop()
    }
  },
}

/** Follows rows by their position until nothing is written any more. Throws when one is seen twice or out of order. */
async function tailRows(journal: Journal, ended: () => boolean): Promise<Map<string, number>> {
  return tail(ended, async (after) => {
    const found = await journal.select(entries, { where: { seq: { above: after } }, order: ['seq'], limit: page })
    return found.map(({ key, seq }) => ({ key, seq }))
  })
}

async function tailEvents(journal: Journal, ended: () => boolean): Promise<Map<string, number>> {
  return tail(ended, async (after) => {
    const found = await journal.events({ after, limit: page })
    return found.map(({ key, seq }) => ({ key: key!, seq }))
  })
}

type Read = (after: number) => Promise<{ key: string; seq: number }[]>

async function tail(ended: () => boolean, read: Read): Promise<Map<string, number>> {
  const seen = new Map<string, number>()
  let cursor = 0
  for (;;) {
    // Asked before the read: what was written by then is in it.
    const last = ended()
    const found = await read(cursor)
    for (const { key, seq } of found) {
      if (seen.has(key) || seq <= cursor) throw new Error(`${key} came twice or out of order, at ${seq}`)
      seen.set(key, seq)
      cursor = seq
    }
    if (found.length === 0 && last) return seen
    if (found.length === 0) await clock.sleep(1)
  }
}
