import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { journalContract } from '../../engine/testing/journal-contract.ts'
import { engineTables } from '../../engine/tables.ts'
import { createMemoryJournal } from './journal.ts'

journalContract('memory', () => {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables: engineTables })
  return Promise.resolve({ journal, pass: clock.advance, dispose: () => journal.close() })
})
