/** The API over a ledger with something in it. Every answer is also held against its published schema. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, suite, test } from 'node:test'
import { everyRoute } from '../scripts/openapi.ts'
import { serve, type Served } from '../src/server/testing/serve.ts'
import { facts } from '../src/server/testing/ledger.ts'

type Row = Record<string, unknown>
interface Page {
  items: Row[]
  next: string | null
}

const routes = await everyRoute()

let served: Served
let checked = 0

/** JSON of an answer that must be what the OpenAPI document promises, no field more. */
async function json<T = Row>(method: string, path: string, body?: unknown, status = 200): Promise<T> {
  const reply = await served.send(method, path, body)
  const value: unknown = await reply.json()
  assert.equal(reply.status, status, JSON.stringify(value))
  const bare = path.split('?')[0]!
  const declared = routes.find(
    (one) => one.method === method && new RegExp(`^${one.path.replace(/:\w+/g, '[^/]+')}$`).test(bare),
  )
  if (status === 200 && declared?.response) {
    assert.deepEqual(declared.response.parse(value), value, `${method} ${declared.path} shows what is not documented`)
    checked += 1
  }
  return value as T
}

const get = <T = Row>(path: string, status = 200) => json<T>('GET', `/api/v1${path}`, undefined, status)
const list = (path: string) => get<Page & Row>(path)

async function pages(first: string): Promise<Row[][]> {
  const found: Row[][] = []
  let next: string | null = `/api/v1${first}`
  while (next !== null) {
    const page: Page = await json<Page & Row>('GET', next)
    found.push(page.items)
    next = page.next
    assert.ok(found.length < 100, 'the pages do not end')
  }
  return found
}

