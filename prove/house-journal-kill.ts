/** The long form of tests/faults/journal-kill.test.ts: kill -9 of the writing process at random moments. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { databaseFile } from '../src/database/holder.ts'
import { openPostgresJournal } from '../src/database/postgres/journal.ts'
import { openSqliteJournal } from '../src/database/sqlite/journal.ts'
import type { Journal } from '../src/engine/journal.ts'
import { engineTables as tables } from '../src/engine/tables.ts'
import { systemClock as clock } from '../src/kernel/clock.ts'
import { silentLogger as logger } from '../src/kernel/logger.ts'
import { checkLedger, startWriter, type Writer } from '../tests/parts/journal-rounds.ts'
import { startPostgres } from '../tests/parts/postgres.ts'
import type { Proofs, Report } from './report.ts'

/** Rounds on one ledger; then a new one, so that checking does not take over. */
const roundsEach = 10

export const proofs: Proofs = {
  'house.journal-kill': async (report, { long }) => {
    const ledgers = long ? 10 : 1
    const sqlite = { commits: 0, kills: 0 }
    for (let n = 0; n < ledgers; n += 1) {
      const folder = await mkdtemp(join(tmpdir(), 'regista-kill-'))
      const open = () => openSqliteJournal({ path: databaseFile(folder), tables, clock, logger })
      try {
        await rounds(folder, open, 1, sqlite)
      } finally {
        await rm(folder, { recursive: true })
      }
    }
    told(report, 'sqlite', sqlite)

    const postgres = { commits: 0, kills: 0 }
    const server = await startPostgres({ fsync: true })
    try {
      for (let n = 0; n < ledgers; n += 1) {
        const url = await server.createDatabase()
        const crash = () => server.crash()
        await rounds(url, () => openPostgresJournal({ url, tables, clock, logger }), 2, postgres, crash)
      }
    } finally {
      await server.stop()
    }
    told(report, 'postgres', postgres)
  },
}

interface Tally {
  commits: number
  kills: number
}

/** Throws when anything acknowledged is gone, a commit is half there, or the chain does not verify. */
async function rounds(
  place: string,
  open: () => Promise<Journal>,
  writers: number,
  tally: Tally,
  crash?: () => Promise<void>,
): Promise<void> {
  const all: { name: string; writer: Writer }[] = []
  try {
    for (let round = 0; round < roundsEach; round += 1) {
      const now = Array.from({ length: writers }, (_, n) => `round-${round}-${n}`).map((name) => ({
        name,
        writer: startWriter(place, name),
      }))
      all.push(...now)
      await Promise.all(now.map(({ writer }) => writer.reached(1)))
      await clock.sleep(Math.random() * 300)
      // Every third time the server goes first.
      if (crash && round % 3 === 2) await crash()
      for (const { writer } of now) await writer.kill()
      tally.kills += writers
      tally.commits += now.reduce((sum, { writer }) => sum + writer.commits.length, 0)
      const journal = await open()
      await checkLedger(journal, all)
      await journal.close()
    }
  } finally {
    for (const { writer } of all) await writer.kill()
  }
}

function told(report: Report, part: string, { commits, kills }: Tally): void {
  report({ part, ok: commits > kills * 5, figure: `0 of ${commits} acknowledged commits lost in ${kills} kills` })
}
