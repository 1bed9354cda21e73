/** Capabilities over REST, on entries as the engine leaves them in the ledger. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { drop, put, quietlyDrop, type Fact, type Journal } from '../src/engine/journal.ts'
import { deliveries, entries, scopes, type EntryRow } from '../src/engine/tables.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import { capabilities } from '../src/registries/capabilities/index.ts'
import { deliveryRow, entryRow, scopeRow } from '../src/server/testing/ledger.ts'
import { memoryJournal, serve } from '../src/server/testing/serve.ts'
import { addToken, bearer } from '../src/server/testing/tokens.ts'
import { findPart, skipWithout } from './parts/find.ts'

interface Item {
  readonly id: string
  readonly sync: string
  readonly version: string
  readonly metadata: Record<string, unknown>
  readonly targets: Record<string, string>
  readonly syncs: readonly string[]
  readonly commit: string | null
  readonly distance: number
  readonly met: boolean | null
}
interface Listed {
  readonly items: readonly Item[]
  readonly next: string | null
}

interface Said {
  readonly type?: string
  readonly version?: string
  readonly metadata?: string
  readonly requires?: readonly (readonly [capability: string, version?: string, relationship?: string])[]
}

function entry(key: string, said: Said = {}, row: Partial<EntryRow> = {}): Fact {
  const { type = 'pattern', version = '1.0.0', requires = [] } = said
  const metadata = said.metadata ?? JSON.stringify({ dc_identifier: key, dc_title: `Title of ${key}` })
  const dependencies = JSON.stringify(
    requires.map(([capability, constraint = '*', relationship = 'prerequisite']) => {
      return { capability, relationship, version: constraint }
    }),
  )
  const item = { id: key, type, version, metadata, dependencies }
  return put(entries, entryRow({ key, item, origin: `${key}.yaml`, ...row }), { type: 'entry.appeared', key })
}

/** The registry with syncs `one` and `two`, over a ledger in memory. */
async function serving(facts: readonly Fact[], journal: Journal = memoryJournal()) {
  await journal.commit(facts)
  const targets = { store: { store: true } }
  const config = capabilities.config.parse({ one: { directory: 'a', targets }, two: { directory: 'b', targets } })
  const counted = { selects: 0 }
  const watched: Journal = {
    ...journal,
    select(...given) {
      counted.selects += 1
      return journal.select(...given)
    },
  }
  const metrics = createMetrics()
  const shared = { clock: systemClock, random: Math.random, logger: silentLogger, metrics, base: '/', state: '/' }
  const unused = {} as never
  const parts = {
    ...shared,
    journal: watched,
    keyValue: unused,
    retention: { events: 90 * 86_400_000 },
    engine: () => unused,
  }
  const { routes } = await capabilities.build(config, parts)
  const served = await serve({ journal, routes })
  return {
    ...served,
    journal,
    metrics,
    counted,
    async get<T>(path: string, headers: Record<string, string> = {}): Promise<T> {
      const reply = await served.call(path, { headers })
      assert.equal(reply.status, 200, `${path}: ${await reply.clone().text()}`)
      return (await reply.json()) as T
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  }
}

const base = '/api/v1/capabilities'
const ids = ({ items }: Listed) => items.map(({ id }) => id)

const shop = [
  entry('chora.mail.api', { type: 'service', version: '1.4.0', requires: [['chora.mail.store', '^1.0.0', 'runtime']] }),
  entry('chora.mail.store', { type: 'service', version: '2.0.0' }),
  entry('chora.docs.guide', { requires: [['chora.mail.api', '^1.2.0', 'runtime'], ['chora.docs.lost']] }),
  entry('chora.docs.style', {
    metadata: '{"dc_title": "How to write", "score": NaN, "list": ["Infinity \\" NaN", -Infinity]}',
  }),
]

suite('capabilities over REST', () => {
  test('lists and filters; an item has what the manifest said and how its deliveries are', async () => {
    await using at = await serving([
      ...shop,
      put(deliveries, deliveryRow({ sync: 'one', target: 'store', key: 'chora.mail.api', state: 'applied' }), {
        type: 'delivery.applied',
      }),
      entry('chora.gone.one', {}, { state: 'gone', item: null }),
    ])
    const all = await at.get<Listed>(base)
    assert.deepEqual(ids(all), ['chora.docs.guide', 'chora.docs.style', 'chora.mail.api', 'chora.mail.store'])
    const filtered: readonly (readonly [string, readonly string[]])[] = [
      ['type=service', ['chora.mail.api', 'chora.mail.store']],
      ['domain=docs', ['chora.docs.guide', 'chora.docs.style']],
      ['dependency=chora.mail.store', ['chora.mail.api']],
      ['q=HOW+to', ['chora.docs.style']],
      ['sync=two', []],
      ['type=service&dependency=chora.docs.lost', []],
    ]
    for (const [query, wanted] of filtered) assert.deepEqual(ids(await at.get(`${base}?${query}`)), wanted, query)
    const { metadata, targets, ...item } = await at.get<Item>(`${base}/chora.mail.api`)
    assert.deepEqual(metadata, { dc_identifier: 'chora.mail.api', dc_title: 'Title of chora.mail.api' })
    assert.deepEqual(targets, { store: 'applied' })
    assert.deepEqual(item, {
      id: 'chora.mail.api',
      sync: 'one',
      type: 'service',
      version: '1.4.0',
      domain: 'mail',
      title: 'Title of chora.mail.api',
      dependencies: [{ capability: 'chora.mail.store', relationship: 'runtime', version: '^1.0.0' }],
      file: 'chora.mail.api.yaml',
      commit: null,
      seq: 1,
      syncs: ['one'],
    })
    const odd = await at.get<Item>(`${base}/chora.docs.style`)
    assert.deepEqual(odd.metadata, { dc_title: 'How to write', score: null, list: ['Infinity " NaN', null] })
    assert.equal((await at.call(`${base}/chora.gone.one`)).status, 404)
    assert.equal((await at.call(`${base}?type=`, {})).status, 200)
    assert.equal((await at.call(`${base}?typ=service`)).status, 400)
  })

  test('pages hold every item once, also while one before the cursor goes', async () => {
    const names = Array.from({ length: 25 }, (_, at) => `chora.a.n${String(at).padStart(2, '0')}`)
    await using at = await serving(names.flatMap((name) => [entry(name), entry(name, {}, { sync: 'two' })]))
    const seen: string[] = []
    let pages = 0
    for (let next: string | null = `${base}?limit=7&type=pattern`; next !== null; pages++) {
      const page: Listed = await at.get<Listed>(next)
      seen.push(...page.items.map(({ id, sync }) => `${id} ${sync}`))
      const last = page.items.at(-1)!
      if (pages === 1) await at.journal.commit([entry(last.id, {}, { sync: last.sync, state: 'gone', item: null })])
      next = page.next
    }
    assert.deepEqual(
      seen,
      names.flatMap((name) => [`${name} one`, `${name} two`]),
    )
    assert.equal(pages, 8)
    const other = (await at.get<Listed>(`${base}?limit=7`)).next!
    assert.equal((await at.call(other.replace('limit=7', 'limit=7&q=x'))).status, 400)
  })

  test('is up to date by position: changes, removals, rows that leave without a trace, and nothing read twice', async () => {
    await using at = await serving(shop)
    const first = await at.call(base)
    const etag = first.headers.get('etag')!
    await at.get(base)
    const before = at.counted.selects
    assert.equal((await at.call(base, { headers: { 'if-none-match': etag } })).status, 304)
    await at.get(`${base}?type=service`)
    assert.equal(at.counted.selects, before)

    await at.journal.commit([
      entry('chora.docs.style', { version: '3.0.0' }),
      entry('chora.mail.store', {}, { state: 'gone', item: null }),
      entry('chora.new.one', {}, { note: { commit: 'abc' } }),
    ])
    const reply = await at.call(base, { headers: { 'if-none-match': etag } })
    assert.equal(reply.status, 200)
    const { items } = (await reply.json()) as Listed
    assert.deepEqual(
      items.map(({ id, version, commit }) => [id, version, commit]),
      [
        ['chora.docs.guide', '1.0.0', null],
        ['chora.docs.style', '3.0.0', null],
        ['chora.mail.api', '1.4.0', null],
        ['chora.new.one', '1.0.0', 'abc'],
      ],
    )

    const key = { sync: 'one', scope: '', key: 'chora.docs.style' }
    await at.journal.commit([], { quiet: [quietlyDrop(entries, key)] })
    await at.journal.commit([drop(entries, { ...key, key: 'chora.new.one' }, { type: 'entry.forgotten' })])
    assert.deepEqual(ids(await at.get(base)), ['chora.docs.guide', 'chora.mail.api'])
  })

  test('of two scopes with one identifier the one that ranks before is shown', async () => {
    await using at = await serving([
      put(scopes, scopeRow({ scope: 'submitted', rank: 1 }), { type: 'scope.seen' }),
      put(scopes, scopeRow({ scope: '' }), { type: 'scope.seen' }),
      entry('chora.a.one', { version: '2.0.0' }, { scope: 'submitted' }),
      entry('chora.a.one', { version: '1.0.0' }),
    ])
    assert.deepEqual(
      (await at.get<Listed>(base)).items.map(({ version }) => version),
      ['1.0.0'],
    )
  })

  test('dependents, direct and transitive, also of what does not exist', async () => {
    await using at = await serving(shop)
    const who = async (path: string) =>
      (await at.get<Listed>(`${base}/${path}`)).items.map(({ id, distance, met }) => [id, distance, met])
    assert.deepEqual(await who('chora.mail.store/dependents'), [['chora.mail.api', 1, false]])
    assert.deepEqual(await who('chora.mail.store/dependents?transitive=true'), [
      ['chora.mail.api', 1, false],
      ['chora.docs.guide', 2, null],
    ])
    assert.deepEqual(await who('chora.mail.api/dependents'), [['chora.docs.guide', 1, true]])
    assert.deepEqual(await who('chora.docs.lost/dependents'), [['chora.docs.guide', 1, null]])
    assert.deepEqual(await who('chora.docs.guide/dependents'), [])
    assert.equal((await at.call(`${base}/chora.nowhere/dependents`)).status, 404)
  })

  test('the graph: dangling edges, circles, and as text', async () => {
    await using at = await serving([
      ...shop,
      entry('chora.x.a', { requires: [['chora.x.b']] }),
      entry('chora.x.b', { requires: [['chora.x.a']] }),
      entry('chora.x."odd', { requires: [['chora.x.a', '*', 'optional']] }),
    ])
    const graph = await at.get<Record<'nodes' | 'edges' | 'dangling' | 'cycles', unknown[]>>(`${base}/graph`)
    assert.deepEqual([graph.nodes.length, graph.edges.length], [7, 6])
    assert.deepEqual(graph.cycles, [['chora.x.a', 'chora.x.b']])
    assert.deepEqual(graph.dangling, [
      { from: 'chora.docs.guide', to: 'chora.docs.lost', relationship: 'prerequisite', version: '*', met: null },
    ])
    const dot = await at.call(`${base}/graph?format=dot`)
    assert.match(dot.headers.get('content-type')!, /^text\/vnd\.graphviz/)
    const text = await dot.text()
    assert.match(text, /^digraph capabilities \{\n/)
    assert.match(text, /\n {2}"chora\.mail\.api" -> "chora\.mail\.store" \[label="runtime \^1\.0\.0"\]\n/)
    assert.match(text, /"chora\.x\.\\"odd" -> "chora\.x\.a" \[label="optional", style=dashed\]/)
    const mermaid = await (await at.call(`${base}/graph?format=mermaid`)).text()
    assert.match(mermaid, /^flowchart LR\n/)
    assert.match(mermaid, /chora\.x\.#34;odd/)
    assert.match(mermaid, /:::missing\n/)
  })

  test('every request of docs/capabilities.md is answered', async () => {
    const guide = readFileSync(join(import.meta.dirname, '../docs/capabilities.md'), 'utf8')
    const paths = [...guide.matchAll(/^curl 'http:\/\/localhost:8080(\/api\/v1\/capabilities[^']*)'$/gm)].map(
      ([, path]) => path!,
    )
    assert.ok(paths.length >= 7, paths.join('\n'))
    await using at = await serving([
      entry('chora.mail.delivery', { type: 'service', requires: [['chora.mail.templates']] }),
      entry('chora.mail.templates', { type: 'service' }),
    ])
    for (const path of paths) {
      const reply = await at.call(path)
      assert.equal(reply.status, 200, path)
      assert.match(await reply.text(), path.includes('sync=') ? /"items":\[\]/ : /chora\.mail\.delivery/, path)
    }
  })

  test('a token with limits sees its syncs alone', async () => {
    const journal = memoryJournal()
    // Before the server starts: it keeps the tokens in memory.
    const headers = bearer(await addToken(journal, { role: 'viewer', scopes: { syncs: ['one'] } }))
    const all = bearer(await addToken(journal, { role: 'viewer' }))
    await using at = await serving(
      [
        entry('chora.a.mine', { requires: [['chora.a.theirs']] }),
        entry('chora.a.both'),
        entry('chora.a.both', { version: '9.0.0' }, { sync: 'two' }),
        entry('chora.a.theirs', { requires: [['chora.a.mine']] }, { sync: 'two' }),
      ],
      journal,
    )
    assert.deepEqual(ids(await at.get(base, headers)), ['chora.a.both', 'chora.a.mine'])
    assert.equal((await at.call(`${base}?sync=two`, { headers })).status, 403)
    assert.equal((await at.call(`${base}/chora.a.theirs`, { headers })).status, 404)
    assert.deepEqual((await at.get<Item>(`${base}/chora.a.both`, headers)).syncs, ['one'])
    assert.deepEqual(ids(await at.get(`${base}/chora.a.mine/dependents`, headers)), [])
    const graph = await at.get<{ cycles: unknown[]; dangling: unknown[] }>(`${base}/graph`, headers)
    assert.deepEqual([graph.cycles.length, graph.dangling.length], [0, 1])
    const both = await at.get<Item>(`${base}/chora.a.both`, all)
    assert.deepEqual([both.version, both.syncs], ['1.0.0', ['one', 'two']])
    assert.equal((await at.get<Item>(`${base}/chora.a.both?sync=two`, all)).version, '9.0.0')
  })

  test('metrics count capabilities and findings', async () => {
    await using at = await serving(shop)
    const text = await at.metrics.text()
    assert.match(text, /\nregista_capabilities\{sync="one",type="service"\} 2\n/)
    assert.match(text, /\nregista_capability_findings\{sync="one",rule="capability\/dangling-dependency"\} 1\n/)
    assert.match(text, /\nregista_capability_findings\{sync="one",rule="capability\/unmet-constraint"\} 1\n/)
  })

  test('metrics are what Prometheus wants', { skip: skipWithout('promtool') }, async () => {
    await using at = await serving(shop)
    execFileSync(findPart('promtool')!, ['check', 'metrics'], { input: await at.metrics.text() })
  })
})
