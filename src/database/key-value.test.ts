import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import type { Journal } from '../engine/journal.ts'
import { AppError } from '../kernel/errors.ts'
import type { KeyValue } from '../kernel/key-value.ts'
import { silentLogger } from '../kernel/logger.ts'
import { keyValueContract } from '../kernel/testing/key-value-contract.ts'
import { skipWithout } from '../../tests/parts/find.ts'
import { startPostgres, type PostgresServer } from '../../tests/parts/postgres.ts'
import { createKeyValue, keyValueTables } from './key-value.ts'
import { createMemoryJournal } from './memory/journal.ts'
import { openPostgresJournal } from './postgres/journal.ts'
import { openSqliteJournal } from './sqlite/journal.ts'

const logger = silentLogger
const tables = keyValueTables
const newId = () => 'identity'
const { signal } = new AbortController()

keyValueContract('the journal in memory', async () => {
  const journal = createMemoryJournal({ clock: createFakeClock(), tables })
  return { keyValue: createKeyValue({ journal, newId }), dispose: () => journal.close() }
})

keyValueContract('the journal on SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'regista-kv-'))
  const journal = await openSqliteJournal({
    path: join(folder, 'regista.db'),
    tables,
    clock: createFakeClock(),
    logger,
  })
  const dispose = async () => {
    await journal.close()
    await rm(folder, { recursive: true })
  }
  return { keyValue: createKeyValue({ journal, newId }), dispose }
})

const skip = skipWithout('postgres', 'initdb')
let server: PostgresServer | undefined
after(() => server?.stop())

keyValueContract(
  'the journal on PostgreSQL',
  async () => {
    server = await startPostgres()
    const url = await server.createDatabase()
    const journal = await openPostgresJournal({ url, tables, clock: createFakeClock(), logger })
    return { keyValue: createKeyValue({ journal, newId }), dispose: () => journal.close() }
  },
  { skip },
)

describe('key-value store of the journal', () => {
  let journal: Journal
  let store: KeyValue
  before(() => {
    journal = createMemoryJournal({ clock: createFakeClock(), tables })
    store = createKeyValue({ journal, newId })
  })
  const value = (text: string) => new TextEncoder().encode(text)

  it('tells of each change, and who asked', async () => {
    await store.write({ guards: [], operations: [{ op: 'put', key: 'a', value: value('1') }], by: 'token:ci' }, signal)
    await store.write({ guards: [], operations: [{ op: 'delete', key: 'a' }] }, signal)
    const events = await journal.events({ key: 'a' })
    assert.deepEqual(
      events.map(({ type, actor, data }) => ({ type, actor, data })),
      [
        { type: 'kv.put', actor: 'token:ci', data: { bytes: 1 } },
        { type: 'kv.deleted', actor: undefined, data: undefined },
      ],
    )
  })

  it('writes nothing where the value is already there, and keeps its revision', async () => {
    const operations = [{ op: 'put', key: 'b', value: value('same') }] as const
    const first = await store.write({ guards: [], operations }, signal)
    const head = await journal.head()
    const second = await store.write({ guards: [], operations }, signal)
    assert.deepEqual(await journal.head(), head)
    assert.ok(first !== 'conflict' && second !== 'conflict')
    assert.equal(second.revision, first.revision)
  })

  it('refuses keys that it cannot hold', async () => {
    const put = (key: string) =>
      store.write({ guards: [], operations: [{ op: 'put', key, value: value('1') }] }, signal)
    const refused = (error: unknown) => error instanceof AppError && error.class === 'reject'
    await assert.rejects(put(''), refused)
    await assert.rejects(put('a\0b'), refused)
    await assert.rejects(put('k'.repeat(5000)), refused)
  })
})
