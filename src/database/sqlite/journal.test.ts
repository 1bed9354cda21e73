import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { journalContract, type JournalUnderTest } from '../../engine/testing/journal-contract.ts'
import { put } from '../../engine/journal.ts'
import { engineTables, entries } from '../../engine/tables.ts'
import { entry } from '../../engine/testing/journal-rows.ts'
import { silentLogger } from '../../kernel/logger.ts'
import { openSqliteJournal } from './journal.ts'

for (const threads of [2, 0] as const) {
  journalContract(`SQLite, threads: ${threads}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'regista-sqlite-'))
    const clock = createFakeClock()
    const open = async (): Promise<JournalUnderTest> => {
      const path = join(folder, 'regista.db')
      const journal = await openSqliteJournal({ path, tables: engineTables, clock, logger: silentLogger, threads })
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
}

test('SQLite: the lease of a process that was killed is free at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-sqlite-'))
  const clock = createFakeClock()
  const path = join(folder, 'regista.db')
  const open = () => openSqliteJournal({ path, tables: engineTables, clock, logger: silentLogger })
  const first = await open()
  const before = await first.lease('catalog', 'killed', 60_000)
  await first.close()
  const second = await open()
  const after = await second.lease('catalog', 'next', 60_000)
  assert.equal(after?.token, before!.token + 1)
  await second.close()
  await rm(folder, { recursive: true })
})

for (const threads of [2, 0] as const) {
  test(`SQLite: starts threads: ${threads}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'regista-sqlite-'))
    let started = 0
    const count = () => void started++
    process.on('worker', count)
    t.after(() => process.off('worker', count))
    const path = join(folder, 'regista.db')
    const clock = createFakeClock()
    const journal = await openSqliteJournal({ path, tables: engineTables, clock, logger: silentLogger, threads })
    assert.equal((await journal.head()).seq, 0)
    assert.equal(started, threads)
    await journal.close()
    await rm(folder, { recursive: true })
  })
}

test('SQLite: scans in the order in which rows came', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-sqlite-'))
  const clock = createFakeClock()
  const path = join(folder, 'regista.db')
  const journal = await openSqliteJournal({ path, tables: engineTables, clock, logger: silentLogger })
  const event = { type: 'entry.appeared' }
  for (const key of ['c', 'a', 'b']) await journal.commit([put(entries, entry('order', key), event)])
  await journal.commit([put(entries, entry('order', 'c', { label: 'changed' }), event)])
  const keys: string[] = []
  for await (const block of journal.scan(entries, ['key'])) keys.push(...block.columns.key)
  assert.deepEqual(keys, ['c', 'a', 'b'])
  await journal.close()
  await rm(folder, { recursive: true })
})
