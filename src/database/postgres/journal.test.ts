import { after, before } from 'node:test'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { journalContract, type JournalUnderTest } from '../../engine/testing/journal-contract.ts'
import { engineTables } from '../../engine/tables.ts'
import { systemClock } from '../../kernel/clock.ts'
import { silentLogger } from '../../kernel/logger.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { startPostgres, type PostgresServer } from '../../../tests/parts/postgres.ts'
import { openPostgresJournal } from './journal.ts'

const skip = skipWithout('postgres', 'initdb')
let server: PostgresServer | undefined

before(async () => {
  if (!skip) server = await startPostgres()
})
after(() => server?.stop())

journalContract(
  'PostgreSQL',
  async () => {
    const url = await server!.createDatabase()
    const clock = createFakeClock()
    const open = async (): Promise<JournalUnderTest> => {
      const journal = await openPostgresJournal({ url, tables: engineTables, clock, logger: silentLogger })
      return {
        journal,
        // Leases run on the server's clock, which nobody here can turn.
        async pass(ms) {
          await clock.advance(ms)
          await systemClock.sleep(ms)
        },
        async reopen() {
          await journal.close()
          return open()
        },
        dispose: () => journal.close(),
      }
    }
    return open()
  },
  { skip },
)