suite('api', () => {
  before(async () => {
    served = await serve()
    const numbered = Array.from({ length: 25 }, (_, at) => `k${String(at).padStart(2, '0')}`)
    await served.journal.commit([
      facts.sync(),
      facts.sync({ sync: 'gone', state: 'orphaned' }),
      facts.scope(),
      facts.scope({ scope: 'a', state: 'unavailable', why: 'source-unavailable', detail: 'refused' }),
      facts.target({ cursor: 1000 }),
      facts.target({ target: 'u', state: 'unavailable', detail: 'no route' }),
      ...numbered.map((key) => facts.entry({ key })),
      facts.entry({ key: 'other', scope: 'a', state: 'gone' }),
      ...numbered.map((key) => facts.delivery({ key })),
      facts.delivery({ key: 'k03', target: 'u', state: 'failed', detail: 'timed out', attempts: 3 }),
      facts.delivery({ key: 'k04', target: 'u', state: 'held', op: 'delete', reason: 'removal-budget' }),
      facts.hold({ id: 'h4', key: 'k04', target: 'u' }),
      facts.hold({ id: 'h5', key: 'k05', state: 'released', by: 'token:me' }),
      facts.hold({ id: 'h6', key: 'k06', sync: 'two', reason: 'approval' }),
    ])
  })
  after(async () => {
    assert.ok(checked > 30, `only ${checked} answers were held against their schema`)
    await served[Symbol.asyncDispose]()
  })

  test('syncs: those that run and those the ledger knows from before', async () => {
    const { items } = await list('/syncs')
    assert.deepEqual(
      items.map(({ sync, state, owner }) => [sync, state, owner]),
      [
        ['gone', 'orphaned', false],
        ['one', 'active', true],
        ['two', 'active', true],
      ],
    )
    assert.deepEqual(
      (await pages('/syncs?limit=2')).map((page) => page.map(({ sync }) => sync)),
      [['gone', 'one'], ['two']],
    )
    const one = await get('/syncs/one')
    assert.deepEqual(one['counts'], {
      scopes: { ok: 1, unavailable: 1 },
      entries: { live: 25, gone: 1 },
      deliveries: { applied: 25, failed: 1, held: 1 },
      holds: 1,
    })
    assert.deepEqual(
      (one['targets'] as Row[]).map(({ target, unsettled }) => [target, unsettled]),
      [
        ['t', {}],
        ['u', { failed: 1, held: 1 }],
      ],
    )
    assert.equal((await get('/syncs/nope', 404))['code'], 'request.not-found')
  })

  test('what is counted follows the ledger', async () => {
    await served.journal.commit([facts.scope({ sync: 'two' })])
    const count = async () => ((await get('/syncs/two'))['counts'] as Row)['scopes']
    assert.deepEqual(await count(), { ok: 1 })
    await served.journal.commit([facts.scope({ sync: 'two', state: 'gone' })])
    assert.deepEqual(await count(), { gone: 1 })
  })

  test('lists: filters, pages, no items unless asked for', async () => {
    const all = await pages('/entries?sync=one&limit=7')
    assert.deepEqual(
      all.map((page) => page.length),
      [7, 7, 7, 5],
    )
    assert.equal(new Set(all.flat().map(({ scope, key }) => `${String(scope)} ${String(key)}`)).size, 26)
    const [plain] = (await list('/entries?key=k03')).items
    assert.deepEqual([plain!['key'], plain!['item']], ['k03', null])
    assert.deepEqual((await list('/entries?key=k03&items=true')).items[0]!['item'], { much: 'text' })
    assert.equal((await list('/entries?prefix=k1')).items.length, 10)
    assert.equal((await list('/entries?state=gone')).items.length, 1)
    assert.equal((await list('/entries?scope=a')).items.length, 1)
    assert.equal((await list('/scopes?state=unavailable')).items.length, 1)
    assert.equal((await list('/targets?sync=one&state=ok')).items.length, 1)
    assert.equal((await list('/deliveries?target=u')).items.length, 2)
    assert.equal((await list('/deliveries?state=failed&state=held')).items.length, 2)
    assert.equal((await list('/deliveries?key=k03&sync=one')).items.length, 2)
    assert.equal((await list('/deliveries?sync=two')).items.length, 0)
  })

  test('a cursor is good for its own query alone', async () => {
    const { next } = await list('/entries?limit=3')
    assert.equal((await fetch(served.addresses.url + next!)).status, 200)
    for (const change of [next!.replace('/entries', '/deliveries'), `${next}&state=gone`, `${next}x`]) {
      const reply = await fetch(served.addresses.url + change)
      assert.equal(reply.status, 400, change)
    }
    assert.equal((await fetch(`${served.addresses.url + next}&limit=1000`)).status, 400)
    assert.equal((await served.call('/api/v1/entries?limit=1001')).status, 400)
  })

  test('a list that has not changed is not sent again', async () => {
    for (const path of ['/api/v1/entries', '/api/v1/holds', '/api/v1/events']) {
      const tag = (await served.call(path)).headers.get('etag')!
      const headers = { 'if-none-match': tag }
      const same = await served.call(path, { headers })
      assert.deepEqual([same.status, await same.text(), same.headers.get('etag')], [304, '', tag])
      await served.journal.commit([facts.scope({ scope: path })])
      assert.equal((await served.call(path, { headers })).status, 200)
    }
  })

  test('holds: shown, released one by one and together', async () => {
    assert.deepEqual(
      (await list('/holds')).items.map(({ id }) => id),
      ['h4', 'h6'],
    )
    assert.deepEqual(
      (await list('/holds?state=released')).items.map(({ id }) => id),
      ['h5'],
    )
    assert.deepEqual((await list('/holds?sync=one&reason=removal-budget&target=u&key=k04')).items.length, 1)
    assert.equal((await get('/holds/h4'))['key'], 'k04')
    assert.equal((await get('/holds/h9', 404))['code'], 'request.not-found')
    served.engine.held.add('h4').add('h6')
    assert.deepEqual(await json('POST', '/api/v1/holds/h4/release'), { released: ['h4'], unknown: [] })
    assert.equal((await json('POST', '/api/v1/holds/h4/release', undefined, 404))['code'], 'request.not-found')
    assert.deepEqual(await json('POST', '/api/v1/holds/release', { holds: ['h6', 'h4', 'h9', 'h6'] }), {
      released: ['h6'],
      unknown: ['h4', 'h9'],
    })
    await json('POST', '/api/v1/holds/release', { holds: [] }, 400)
  })

  test('events: newest first, or on from a position; filters; pages', async () => {
    const head = (await served.journal.head()).seq
    const newest = await list('/events?limit=2')
    assert.deepEqual(
      newest.items.map(({ seq }) => seq),
      [head, head - 1],
    )
    const down = (await pages('/events?limit=9')).flat().map(({ seq }) => seq)
    assert.deepEqual(
      down,
      Array.from({ length: head }, (_, at) => head - at),
    )
    const up = (await pages('/events?after=5&limit=9')).flat().map(({ seq }) => seq)
    assert.deepEqual(
      up,
      Array.from({ length: head - 5 }, (_, at) => at + 6),
    )
    assert.equal((await list('/events?type=hold.')).items.length, 3)
    assert.equal((await list('/events?type=hold.placed&sync=two')).items.length, 1)
    assert.equal((await list('/events?target=u')).items.length, 4)
    assert.equal((await list('/events?key=k03')).items.length, 3)
    const [{ at }] = newest.items as [{ at: number }]
    assert.ok((await list(`/events?since=${at}`)).items.length > 0)
    assert.equal((await list(`/events?since=${at + 1}`)).items.length, 0)
  })

  test('explain: one answer about a key', async () => {
    const answer = await get('/explain?key=k03')
    const [one, ...rest] = answer['syncs'] as Row[]
    assert.equal(rest.length, 0)
    assert.equal((one!['entries'] as Row[]).length, 1)
    assert.equal((one!['events'] as Row[]).length, 3)
    assert.deepEqual(
      (one!['targets'] as Row[]).map(({ target, sentence }) => [target, sentence]),
      [
        ['t', 't holds v1, as the source wants it.'],
        [
          'u',
          'Giving k03 to u failed 3 times: timed out. The target does not answer (no route); when it does, the next pass tries again.',
        ],
      ],
    )
    const held = ((await get('/explain?key=k04&sync=one'))['syncs'] as Row[])[0]!['targets'] as Row[]
    assert.match(String(held[1]!['sentence']), /is held: more removals at once .* regista release h4/)
    assert.equal((held[1]!['hold'] as Row)['id'], 'h4')
    assert.deepEqual((await get('/explain?key=unheard'))['syncs'], [])
    await get('/explain?key=k03&sync=nope', 404)
  })
})

