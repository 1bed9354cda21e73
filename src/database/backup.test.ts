import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import { entry } from '../engine/testing/journal-rows.ts'
import { put } from '../engine/journal.ts'
import { engineTables, entries } from '../engine/tables.ts'
import { AppError, type ErrorCode } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logger.ts'
import { backup, restore } from './backup.ts'
import { databaseFile } from './holder.ts'
import { createKeyValue, keyValueTables } from './key-value.ts'
import { createMemoryJournal } from './memory/journal.ts'
import { openSqliteJournal, type SqliteJournal } from './sqlite/journal.ts'

describe('backup and restore', () => {
  const clock = createFakeClock()
  const tables = [...engineTables, ...keyValueTables]
  const { signal } = new AbortController()
  let scratch: string
  let folder: string
  let copy: string
  let journal: SqliteJournal
  const open = () => openSqliteJournal({ path: databaseFile(folder), tables, clock, logger: silentLogger })
  const write = (key: string) => journal.commit([put(entries, entry('s', key), { type: 'entry.appeared', sync: 's' })])
  const keys = async () => (await journal.select(entries)).map((row) => row.key)
  const identity = () => createKeyValue({ journal, newId: () => `id-${Math.random()}` }).identity(signal)

  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'regista-backup-'))
    folder = join(scratch, 'state')
    copy = join(scratch, 'copy.db')
    journal = await open()
  })
  afterEach(async () => {
    await journal.close()
    await rm(scratch, { recursive: true })
  })

  it('copies while work goes on, and puts the copy back', async () => {
    await write('before')
    const first = await identity()
    const [report] = await Promise.all([backup(journal, copy), ...['a', 'b', 'c'].map(write)])
    await write('after')
    assert.ok(report.seq >= 2)
    assert.equal(statSync(copy).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(scratch).toSorted(), ['copy.db', 'state'])
    await journal.close()

    const restored = await restore({ from: copy, folder, force: true, clock })
    assert.equal(restored.seq, report.seq)
    journal = await open()
    const now = await keys()
    assert.ok(now.includes('before') && !now.includes('after'))
    assert.equal((await journal.verify()).ok, true)
    assert.notEqual(await identity(), first)
    await journal.close()

    folder = join(scratch, 'other')
    await restore({ from: restored.replaced!, folder, force: false, clock })
    journal = await open()
    assert.deepEqual((await keys()).toSorted(), ['a', 'after', 'b', 'before', 'c'])
  })

  it('keeps what a killed process had not yet written back', async () => {
    await write('in the WAL')
    await backup(journal, copy)
    const wal = `${databaseFile(folder)}-wal`
    const saved = join(scratch, 'saved')
    for (const ending of ['', '-wal']) copyFileSync(databaseFile(folder) + ending, saved + ending)
    await journal.close()
    for (const ending of ['', '-wal']) copyFileSync(saved + ending, databaseFile(folder) + ending)
    const { replaced } = await restore({ from: copy, folder, force: true, clock })
    assert.equal(existsSync(wal), false)
    assert.equal(existsSync(`${replaced}-wal`), true)
    journal = await open()
  })

  it('refuses to overwrite, and while somebody holds the state', async () => {
    await write('a')
    await backup(journal, copy)
    await rejects(backup(journal, copy), 'request.conflict')
    await rejects(restore({ from: copy, folder, force: true, clock }), 'journal.busy')
    await journal.close()
    await rejects(restore({ from: copy, folder, force: false, clock }), 'request.conflict')
    await rejects(restore({ from: join(scratch, 'none'), folder, force: true, clock }), 'request.not-found')
    journal = await open()
    assert.deepEqual(await keys(), ['a'])
  })

  it('refuses what is no whole ledger, and leaves the one that is there', async () => {
    await write('a')
    await write('b')
    await backup(journal, copy)
    await write('kept')
    await journal.close()

    const text = join(scratch, 'text')
    writeFileSync(text, 'not a database'.repeat(1000))
    await rejects(restore({ from: text, folder, force: true, clock }), 'journal.broken')
    const altered = join(scratch, 'altered')
    copyFileSync(copy, altered)
    alter(altered, `UPDATE "event" SET "type" = 'entry.forged' WHERE "seq" = 1`)
    await rejects(restore({ from: altered, folder, force: true, clock }), 'journal.broken')
    const newer = join(scratch, 'newer')
    copyFileSync(copy, newer)
    alter(newer, `INSERT INTO "migration" VALUES (9999, 'future', 0)`)
    await rejects(restore({ from: newer, folder, force: true, clock }), 'journal.newer')

    journal = await open()
    assert.deepEqual(await keys(), ['a', 'b', 'kept'])
  })

  it('backs up the embedded database only', async () => {
    const memory = createMemoryJournal({ clock, tables })
    await rejects(backup(memory, copy), 'request.invalid')
    await memory.close()
  })
})

function alter(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof AppError && error.code === code)
}
