import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startEtcd, type Etcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin } from '../../../tests/parts/git-remote.ts'
import { until } from '../../../tests/parts/gitops-sync.ts'
import { createDraft } from '../../database/draft.ts'
import { createKeyValue, keyValueTables } from '../../database/key-value.ts'
import { createMemoryJournal } from '../../database/memory/journal.ts'
import { createEngine } from '../../engine/create-engine.ts'
import { engineTables, holds as holdTable, scopes as scopeTable } from '../../engine/tables.ts'
import { systemClock } from '../../kernel/clock.ts'
import { silentLogger } from '../../kernel/logger.ts'
import { createMetrics } from '../../kernel/metrics.ts'
import type { Table } from '../../kernel/table.ts'
import { capabilities } from './index.ts'
import { CapabilitiesConfig } from './config.ts'

const { signal } = new AbortController()
const tables = [...engineTables, ...keyValueTables] as unknown as readonly Table[]

async function scratch() {
  const folder = await mkdtemp(join(tmpdir(), 'regista-capabilities-'))
  const file = (id: string) => join(folder, `${id}.yaml`)
  return {
    folder,
    write: (id: string, version = '1.0.0') =>
      writeFile(file(id), `metadata: {dc_identifier: ${id}, dc_hasVersion: ${version}}\nchora_service:\n`),
    remove: (id: string) => rm(file(id)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** The registry as the program builds it, with a ledger that lasts as long as this does. */
async function running(config: object, base: string) {
  const journal = createMemoryJournal({ clock: systemClock, tables })
  const keyValue = createKeyValue({ journal, newId: () => 'store' })
  const shared = { clock: systemClock, random: Math.random, logger: silentLogger, metrics: createMetrics(), journal }
  const parts = { ...shared, keyValue, base, state: base, retention: { events: 90 * 86_400_000 }, engine: () => engine }
  const built = await capabilities.build(CapabilitiesConfig.parse(config), parts)
  const draft = (of: typeof journal) => createDraft(of, systemClock, tables)
  const engine = createEngine({ ...shared, specs: built.syncs, draft })
  return {
    keyValue,
    journal,
    metrics: () => shared.metrics.text(),
    pass: (sync: string) => engine.pass(sync, { why: 'asked' }),
    async [Symbol.asyncDispose]() {
      await engine.stop()
      await built.close?.()
      await journal.close()
    },
  }
}

test("into Regista's own store, from a folder beside the config file", async () => {
  await using place = await scratch()
  await place.write('chora.a.one')
  await using regista = await running({ own: { directory: '.', targets: { store: { store: true } } } }, place.folder)
  assert.equal((await regista.pass('own')).ok, true)
  const { pairs } = await regista.keyValue.range({ prefix: '/chora/' }, signal)
  assert.deepEqual(
    pairs.map(({ key }) => key),
    [
      '/chora/capabilities/chora.a.one/dependencies',
      '/chora/capabilities/chora.a.one/metadata',
      '/chora/capabilities/chora.a.one/type',
      '/chora/capabilities/chora.a.one/version',
      '/chora/gitops-sync/own/chora.a.one',
    ],
  )
  const again = await regista.pass('own')
  assert.deepEqual([again.ok, again.targets[0]?.applied], [true, 0])
})

test('a second file with an identifier is an error that names both, and the live value stays', async () => {
  await using place = await scratch()
  await place.write('chora.a.one')
  await using regista = await running({ own: { directory: '.', targets: { store: { store: true } } } }, place.folder)
  const version = async () => {
    const { pairs } = await regista.keyValue.range({ prefix: '/chora/capabilities/chora.a.one/version' }, signal)
    return Buffer.from(pairs[0]!.value).toString()
  }
  await regista.pass('own')
  const twin = join(place.folder, 'chora.a.twin.yaml')
  await writeFile(twin, 'metadata: {dc_identifier: chora.a.one, dc_hasVersion: 9.9.9}\nchora_service:\n')
  await place.write('chora.a.one', '2.0.0')
  for (let again = 0; again < 3; again++) {
    assert.equal((await regista.pass('own')).entries.troubles, 1)
    assert.equal(await version(), '1.0.0')
  }
  const [scope] = await regista.journal.select(scopeTable, {})
  assert.match(JSON.stringify(scope!.troubles), /chora\.a\.one\.yaml, chora\.a\.twin\.yaml/)
  await rm(twin)
  assert.equal((await regista.pass('own')).ok, true)
  assert.equal(await version(), '2.0.0')
})

test(
  'from a Git repository: what a commit drops goes at once, unless it drops all',
  { skip: skipWithout('git') },
  async () => {
    await using place = await scratch()
    using origin = gitOrigin()
    const text = (id: string) => `metadata: {dc_identifier: ${id}}\nchora_service:\n`
    const commit = (...ids: string[]) => origin.commit(new Map(ids.map((id) => [`caps/${id}.yaml`, text(id)])))
    const first = commit('chora.a.one', 'chora.a.two')
    const git = { url: origin.url, path: 'caps', ref: 'main' }
    await using regista = await running({ 'own/../sync': { git, targets: { store: { store: true } } } }, place.folder)
    const pass = () => regista.pass('own/../sync')
    const ids = async () => {
      const { pairs } = await regista.keyValue.range({ prefix: '/chora/capabilities/' }, signal)
      return [...new Set(pairs.map(({ key }) => key.split('/')[3]))]
    }
    assert.equal((await pass()).ok, true)
    assert.deepEqual(await ids(), ['chora.a.one', 'chora.a.two'])
    const events = (await regista.journal.events({})).filter(({ type }) => type === 'entry.appeared')
    const notes = events.map(({ data }) => (data as { note: { commit: string; ref: string } }).note)
    assert.deepEqual(
      notes.map(({ commit: of, ref }) => [of, ref]),
      [
        [first, 'main'],
        [first, 'main'],
      ],
    )
    assert.equal((await pass()).scopes.unchanged, 1)

    commit('chora.a.two')
    await pass()
    assert.deepEqual(await ids(), ['chora.a.two'])
    // The folder is gone with its last file: not seen, rather than empty.
    commit()
    assert.equal((await pass()).scopes.unavailable, 1)
    origin.commit(new Map([['caps/README', '']]))
    await pass()
    assert.deepEqual(await ids(), ['chora.a.two'])
    const holds = await regista.journal.select(holdTable, {})
    assert.deepEqual(
      holds.map(({ reason }) => reason),
      ['source-empty'],
    )
    assert.deepEqual(await readdir(join(place.folder, 'git')), ['own%2F%2E%2E%2Fsync'])
  },
)

test('check reads every manifest and names what is wrong, once', async () => {
  await using place = await scratch()
  await place.write('chora.a.one')
  await writeFile(join(place.folder, 'chora.bad.yaml'), 'metadata: [\n')
  const targets = { store: { store: true } }
  const config = CapabilitiesConfig.parse({ here: { directory: '.', targets }, gone: { directory: 'gone', targets } })
  const findings = await Array.fromAsync(capabilities.check!(config, place.folder, signal))
  assert.deepEqual(
    findings.map(({ path, level, place: where }) => [path, level, where]),
    [
      [['here', 'directory'], 'error', 'chora.bad.yaml:2:1'],
      [['gone', 'directory'], 'error', undefined],
    ],
  )
})

describe('into etcd', { skip: skipWithout('etcd', 'etcdctl') }, () => {
  let etcd: Etcd
  before(async () => {
    etcd = await startEtcd()
  })
  after(() => etcd?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    await etcd.ctl('del', '--prefix', '/')
  })

  const sync = (more: object = {}) => ({
    directory: '.',
    interval: '100ms',
    targets: { main: { etcd: { endpoints: [...etcd.endpoints] } } },
    ...more,
  })
  const ids = async () => [
    ...new Set(Object.keys(await etcd.dump('/chora/capabilities/')).map((key) => key.split('/')[3])),
  ]

  test('what another tool wrote is adopted without a write, and removed when its manifest is', async () => {
    await using place = await scratch()
    for (const id of ['chora.a.one', 'chora.a.two']) await place.write(id)
    {
      await using first = await running({ catalog: sync({ compat: true, version_source: 'semver' }) }, place.folder)
      assert.equal((await first.pass('catalog')).ok, true)
    }
    const revision = await etcd.revision()
    await using regista = await running({ catalog: sync() }, place.folder)
    const report = await regista.pass('catalog')
    assert.deepEqual([report.targets[0]?.adopted, report.targets[0]?.applied], [2, 0])
    assert.equal(await etcd.revision(), revision)
    await place.remove('chora.a.two')
    await until('it is removed', async () => {
      await regista.pass('catalog')
      return (await ids()).length === 1
    })
    assert.deepEqual(await ids(), ['chora.a.one'])
    assert.deepEqual(await etcd.dump('/chora/gitops-sync/'), {})
    // What etcd was asked is counted.
    assert.match(
      await regista.metrics(),
      /regista_etcd_request_duration_seconds_count\{method="Txn",endpoint="[^"]+",code="OK"\} 1/,
    )
  })

  test('a new ledger removes what its inventory owns, never what another source put there', async () => {
    await using mine = await scratch()
    await using theirs = await scratch()
    for (const id of ['chora.a.one', 'chora.a.two']) await mine.write(id)
    await theirs.write('chora.b.three')
    {
      await using first = await running({ mine: sync() }, mine.folder)
      await using other = await running({ theirs: sync() }, theirs.folder)
      await first.pass('mine')
      await other.pass('theirs')
    }
    await mine.remove('chora.a.two')
    await using again = await running({ mine: sync() }, mine.folder)
    await until('it is removed', async () => {
      await again.pass('mine')
      return (await ids()).length === 2
    })
    assert.deepEqual(await ids(), ['chora.a.one', 'chora.b.three'])
  })

  test('drift is reported, not repaired, where that is the policy', async () => {
    await using place = await scratch()
    await place.write('chora.a.one')
    await using regista = await running({ catalog: sync({ drift: 'report' }) }, place.folder)
    await regista.pass('catalog')
    await etcd.ctl('put', '/chora/capabilities/chora.a.one/version', 'changed')
    const report = await regista.pass('catalog')
    assert.deepEqual([report.ok, report.targets[0]?.held], [false, 1])
    assert.equal((await etcd.dump('/chora/capabilities/'))['/chora/capabilities/chora.a.one/version'], 'changed')
  })
})