suite('what people ask syncs to do', () => {
  before(async () => {
    served = await serve()
    await served.journal.commit([facts.sync({ sync: 'gone', state: 'orphaned' })])
  })
  beforeEach(() => {
    ;(served.engine.calls as unknown[]).length = 0
  })
  after(() => served[Symbol.asyncDispose]())

  test('sync and plan, with and without options', async () => {
    assert.equal((await json('POST', '/api/v1/syncs/one/sync'))['ok'], true)
    await json('POST', '/api/v1/syncs/one/sync', { allowDeletes: 4, only: [{ scope: 's', key: 'k' }, { scope: 'r' }] })
    assert.deepEqual(await json('POST', '/api/v1/syncs/one/sync', { wait: false }, 202), { sync: 'one' })
    const planned = await json('POST', '/api/v1/syncs/one/plan', { allowDeletes: 1 })
    assert.deepEqual([planned['total'], (planned['changes'] as Row[]).length], [1, 1])
    assert.deepEqual(served.engine.calls, [
      ['pass', 'one', { why: 'asked' }],
      ['pass', 'one', { why: 'asked', allowDeletes: 4, only: [{ scope: 's', key: 'k' }, { scope: 'r' }] }],
      ['pass', 'one', { why: 'asked' }],
      ['plan', 'one', { allowDeletes: 1 }],
    ])
    await json('POST', '/api/v1/syncs/one/sync', { allowDeletes: -1 }, 400)
    await json('POST', '/api/v1/syncs/gone/sync', undefined, 404)
  })

  test('pause, resume, forget', async () => {
    assert.equal((await json('POST', '/api/v1/syncs/one/pause'))['state'], 'paused')
    assert.equal((await json('POST', '/api/v1/syncs/one/resume'))['state'], 'active')
    assert.deepEqual(await json('POST', '/api/v1/syncs/gone/forget', { target: 't' }), { forgotten: 3 })
    assert.deepEqual(await json('POST', '/api/v1/syncs/gone/forget'), { forgotten: 3 })
    assert.deepEqual(served.engine.calls, [
      ['pause', 'one', 'anonymous'],
      ['resume', 'one', 'anonymous'],
      ['forget', { sync: 'gone', target: 't' }, 'anonymous'],
      ['forget', { sync: 'gone' }, 'anonymous'],
    ])
    for (const action of ['pause', 'resume', 'forget']) {
      await json('POST', `/api/v1/syncs/nope/${action}`, undefined, 404)
    }
  })
})
