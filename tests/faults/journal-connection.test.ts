/** The connection to PostgreSQL breaks: what the caller is told is true, and work goes on. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, afterEach, describe, it } from 'node:test'
import { openPostgresJournal } from '../../src/database/postgres/journal.ts'
import { entry } from '../../src/engine/testing/journal-rows.ts'
import { put, type Journal } from '../../src/engine/journal.ts'
import { engineTables as tables, entries } from '../../src/engine/tables.ts'
import { systemClock as clock } from '../../src/kernel/clock.ts'
import { AppError } from '../../src/kernel/errors.ts'
import { silentLogger as logger } from '../../src/kernel/logger.ts'
import { startCuttingProxy, type CuttingProxy } from '../parts/cutting-proxy.ts'
import { skipWithout } from '../parts/find.ts'
import { startPostgres, type PostgresServer } from '../parts/postgres.ts'

describe('a connection that breaks', { skip: skipWithout('postgres', 'initdb'), timeout: 120_000 }, () => {
  let server: PostgresServer
  let proxy: CuttingProxy
  let journal: Journal
  let direct: Journal
  before(async () => {
    server = await startPostgres()
  })
  after(() => server?.stop())
  beforeEach(async () => {
    const url = await server.createDatabase()
    proxy = await startCuttingProxy(url)
    direct = await openPostgresJournal({ url, tables, clock, logger })
    journal = await openPostgresJournal({ url: proxy.url, tables, clock, logger })
  })
  afterEach(async () => {
    await Promise.all([journal.close(), direct.close()])
    await proxy.close()
  })

  const write = (key: string) =>
    journal.commit([put(entries, entry('s', key), { type: 'entry.appeared', sync: 's', key })])
  const written = async () => (await direct.select(entries)).map((row) => row.key)

  it('while idle: nobody notices', async () => {
    await write('a')
    proxy.cutAll()
    await write('b')
    assert.deepEqual(await written(), ['a', 'b'])
  })

  it('before COMMIT was sent: the group is written once, by another connection', async () => {
    await write('a')
    proxy.cutNext('before-write')
    await Promise.all([write('b'), write('c')])
    assert.deepEqual(await written(), ['a', 'b', 'c'])
    assert.equal((await direct.events({ sync: 's' })).length, 3)
  })

  it('at COMMIT: the effect is unknown, and said to be', async () => {
    await write('a')
    proxy.cutNext('before-commit')
    await assert.rejects(write('lost'), isUnknown)
    proxy.cutNext('after-commit')
    await assert.rejects(write('kept'), isUnknown)
    await write('b')
    assert.deepEqual((await written()).toSorted(), ['a', 'b', 'kept'])
    assert.equal((await direct.verify()).ok, true)
  })

  it('for as long as the server is away: refused, degraded, and mended when it is back', async () => {
    await write('a')
    await proxy.close()
    await assert.rejects(write('refused'), (error) => {
      return error instanceof AppError && error.code === 'journal.unavailable' && error.data['effect'] === 'none'
    })
    assert.equal(journal.condition().is, 'degraded')
    await server.crash()
    await eventually(async () => (await direct.head()).seq === 1)
    assert.deepEqual(await written(), ['a'])
  })

  it('heals by itself when the server was restarted', async () => {
    await write('a')
    await server.crash()
    await eventually(async () => {
      await write('b')
      return true
    })
    await eventually(() => Promise.resolve(journal.condition().is === 'ok'))
    assert.deepEqual(await written(), ['a', 'b'])
  })
})

function isUnknown(error: unknown): boolean {
  return error instanceof AppError && error.code === 'journal.unavailable' && error.data['effect'] === 'unknown'
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 20_000
  for (;;) {
    const held = await holds().catch(() => false)
    if (held) return
    assert.ok(Date.now() < until, 'not within 20 s')
    await clock.sleep(20)
  }
}
