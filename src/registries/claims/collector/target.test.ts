/** A collector as a target, on a ledger in memory and a clock that the test moves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHttp } from '../../../connectors/http/client.ts'
import { root } from '../../../engine/scope.ts'
import type { Entry, Source } from '../../../engine/source.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { isoTime, systemClock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { digestOfStatus, keyOf, type ClaimStatus, type ObjectName } from '../model.ts'
import { createCollectorClient } from './client.ts'
import { postsOf } from './posts.ts'
import { createFakeCollector, type FakeCollector } from '../testing/fake-collector.ts'
import { createInformerGround, type InformerOptions } from '../testing/informer-ground.ts'
import { wireLimits, type PostedStatus } from '../wire.ts'

const cluster = 'prod'
const kind = { group: 'example.org', kind: 'Database' }
const { signal } = new AbortController()

function stage(knows: FakeCollector['knows'] = 'batches', more: Partial<InformerOptions> = {}) {
  const clock = createFakeClock()
  const shown = new Map<string, Entry<ClaimStatus>>()
  const source: Source<ClaimStatus> = {
    scopes: [{ scope: root }],
    absence: 'vouched',
    look: () => Promise.resolve({ saw: 'complete', items: [...shown.values()] }),
  }
  const collector = createFakeCollector(clock)
  collector.knows = knows
  const told = { name: cluster, alive: () => true, covered: () => [kind] }
  const ground = createInformerGround({ source, collector, clock, target: { cluster: told }, ...more })
  return {
    clock,
    collector,
    ground,
    restart: () => createInformerGround({ source, collector, clock, target: { cluster: told }, ...more }),
    show(name: string, message: string, object: Partial<ObjectName> = {}) {
      const of = { ...kind, namespace: 'a', name, ...object }
      const names = { cluster, claimRef: `${of.namespace}/${name}`, object: of }
      const item: ClaimStatus = { ...names, message, health: 'active', observedAt: clock.now() }
      const key = keyOf(names)
      shown.set(key, { key, digest: digestOfStatus(item), label: 'active', item, note: { generation: 4 } })
      return key
    },
    hide: (key: string) => void shown.delete(key),
    async pass(allowDeletes = 100) {
      const report = await clock.drive(ground.pass({ allowDeletes }))
      return report.targets[0]!
    },
    paths: () => collector.asked.map(({ method, path }) => `${method} ${path}`),
    posts: () => collector.asked.filter(({ method }) => method !== 'GET').length,
  }
}

test('all that is new goes in one batch, with everything that is known of it; nothing new, nothing goes', async () => {
  const { show, hide, pass, collector, paths, posts, clock } = stage()
  const key = show('one', 'fine')
  show('two', 'creating')
  await pass()
  assert.deepEqual(paths(), ['GET /api/v1/clusters/prod/snapshot', 'POST /api/v1/status/batch'])
  assert.deepEqual(collector.came[0], {
    cluster,
    claimRef: 'a/one',
    statusMessage: 'fine',
    health: 'active',
    ...kind,
    namespace: 'a',
    name: 'one',
    observedAt: isoTime(clock.now()),
    generation: 4,
  })
  await pass()
  assert.equal(posts(), 1)
  hide(key)
  await pass()
  assert.deepEqual(collector.messages(), { 'a/two': 'creating' })
})

test('the original gets one post for each, and is told of deletions in words', async () => {
  const { show, hide, pass, collector, ground, posts } = stage('old')
  const key = show('one', 'fine')
  show('two', 'creating')
  await pass()
  assert.deepEqual(collector.messages(), { 'a/one': 'fine', 'a/two': 'creating' })
  assert.deepEqual(Object.values(await ground.states()), ['applied', 'applied'])
  await pass()
  assert.equal(posts(), 2, 'asked what it holds, it is never sent a batch')
  hide(key)
  await pass()
  assert.deepEqual(collector.messages(), { 'a/one': 'the claim was deleted', 'a/two': 'creating' })
  assert.deepEqual(Object.keys(await ground.states()).length, 1)
})

test('a collector that turns out to know no batches in mid-pass gets posts', async () => {
  const { show, pass, collector } = stage()
  show('one', 'fine')
  await pass()
  collector.knows = 'old'
  show('one', 'worse')
  await pass()
  assert.equal(collector.messages()['a/one'], 'worse')
})

test('two kinds under one claimRef: the original gets one of them, and the other when that is gone', async () => {
  const { show, hide, pass, collector, ground, clock } = stage('old')
  const first = show('one', 'a database')
  const other = show('one', 'a network', { kind: 'Network' })
  await pass()
  assert.deepEqual(collector.messages(), { 'a/one': 'a database' })
  assert.equal((await ground.states())[other], 'waiting')
  hide(first)
  await pass()
  await clock.advance(600_000)
  await pass()
  assert.deepEqual(collector.messages(), { 'a/one': 'a network' })
  assert.deepEqual(await ground.states(), { [other]: 'applied' })
})

test('the original is not told of a deletion twice', async () => {
  const { show, hide, pass, collector, ground } = stage('old')
  const key = show('one', 'fine')
  await pass()
  hide(key)
  // Told by a process that died before it could record that.
  collector.put({ cluster, claimRef: 'a/one', statusMessage: 'the claim was deleted' })
  await pass()
  assert.deepEqual([collector.came.length, await ground.states()], [1, {}])
})

test('a collector that lost its memory gets everything again; one that has it, nothing', async () => {
  for (const knows of ['old', 'batches'] as const) {
    const { show, pass, collector, clock, restart } = stage(knows)
    show('one', 'fine')
    show('two', 'creating')
    await pass()
    const before = collector.came.length
    // Another process, without a ledger.
    const again = restart()
    await clock.drive(again.pass())
    assert.equal(collector.came.length, before, knows)
    assert.deepEqual(Object.values(await again.states()), ['applied', 'applied'])
    collector.forget()
    await clock.drive(again.pass())
    assert.deepEqual(collector.messages(), { 'a/one': 'fine', 'a/two': 'creating' }, knows)
  }
})

test('what it holds of our kinds and no claim is left of goes, and nothing else', async () => {
  const { show, pass, collector, clock } = stage()
  const status = { cluster, statusMessage: 'fine', health: 'active', namespace: 'a' } as const
  collector.put({ ...status, ...kind, name: 'left', claimRef: 'a/left' })
  collector.put({ ...status, group: 'other.org', kind: 'Thing', name: 'theirs', claimRef: 'a/theirs' })
  collector.put({ ...status, ...kind, cluster: 'dev', name: 'far', claimRef: 'a/far' })
  show('one', 'fine')
  await pass()
  await clock.advance(60_000)
  await pass()
  assert.deepEqual(Object.keys(collector.messages()).toSorted(), ['a/far', 'a/one', 'a/theirs'])
})

test('observed earlier than what is held, by whichever clock, what is so now counts', async () => {
  const { show, hide, pass, collector, clock, ground } = stage()
  const key = show('one', 'fine')
  const ahead = isoTime(clock.now() + 3_600_000)
  collector.put({
    cluster,
    claimRef: 'a/one',
    statusMessage: 'old',
    ...kind,
    namespace: 'a',
    name: 'one',
    observedAt: ahead,
  })
  await pass()
  assert.equal(collector.messages()['a/one'], 'fine')
  hide(key)
  await pass()
  assert.deepEqual([collector.messages(), await ground.states()], [{}, {}])
})

test('one that is refused does not hold up the others', async () => {
  for (const knows of ['old', 'batches'] as const) {
    const { show, pass, collector, ground } = stage(knows)
    const empty = show('empty', '')
    show('one', 'fine')
    await pass()
    assert.deepEqual(collector.messages(), { 'a/one': 'fine' })
    assert.equal((await ground.states())[empty], 'rejected')
  }
})

test('a collector that is away or refuses us is unavailable as a whole, in words that help', async () => {
  const { show, pass, collector } = stage()
  show('one', 'fine')
  collector.down = true
  assert.match((await pass()).detail!, /collector collector\.example:8095: the connection failed \(ECONNREFUSED\)/)
  collector.down = false
  collector.answers = { status: 403 }
  assert.match((await pass()).detail!, /HTTP 403; check the token/)
  collector.answers = { status: 301, headers: { location: 'https://other.example/x?y' } }
  assert.match((await pass()).detail!, /redirects to https:\/\/other\.example\/x: name that address/)
  collector.answers = { status: 200, body: '<html>' }
  assert.match((await pass()).detail!, /no JSON/)
  collector.answers = null
  assert.equal((await pass()).state, 'ok')
  assert.deepEqual(collector.messages(), { 'a/one': 'fine' })
})

test('batches are as large as may be, and smaller where that is refused', async () => {
  const { show, pass, collector } = stage()
  for (let n = 0; n < 8; n += 1) show(`claim-${n}`, 'x'.repeat(1000))
  const request = collector.http.request.bind(collector.http)
  const sizes: number[] = []
  Object.assign(collector.http, {
    request: async (ask: Parameters<typeof request>[0], on: AbortSignal) => {
      const size = typeof ask.body === 'string' ? ask.body.length : 0
      sizes.push(size)
      if (size <= 3_000) return request(ask, on)
      const bytes = () => Promise.resolve(Buffer.alloc(0))
      return { status: 413, headers: {}, bytes, chunks: () => [] as never, dump() {} }
    },
  })
  await pass()
  assert.equal(Object.keys(collector.messages()).length, 8)
  assert.ok(Math.max(...sizes.slice(-2)) <= 3_000)
  const post = (message: string) => {
    const item: PostedStatus = { cluster, claimRef: 'a/one', statusMessage: message }
    return { change: { key: 'k', op: 'put' as const, effectId: '' }, item }
  }
  const long = Array.from({ length: 200 }, () => post('é'.repeat(32_000)))
  for (const part of postsOf(long)) {
    assert.ok(Buffer.byteLength(JSON.stringify({ items: part.map(({ item }) => item) })) <= wireLimits.batchBytes)
  }
  const counts = postsOf(Array.from({ length: 2500 }, () => post('a'))).map((part) => part.length)
  assert.deepEqual(counts, [1000, 1000, 500])
})

test('shows that its cluster lives, and tells everything anew from time to time', async () => {
  const alive = { now: true }
  const told = { name: cluster, alive: () => alive.now, covered: () => [kind] }
  const on = stage('batches', { target: { cluster: told, every: 300_000 } })
  const { show, collector, clock, ground, paths } = on
  show('one', 'fine')
  ground.engine.start()
  await clock.advance(100_000)
  const signs = () => paths().filter((path) => path === 'POST /api/v1/status/batch').length
  const before = signs()
  assert.ok(before >= 3, `${before} after 100 s`)
  assert.deepEqual(collector.asked.at(-1)!.body, { cluster, items: [] })
  alive.now = false
  await clock.advance(100_000)
  assert.equal(signs(), before)
  alive.now = true
  collector.put({ cluster, claimRef: 'a/x', statusMessage: 'left', ...kind, namespace: 'a', name: 'x' })
  await clock.advance(200_000)
  assert.ok(paths().includes('PUT /api/v1/clusters/prod/snapshot'))
  assert.deepEqual(collector.messages(), { 'a/one': 'fine' })
  await clock.drive(ground.engine.stop(1_000))
})

test('while anything waits or is held, no snapshot is taken for the truth', async () => {
  const told = { name: cluster, alive: () => true, covered: () => [kind] }
  const { show, hide, collector, clock, ground, paths } = stage('batches', {
    target: { cluster: told, every: 100_000 },
    spec: { budget: { least: 0, share: 0, over: 3_600_000 }, targetEvery: 3_600_000 },
  })
  const key = show('one', 'fine')
  show('two', 'fine')
  ground.engine.start()
  await clock.advance(70_000)
  hide(key)
  await clock.advance(600_000)
  assert.equal((await ground.states())[key], 'held')
  assert.equal(paths().filter((path) => path.startsWith('PUT ')).length, 0)
  assert.deepEqual(Object.keys(collector.messages()).length, 2)
  await clock.drive(ground.engine.stop(1_000))
})

test('over a socket: base path, trailing slash, a token that is read anew each time', async () => {
  const collector = createFakeCollector(systemClock, '/behind/proxy')
  await using listening = await collector.listen()
  const http = createHttp({ clock: systemClock, userAgent: 'regista' })
  const tokens = ['first', 'second']
  const token = () => Promise.resolve(tokens.shift() ?? null)
  const client = createCollectorClient({ url: `${listening.url}/`, http, clock: systemClock, token })
  const status = { cluster, claimRef: 'a/one', statusMessage: 'fine' }
  assert.equal(await client.post(status, signal), null)
  assert.equal((await client.batch({ items: [status] }, signal))![0] !== undefined, true)
  const held = await client.held(cluster, null, signal)
  assert.ok(held !== null && held !== 'unchanged')
  assert.equal(await client.held(cluster, held.etag, signal), 'unchanged')
  assert.deepEqual(
    collector.asked.map(({ path, authorization }) => [path, authorization]),
    [
      ['/behind/proxy/api/v1/status', 'Bearer first'],
      ['/behind/proxy/api/v1/status/batch', 'Bearer second'],
      ['/behind/proxy/api/v1/clusters/prod/snapshot', undefined],
      ['/behind/proxy/api/v1/clusters/prod/snapshot', undefined],
    ],
  )
  assert.match((await client.post({ ...status, statusMessage: '' }, signal)) ?? '', /HTTP 400 .*are required/)
  await listening[Symbol.asyncDispose]()
  const refused = (error: unknown) => error instanceof AppError && error.code === 'target.unavailable'
  await assert.rejects(client.statuses(cluster, signal), refused)
  await http.close()
})
