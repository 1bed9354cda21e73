/** Worlds of the real engine, on each kind of ledger. */
import { createDraft } from '../../src/database/draft.ts'
import { createMemoryJournal } from '../../src/database/memory/journal.ts'
import { createEngine } from '../../src/engine/create-engine.ts'
import { engineTables } from '../../src/engine/tables.ts'
import type { MakeEngine, WorldParts } from '../../src/engine/testing/world.ts'

export const makeEngine: MakeEngine = (parts) =>
  createEngine({ ...parts, draft: (journal) => createDraft(journal, parts.clock, engineTables) })

export const onMemory: Omit<WorldParts, 'setting'> = {
  makeEngine,
  journal: (clock) => createMemoryJournal({ clock, tables: engineTables }),
}
