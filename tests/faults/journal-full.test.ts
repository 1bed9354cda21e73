/** A full disk: writes are refused, reads go on, nothing acknowledged is lost, and it mends by itself. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { databaseFile } from '../../src/database/holder.ts'
import { openPostgresJournal } from '../../src/database/postgres/journal.ts'
import { openSqliteJournal } from '../../src/database/sqlite/journal.ts'
import { entry } from '../../src/engine/testing/journal-rows.ts'
import { put, type Journal } from '../../src/engine/journal.ts'
import { engineTables as tables, entries } from '../../src/engine/tables.ts'
import { systemClock as clock } from '../../src/kernel/clock.ts'
import { AppError } from '../../src/kernel/errors.ts'
import { silentLogger as logger } from '../../src/kernel/logger.ts'
import { skipWithout } from '../parts/find.ts'
import { startPostgres } from '../parts/postgres.ts'
import { makeSmallDisk, skipWithoutMount, type SmallDisk } from '../parts/small-disk.ts'

describe('a full disk', () => {
  it('under SQLite', { skip: skipWithoutMount, timeout: 60_000 }, async () => {
    const disk = makeSmallDisk(8)
    const open = () => openSqliteJournal({ path: databaseFile(disk.folder), tables, clock, logger })
    let journal = await open()
    try {
      const acknowledged = await fillUp(journal, disk)
      await journal.close()
      journal = await open()
      await checkKept(journal, acknowledged)
    } finally {
      await journal.close()
      disk.remove()
    }
  })

  it('that was full before the start', { skip: skipWithoutMount, timeout: 60_000 }, async () => {
    const disk = makeSmallDisk(8)
    const open = () => openSqliteJournal({ path: databaseFile(disk.folder), tables, clock, logger })
    let journal = await open()
    try {
      await write(journal, 'before')
      await journal.close()
      disk.fill()
      await fails(open())
      disk.free()
      journal = await open()
      await checkKept(journal, ['before'])
    } finally {
      await journal.close()
      disk.remove()
    }
  })

  const skip = skipWithout('postgres', 'initdb') || skipWithoutMount
  it('under PostgreSQL', { skip, timeout: 120_000 }, async () => {
    const server = await startPostgres()
    const disk = makeSmallDisk(24)
    const url = await server.createDatabase(disk.folder)
    const open = () => openPostgresJournal({ url, tables, clock, logger })
    let journal = await open()
    try {
      const acknowledged = await fillUp(journal, disk)
      await journal.close()
      journal = await open()
      await checkKept(journal, acknowledged)
    } finally {
      await journal.close()
      await server.stop()
      disk.remove()
    }
  })
})

const bulky = 'x'.repeat(4000)

async function write(journal: Journal, key: string): Promise<string> {
  const row = entry('full', key, { item: [key, bulky] })
  await journal.commit([put(entries, row, { type: 'entry.appeared', sync: 'full', key })])
  return key
}

async function fails(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => error instanceof AppError && error.code === 'journal.full')
}

/** Fills the disk while writing goes on, sees the refusal, frees it, and sees that it mends. Gives what was acknowledged. */
async function fillUp(journal: Journal, disk: SmallDisk): Promise<string[]> {
  const acknowledged: string[] = []
  for (let n = 0; n < 20; n += 1) acknowledged.push(await write(journal, `before-${n}`))
  assert.deepEqual(journal.condition(), { is: 'ok' })
  disk.fill()
  let refused: AppError | null = null
  for (let n = 0; refused === null && n < 2000; n += 1) {
    try {
      acknowledged.push(await write(journal, `while-${n}`))
    } catch (error) {
      refused = error as AppError
    }
  }
  assert.equal(refused?.code, 'journal.full')
  const condition = journal.condition()
  assert.ok(condition.is === 'degraded' && condition.why.includes('space'), JSON.stringify(condition))
  assert.equal((await journal.select(entries, { where: { sync: 'full' } })).length, acknowledged.length)
  await fails(Promise.all(Array.from({ length: 30 }, (_, n) => write(journal, `refused-${n}`))))
  assert.equal(journal.condition().is, 'degraded')

  disk.free()
  await mended(journal)
  acknowledged.push(await write(journal, 'after'))
  return acknowledged
}

/** By the probe: nobody writes. */
async function mended(journal: Journal): Promise<void> {
  const until = Date.now() + 20_000
  while (journal.condition().is !== 'ok') {
    assert.ok(Date.now() < until, 'it does not mend')
    await clock.sleep(20)
  }
}

async function checkKept(journal: Journal, acknowledged: readonly string[]): Promise<void> {
  const rows = await journal.select(entries, { where: { sync: 'full' } })
  assert.deepEqual(rows.map((row) => row.key).toSorted(), acknowledged.toSorted())
  const verdict = await journal.verify()
  assert.ok(verdict.ok && verdict.events === acknowledged.length, JSON.stringify(verdict))
}
