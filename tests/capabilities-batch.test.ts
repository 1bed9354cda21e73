/** Manifests sent in bulk through the API, beside files and without any: over HTTP, through the loop, into a store. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDraft } from '../src/database/draft.ts'
import { createKeyValue, keyValueTables } from '../src/database/key-value.ts'
import { createMemoryJournal } from '../src/database/memory/journal.ts'
import { createEngine } from '../src/engine/create-engine.ts'
import { engineTables, scopes } from '../src/engine/tables.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import type { Table } from '../src/kernel/table.ts'
import { CapabilitiesConfig } from '../src/registries/capabilities/config.ts'
import { capabilities } from '../src/registries/capabilities/index.ts'
import { batchRoutes } from '../src/registries/capabilities/routes-batch.ts'
import { tokens } from '../src/server/access/token.ts'
import { serve } from '../src/server/testing/serve.ts'
import { until } from './parts/gitops-sync.ts'

const tables = [...engineTables, ...keyValueTables, tokens, ...capabilities.tables] as unknown as readonly Table[]

type Item = { op: 'put'; id?: string; manifest: unknown } | { op: 'delete'; id: string }
interface Result {
  id: string | null
  status: string
  code?: string
  detail?: string
  delivery?: Record<string, string>
}

const text = (id: string, version = '1.0.0') =>
  `metadata: {dc_identifier: ${id}, dc_hasVersion: ${version}}\nchora_service:\n`
const put = (id: string, version?: string): Item => ({ op: 'put', manifest: text(id, version) })
const remove = (id: string): Item => ({ op: 'delete', id })

/** A folder and a ledger, on which processes with one config or another run, one after the other. */
async function createGround() {
  const folder = await mkdtemp(join(tmpdir(), 'regista-batch-'))
  const journal = createMemoryJournal({ clock: systemClock, tables })
  const keyValue = createKeyValue({ journal, newId: randomUUID })
  const file = (id: string) => join(folder, 'manifests', `${id}.yaml`)
  await mkdir(join(folder, 'manifests'))

  async function start(settings: object, more: { running?: boolean } = {}) {
    const shared = { clock: systemClock, random: Math.random, logger: silentLogger, metrics: createMetrics(), journal }
    const catalog = { interval: '1h', targets: { store: { store: true } }, ...settings }
    const config = CapabilitiesConfig.parse({ catalog })
    const parts = {
      ...shared,
      keyValue,
      base: folder,
      state: folder,
      retention: { events: 90 * 86_400_000 },
      engine: () => engine,
    }
    const built = await capabilities.build(config, parts)
    const engine = createEngine({ ...shared, specs: built.syncs, draft: (of) => createDraft(of, systemClock, tables) })
    const served = await serve({ journal, routes: built.routes })
    if (more.running !== false) {
      const began = systemClock.now()
      engine.start()
      await until('the first pass', async () => ((await engine.status('catalog')).lastPassAt ?? 0) >= began)
    }
    const send = async (items: readonly Item[], query = '', body: object = {}) => {
      const reply = await served.send('POST', `/api/v1/capabilities:batch${query}`, { sync: 'catalog', items, ...body })
      const answer = (await reply.json()) as { results: Result[]; counts: object; delivered?: boolean; detail?: string }
      return { status: reply.status, ...answer }
    }
    return {
      engine,
      send,
      served,
      statuses: async (items: readonly Item[], query?: string) =>
        (await send(items, query)).results.map(({ status }) => status),
      pass: () => engine.pass('catalog', { why: 'asked' }),
      async list() {
        const reply = await served.call('/api/v1/syncs/catalog/submissions')
        return ((await reply.json()) as { items: { id: string; shadowedBy: string | null }[] }).items
      },
      async [Symbol.asyncDispose]() {
        await served[Symbol.asyncDispose]()
        await engine.stop()
        await built.close?.()
      },
    }
  }

  return {
    folder,
    journal,
    start,
    write: (id: string, version?: string) => writeFile(file(id), text(id, version)),
    remove: (id: string) => rm(file(id)),
    hide: () => rename(join(folder, 'manifests'), join(folder, 'elsewhere')),
    show: () => rename(join(folder, 'elsewhere'), join(folder, 'manifests')),
    /** identifier → version, as readers of the store see it. */
    async held(): Promise<Record<string, string>> {
      const { pairs } = await keyValue.range({ prefix: '/chora/capabilities/' }, new AbortController().signal)
      const versions = pairs.filter(({ key }) => key.endsWith('/version'))
      return Object.fromEntries(versions.map(({ key, value }) => [key.split('/')[3]!, Buffer.from(value).toString()]))
    },
    async [Symbol.asyncDispose]() {
      await journal.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const both = { directory: 'manifests', submissions: true }

test('each item has its result, in order, and what is valid is delivered at once', async () => {
  await using ground = await createGround()
  await ground.write('chora.file')
  await ground.write('chora.written')
  await using regista = await ground.start(both)
  const object = { metadata: { dc_identifier: 'chora.object', dc_hasVersion: '2.0.0' }, chora_pattern: {} }
  const items: Item[] = [
    put('chora.text'),
    { op: 'put', manifest: object },
    { op: 'put', manifest: 'metadata: [' },
    { op: 'put', id: 'chora.other', manifest: text('chora.this') },
    put('chora.text', '3.0.0'),
    put('chora.file', '9.0.0'),
    remove('chora.nothing'),
    remove('chora.written'),
  ]
  const { status, results, counts, delivered } = await regista.send(items, '?wait=true')
  assert.equal(status, 200)
  assert.deepEqual(
    results.map(({ id, status: is, code, delivery }) => [id, is, code, delivery?.['store']]),
    [
      ['chora.text', 'created', undefined, 'applied'],
      ['chora.object', 'created', undefined, 'applied'],
      [null, 'invalid', 'manifest-invalid', undefined],
      ['chora.other', 'invalid', 'item-invalid', undefined],
      ['chora.text', 'invalid', 'duplicate-identifier', undefined],
      ['chora.file', 'conflict', 'owned-by-file', undefined],
      ['chora.nothing', 'absent', undefined, undefined],
      ['chora.written', 'conflict', 'owned-by-file', undefined],
    ],
  )
  assert.match(results[5]!.detail!, /in the file chora\.file\.yaml/)
  assert.deepEqual(counts, {
    created: 2,
    updated: 0,
    unchanged: 0,
    removed: 0,
    absent: 1,
    invalid: 3,
    conflict: 2,
  })
  assert.equal(delivered, true)
  const files = { 'chora.file': '1.0.0', 'chora.written': '1.0.0' }
  assert.deepEqual(await ground.held(), { ...files, 'chora.object': '2.0.0', 'chora.text': '1.0.0' })
})

test('the same batch again changes nothing; a dry run neither', async () => {
  await using ground = await createGround()
  await using regista = await ground.start({ submissions: true })
  const batch = [put('chora.a'), put('chora.b')]
  const dry = await regista.send(batch, '?wait=true', { dryRun: true })
  assert.deepEqual([dry.results.map(({ status }) => status), dry.delivered], [['created', 'created'], undefined])
  assert.deepEqual(await regista.statuses(batch, '?wait=true'), ['created', 'created'])
  const { seq } = await ground.journal.head()
  assert.deepEqual(await regista.statuses(batch, '?wait=true'), ['unchanged', 'unchanged'])
  assert.equal((await ground.journal.head()).seq, seq)
  assert.deepEqual(await regista.statuses([put('chora.a', '2.0.0'), remove('chora.b')], '?wait=true'), [
    'updated',
    'removed',
  ])
  assert.deepEqual(await ground.held(), { 'chora.a': '2.0.0' })
})

test('a thousand items are two commits, and more are refused', async () => {
  await using ground = await createGround()
  await using regista = await ground.start({ submissions: true }, { running: false })
  const commits: number[] = []
  const { commit } = ground.journal
  ground.journal.commit = (facts, options) => {
    if (facts[0]?.table === 'capability_submission') commits.push(facts.length)
    return commit(facts, options)
  }
  const thousand = Array.from({ length: 1000 }, (_, at): Item => put(`chora.n${at}`))
  const { counts } = await regista.send(thousand)
  assert.deepEqual([(counts as { created: number }).created, commits], [1000, [500, 500]])
  assert.equal((await regista.send([...thousand, put('chora.more')])).status, 400)
})

test('while the folder cannot be read, submissions go on and nothing of the files is removed', async () => {
  await using ground = await createGround()
  await ground.write('chora.file')
  await using regista = await ground.start(both)
  await regista.send([put('chora.sent'), put('chora.gone')], '?wait=true')
  await ground.hide()
  assert.equal((await regista.pass()).ok, false)
  const { delivered } = await regista.send(
    [put('chora.late'), put('chora.sent', '2.0.0'), remove('chora.gone')],
    '?wait=true',
  )
  assert.equal(delivered, true)
  assert.deepEqual(await ground.held(), { 'chora.file': '1.0.0', 'chora.late': '1.0.0', 'chora.sent': '2.0.0' })
  await ground.show()
  assert.equal((await regista.pass()).ok, true)
  assert.deepEqual(Object.keys(await ground.held()), ['chora.file', 'chora.late', 'chora.sent'])
})

test('a sync that starts again knows what was sent, also what was sent and removed meanwhile', async () => {
  await using ground = await createGround()
  await ground.write('chora.file')
  {
    await using first = await ground.start(both)
    await first.send([put('chora.a'), put('chora.b')], '?wait=true')
  }
  {
    await using idle = await ground.start(both, { running: false })
    await idle.send([remove('chora.a'), put('chora.c')])
  }
  await ground.hide()
  {
    await using second = await ground.start(both)
    await until('it is delivered', async () => {
      const held = Object.keys(await ground.held())
      return JSON.stringify(held) === '["chora.b","chora.c","chora.file"]'
    })
    // The position that the ledger kept says so: nothing is read again.
    const row = await ground.journal.get(scopes, { sync: 'catalog', scope: 'submitted' })
    await second.pass()
    assert.equal((await ground.journal.get(scopes, { sync: 'catalog', scope: 'submitted' }))?.mark, row?.mark)
    assert.ok(row?.mark)
  }
})

test('other rules read everything that was sent anew, and find what was removed meanwhile', async () => {
  await using ground = await createGround()
  const manifest = 'metadata: {dc_identifier: chora.a, dc_hasVersion: 1.0.0, dc_date: "2025-01-01"}\nchora_service:\n'
  {
    await using first = await ground.start({ submissions: true })
    await first.send([{ op: 'put', manifest }, put('chora.b')], '?wait=true')
  }
  assert.deepEqual(await ground.held(), { 'chora.a': '1.0.0', 'chora.b': '1.0.0' })
  {
    await using idle = await ground.start({ submissions: true }, { running: false })
    await idle.send([remove('chora.b')])
  }
  await using _second = await ground.start({ submissions: true, version_source: 'dc_date' })
  await until('it is written anew', async () => (await ground.held())['chora.a'] === '2025-01-01')
  await until('what was removed is gone', async () => Object.keys(await ground.held()).length === 1)
})

test('a file that comes later wins and is shown to; when it goes, what was sent counts again', async () => {
  await using ground = await createGround()
  await ground.write('chora.other')
  await using regista = await ground.start({ ...both, interval: '1s' })
  await regista.send([put('chora.a', '1.1.1')], '?wait=true')
  await ground.write('chora.a', '2.2.2')
  await until('the file wins', async () => (await ground.held())['chora.a'] === '2.2.2')
  assert.deepEqual(
    (await regista.list()).map(({ id, shadowedBy }) => [id, shadowedBy]),
    [['chora.a', 'chora.a.yaml']],
  )
  assert.deepEqual(await regista.statuses([put('chora.a', '3.3.3')]), ['conflict'])
  await ground.remove('chora.a')
  await until('what was sent counts', async () => (await ground.held())['chora.a'] === '1.1.1')
  assert.deepEqual(
    (await regista.list()).map(({ shadowedBy }) => shadowedBy),
    [null],
  )
})

test('switched off: orphaned and kept until it is forgotten, and then gone for good', async () => {
  await using ground = await createGround()
  await ground.write('chora.file')
  {
    await using first = await ground.start(both)
    await first.send([put('chora.sent')], '?wait=true')
  }
  const scopeState = async () => (await ground.journal.get(scopes, { sync: 'catalog', scope: 'submitted' }))?.state
  {
    await using off = await ground.start({ directory: 'manifests' })
    assert.equal((await off.send([put('chora.more')])).status, 409)
    await off.engine.pass('catalog', { why: 'asked', allowDeletes: 100 })
    assert.equal(await scopeState(), 'orphaned')
    assert.deepEqual(Object.keys(await ground.held()), ['chora.file', 'chora.sent'])
  }
  {
    await using on = await ground.start(both)
    assert.equal(await scopeState(), 'ok')
    assert.deepEqual(await on.statuses([put('chora.sent')]), ['unchanged'])
  }
  {
    await using off = await ground.start({ directory: 'manifests' })
    await off.engine.forget({ sync: 'catalog', scope: 'submitted' }, 'tester')
    await off.pass()
    assert.deepEqual(Object.keys(await ground.held()), ['chora.file'])
  }
  await using again = await ground.start(both)
  await again.pass()
  assert.deepEqual([await again.list(), Object.keys(await ground.held())], [[], ['chora.file']])
})

test('files taken out of the config are orphaned, and what is sent goes on', async () => {
  await using ground = await createGround()
  await ground.write('chora.file')
  {
    await using first = await ground.start(both)
    await first.send([put('chora.sent')], '?wait=true')
  }
  await using regista = await ground.start({ submissions: true })
  assert.equal((await regista.send([remove('chora.sent'), put('chora.new')], '?wait=true')).delivered, true)
  await regista.pass()
  assert.deepEqual(Object.keys(await ground.held()), ['chora.file', 'chora.new'])
})

test('callers are kept to their syncs, and no sync is made up', async () => {
  await using ground = await createGround()
  await using regista = await ground.start({ directory: 'manifests' })
  const refused = await regista.served.send('POST', '/api/v1/capabilities:batch', { sync: 'nobody', items: [] })
  assert.equal(refused.status, 404)
  const [batch] = batchRoutes({ journal: ground.journal, clock: systemClock, syncs: new Map() })
  const caller = { name: 'token:x', role: 'operator', scopes: { syncs: ['other'] }, subject: null } as const
  const body = { sync: 'catalog', items: [], dryRun: false }
  const asked = { params: {}, query: { wait: false }, body, caller, headers: {}, signal: new AbortController().signal }
  await assert.rejects(batch!.handle(asked as never), { code: 'request.forbidden' })
})
