import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { journalContract, type JournalUnderTest } from '../../engine/testing/journal-contract.ts'
import { engineTables } from '../../engine/tables.ts'
import { silentLogger } from '../../kernel/logger.ts'
import { openSqliteJournal } from './journal.ts'

journalContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-sqlite-'))
  const clock = createFakeClock()
  const open = async (): Promise<JournalUnderTest> => {
    const path = join(folder, 'regista.db')
    const journal = await openSqliteJournal({ path, tables: engineTables, clock, logger: silentLogger })
    return {
      journal,
      pass: clock.advance,
      async reopen() {
        await journal.close()
        return open()
      },
      async dispose() {
        await journal.close()
        await rm(folder, { recursive: true })
      },
    }
  }
  return open()
})
