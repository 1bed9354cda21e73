/**
 * A process that writes to a journal until it is killed, telling of each commit once it was
 * acknowledged: one line of `key seq …` per commit. Run with the place (folder or URL), the name of the
 * writer, how many commits go on at once, and how many rows to write (0: no end).
 */
import { databaseFile } from '../../src/database/holder.ts'
import { openPostgresJournal } from '../../src/database/postgres/journal.ts'
import { openSqliteJournal } from '../../src/database/sqlite/journal.ts'
import { entry } from '../../src/engine/testing/journal-rows.ts'
import { put } from '../../src/engine/journal.ts'
import { engineTables, entries } from '../../src/engine/tables.ts'
import { systemClock as clock } from '../../src/kernel/clock.ts'
import { AppError } from '../../src/kernel/errors.ts'
import { silentLogger as logger } from '../../src/kernel/logger.ts'

const [place = '', name = '', lanes = '8', rows = '0'] = process.argv.slice(2)
const tables = engineTables
const journal = place.startsWith('postgres:')
  ? await openPostgresJournal({ url: place, tables, clock, logger })
  : await openSqliteJournal({ path: databaseFile(place), tables, clock, logger })

let next = 0
const most = Number(rows) || Infinity

/** Some rows at once, all or none, so that a half-written commit would show. */
async function lane(): Promise<void> {
  while (next < most) {
    const keys = Array.from({ length: 1 + (next % 3) }, (_, at) => `${name}-${next + at}`)
    next += keys.length
    const facts = keys.map((key) =>
      put(entries, entry(name, key, { label: key }), { type: 'entry.appeared', sync: name, key }),
    )
    const seqs = await journal.commit(facts, { atomic: true })
    // A pipe is written to at once on Linux: what was acknowledged is known outside before a kill.
    process.stdout.write(`${keys.map((key, at) => `${key} ${String(seqs[at])}`).join(' ')}\n`)
  }
}

try {
  await Promise.all(Array.from({ length: Number(lanes) }, lane))
  await journal.close()
} catch (error) {
  // A server that was killed is what some tests are about.
  process.exit(error instanceof AppError && error.code === 'journal.unavailable' ? 3 : 1)
}
