/** The three ledgers as grounds for worlds: one store each, which serves many. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { databaseFile } from '../../src/database/holder.ts'
import { openPostgresJournal } from '../../src/database/postgres/journal.ts'
import { openSqliteJournal } from '../../src/database/sqlite/journal.ts'
import type { Journal } from '../../src/engine/journal.ts'
import { engineTables as tables } from '../../src/engine/tables.ts'
import { watched } from '../../src/engine/testing/process.ts'
import { systemClock as clock } from '../../src/kernel/clock.ts'
import { silentLogger as logger } from '../../src/kernel/logger.ts'
import { makeEngine, onMemory, type Grounds } from '../faults/engine-worlds.ts'
import { startPostgres } from './postgres.ts'

export const ledgers = ['memory', 'sqlite', 'postgres'] as const
export type Ledger = (typeof ledgers)[number]

/** Runs `work` with a source of grounds; each call of it gives a world a name of its own. */
export async function withGrounds<T>(ledger: Ledger, work: (next: () => Grounds) => Promise<T>): Promise<T> {
  if (ledger === 'memory') return work(() => onMemory)
  if (ledger === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'regista-worlds-'))
    try {
      return await withStore(await openSqliteJournal({ path: databaseFile(folder), tables, clock, logger }), work)
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  const server = await startPostgres()
  try {
    const url = await server.createDatabase()
    return await withStore(await openPostgresJournal({ url, tables, clock, logger }), work)
  } finally {
    await server.stop()
  }
}

async function withStore<T>(store: Journal, work: (next: () => Grounds) => Promise<T>): Promise<T> {
  const { journal, outside } = watched(store)
  let worlds = 0
  try {
    return await work(() => {
      worlds += 1
      return { makeEngine, journal: () => journal, outside, name: `world-${worlds}` }
    })
  } finally {
    await store.close()
  }
}
