/** kill -9 of the process that writes, and of the database server under it. The long form is in prove/house-journal.ts. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { databaseFile } from '../../src/database/holder.ts'
import { openPostgresJournal } from '../../src/database/postgres/journal.ts'
import { openSqliteJournal } from '../../src/database/sqlite/journal.ts'
import { engineTables as tables } from '../../src/engine/tables.ts'
import { systemClock as clock } from '../../src/kernel/clock.ts'
import { silentLogger as logger } from '../../src/kernel/logger.ts'
import { skipWithout } from '../parts/find.ts'
import { checkLedger, startWriter, type Writer } from '../parts/journal-rounds.ts'
import { startPostgres, type PostgresServer } from '../parts/postgres.ts'

const rounds = 4

describe('a writer that is killed', () => {
  it('loses nothing that SQLite acknowledged', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'regista-kill-'))
    const writers: { name: string; writer: Writer }[] = []
    try {
      for (let round = 0; round < rounds; round += 1) {
        const name = `round-${round}`
        const writer = startWriter(folder, name)
        writers.push({ name, writer })
        await writer.reached(20 * (round + 1))
        await writer.kill()
        const journal = await openSqliteJournal({ path: databaseFile(folder), tables, clock, logger })
        await checkLedger(journal, writers)
        await journal.close()
        assert.ok(writer.commits.length >= 20, 'it was killed while it wrote')
      }
    } finally {
      for (const { writer } of writers) await writer.kill()
      await rm(folder, { recursive: true })
    }
  })

  const skip = skipWithout('postgres', 'initdb')
  describe('on PostgreSQL', { skip }, () => {
    let server: PostgresServer
    before(async () => {
      server = await startPostgres({ fsync: true })
    })
    after(() => server?.stop())

    it('loses nothing that the server acknowledged, also when the server is killed', { timeout: 120_000 }, async () => {
      const url = await server.createDatabase()
      const writers: { name: string; writer: Writer }[] = []
      try {
        for (let round = 0; round < 2; round += 1) {
          const pair = ['a', 'b'].map((half) => ({
            name: `round-${round}-${half}`,
            writer: startWriter(url, `round-${round}-${half}`),
          }))
          writers.push(...pair)
          await Promise.all(pair.map(({ writer }) => writer.reached(30)))
          if (round === 1) await server.crash()
          for (const { writer } of pair) await writer.kill()
          const journal = await openPostgresJournal({ url, tables, clock, logger })
          await checkLedger(journal, writers)
          await journal.close()
          assert.ok(pair.every(({ writer }) => writer.commits.length >= 30))
        }
      } finally {
        for (const { writer } of writers) await writer.kill()
      }
    })
  })
})
