/** Several journals on one database, as several replicas have them. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import pg from 'pg'
import { entry, sync } from '../../engine/testing/journal-rows.ts'
import { put, type Journal } from '../../engine/journal.ts'
import { engineTables as tables, entries, syncs } from '../../engine/tables.ts'
import { systemClock as clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { silentLogger as logger } from '../../kernel/logger.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { startPostgres, type PostgresServer } from '../../../tests/parts/postgres.ts'
import { openPostgresJournal } from './journal.ts'

describe('replicas on PostgreSQL', { skip: skipWithout('postgres', 'initdb'), timeout: 60_000 }, () => {
  let server: PostgresServer
  let url: string
  let replicas: [Journal, Journal, Journal]
  before(async () => {
    server = await startPostgres()
  })
  after(() => server?.stop())
  beforeEach(async () => {
    url = await server.createDatabase()
    const open = () => openPostgresJournal({ url, tables, clock, logger })
    // Together: they migrate one after the other.
    replicas = await Promise.all([open(), open(), open()])
  })
  afterEach(() => Promise.all(replicas.map((journal) => journal.close())))

  it('write one chain in one order', async () => {
    const write = (journal: Journal, key: string) =>
      journal.commit([put(entries, entry('s', key), { type: 'entry.appeared', sync: 's', key })])
    const results = await Promise.all(
      Array.from({ length: 300 }, (_, n) => write(replicas[(n % 3) as 0 | 1 | 2], `k${n}`)),
    )
    const seqs = results.map(([seq]) => seq as number).toSorted((a, b) => a - b)
    assert.deepEqual(
      seqs,
      Array.from({ length: 300 }, (_, n) => n + 1),
    )
    assert.equal((await replicas[1].verify()).ok, true)
  })

  it('let one of them win a condition', async () => {
    const results = await Promise.all(
      replicas.map((journal, n) =>
        journal.commit([put(entries, entry('s', 'k', { label: String(n) }), { type: 'entry.appeared' }, 'absent')]),
      ),
    )
    assert.deepEqual(results.flat().filter((result) => result === 'conflict').length, 2)
  })

  it('refuse the writes of the one that lost the lease', async () => {
    const old = (await replicas[0].lease('s', 'first', 1))!
    let taken = null
    while (taken === null) taken = await replicas[1].lease('s', 'second', 60_000)
    const write = (journal: Journal, fence: { sync: string; token: number }) =>
      journal.commit([put(syncs, sync('s'), { type: 'sync.appeared' })], { fence })
    await assert.rejects(
      write(replicas[0], old),
      (error) => error instanceof AppError && error.code === 'journal.fenced',
    )
    await write(replicas[1], taken)
    assert.equal(await replicas[2].lease('s', 'third', 1), null)
  })

  it('hear of each other, also where LISTEN was cut', async () => {
    const heard = (journal: Journal) =>
      new Promise<() => void>((resolve) => {
        const end = journal.subscribe(() => resolve(end))
      })
    const write = (label: string) =>
      replicas[0].commit([put(entries, entry('s', 'k', { label }), { type: 'entry.changed' })])
    const first = heard(replicas[1])
    await write('1')
    ;(await first)()

    const client = new pg.Client(url)
    await client.connect()
    const second = heard(replicas[2])
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`)
    await client.end()
    await write('2')
    ;(await second)()
  })
})
