import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import { delivery, entry } from '../engine/testing/journal-rows.ts'
import { put } from '../engine/journal.ts'
import { deliveries, engineTables as tables, entries } from '../engine/tables.ts'
import { silentLogger as logger } from '../kernel/logger.ts'
import { acquire, databaseFile } from './holder.ts'
import { openDatabase, stateFolder, type DatabaseOptions } from './open.ts'

describe('opening the database', () => {
  const clock = createFakeClock()
  let scratch: string
  let folder: string
  const open = (more: Partial<DatabaseOptions> = {}) =>
    openDatabase({ place: { folder }, tables, clock, logger, ...more })
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'regista-open-'))
    folder = join(scratch, 'state', 'of', 'mine')
  })
  afterEach(() => rm(scratch, { recursive: true }))

  it('makes an embedded file that only its user reads, in a folder of its own', async () => {
    const { journal, kind } = await open()
    assert.equal(kind, 'sqlite')
    await journal.commit([put(entries, entry('s', 'k'), { type: 'entry.appeared' })])
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o077, 0, file)
    await journal.close()
  })

  it('refuses a ledger of a newer program, and lets go of it', async () => {
    const { journal } = await open()
    await journal.close()
    const db = new DatabaseSync(databaseFile(folder))
    db.exec(`INSERT INTO "migration" VALUES (9999, 'future', 0)`)
    db.close()
    await assert.rejects(open(), { code: 'journal.newer' })
    acquire(folder, clock).release()
  })

  it('refuses a file that is none of ours', async () => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(databaseFile(folder), 'not a database '.repeat(1000))
    await assert.rejects(open(), { code: 'journal.broken' })
    await assert.rejects(open({ otherwise: 'memory' }), { code: 'journal.broken' })
  })

  it('goes on in memory where there is nowhere to write, if it may', async () => {
    writeFileSync(join(scratch, 'state'), 'a file in the way')
    await assert.rejects(open())
    const { journal, kind } = await open({ otherwise: 'memory' })
    assert.equal(kind, 'memory')
    await journal.commit([put(entries, entry('s', 'k'), { type: 'entry.appeared' })])
    await journal.close()
  })

  it('does not hide that another process holds the state', async () => {
    const holding = acquire(folder, clock)
    await assert.rejects(open({ otherwise: 'memory' }), { code: 'journal.busy' })
    holding.release()
  })

  it('takes postgres URLs only', async () => {
    await assert.rejects(open({ place: { url: 'mysql://localhost/x' } }), { code: 'config.invalid' })
    const away = { url: `postgres://nobody@localhost/none?host=${encodeURIComponent(scratch)}` }
    await assert.rejects(open({ place: away }), { code: 'journal.unavailable' })
  })

  it('reads while a large commit is written', async () => {
    const { journal } = await open()
    await journal.commit([put(entries, entry('s', 'k'), { type: 'entry.appeared' })])
    const rows = Array.from({ length: 20_000 }, (_, n) => delivery('s', 't', `k${n}`))
    const order: string[] = []
    const large = journal.commit(rows.map((row) => put(deliveries, row, { type: 'delivery.applied' })))
    const small = journal.get(entries, entry('s', 'k'))
    await Promise.all([large.then(() => order.push('write')), small.then(() => order.push('read'))])
    assert.deepEqual(order, ['read', 'write'])
    await journal.close()
  })

  it('keeps state where XDG says', () => {
    assert.equal(stateFolder({ XDG_STATE_HOME: '/x' }, '/home/me', 'regista'), '/x/regista/regista')
    assert.equal(stateFolder({}, '/home/me', 'sync'), '/home/me/.local/state/regista/sync')
  })
})
