/** The collector's API in `regista serve`, over HTTP. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { createMemoryJournal } from '../src/database/memory/journal.ts'
import { keyValueTables } from '../src/database/key-value.ts'
import { put } from '../src/engine/journal.ts'
import { deliveries, engineTables, type DeliveryRow } from '../src/engine/tables.ts'
import { delivery } from '../src/engine/testing/journal-rows.ts'
import { systemClock as clock } from '../src/kernel/clock.ts'
import type { Table } from '../src/kernel/table.ts'
import { statusRoutes } from '../src/registries/claims/routes/routes.ts'
import { viewRoutes } from '../src/registries/claims/routes/views.ts'
import { createStatuses } from '../src/registries/claims/statuses/statuses.ts'
import { claimClusters, claimStatuses } from '../src/registries/claims/tables.ts'
import { batchAnswer, shown, snapshotAnswer, type BatchItem } from '../src/registries/claims/wire.ts'
import { tokens } from '../src/server/access/token.ts'
import { serve, type Served } from '../src/server/testing/serve.ts'

const sync = 'registry'
const tables = [...engineTables, ...keyValueTables, tokens, claimStatuses, claimClusters] as unknown as readonly Table[]

async function collector(settings: NonNullable<Parameters<typeof serve>[0]>['settings'] = {}): Promise<Served> {
  const journal = createMemoryJournal({ tables, clock })
  const statuses = createStatuses({ sync, journal, limits: { claims: 1000, clusters: 10, message: 65_536 }, since: 0 })
  const diff = (target: string) => () => {
    const found = {
      path: 'r.yaml',
      diff: `--- ${target}\n`,
      changes: 1,
      unmatched: ['c/x'],
      ambiguous: new Map([['c/y', 'two']]),
    }
    return Promise.resolve(found)
  }
  const files = new Map(['one', 'two'].map((name) => [name, { preview: diff(name), hurry: () => {} }] as const))
  const report = { ok: true, targets: [] }
  const engine = () => ({ pass: () => Promise.resolve(report as never) })
  const routes = [
    ...statusRoutes({ sync, statuses, journal, clock, randomBytes }),
    ...viewRoutes({ sync, journal, engine, files }),
  ]
  return serve({ journal, routes, settings })
}

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString()
const db = { group: 'g.io', kind: 'Db', namespace: 'ns' } as const
const item = (name: string, statusMessage: string, seconds = 0): BatchItem => {
  return { cluster: 'c', claimRef: `ns/${name}`, ...db, name, statusMessage, health: 'active', observedAt: at(seconds) }
}

suite('the collector', () => {
  let served: Served
  before(async () => {
    served = await collector()
  })
  after(() => served[Symbol.asyncDispose]())

  const send = (method: string, path: string, body?: unknown) => served.send(method, path, body)
  const batch = async (items: unknown[], cluster?: string) => {
    const reply = await send('POST', '/api/v1/status/batch', { items, cluster, unknown: 'ignored' })
    assert.equal(reply.status, 200)
    return batchAnswer.parse(await reply.json()).results
  }

  test('takes and lists statuses as the original does, whatever their content type', async () => {
    const body = '{"cluster":"old","CLAIMREF":"ns/a","statusMessage":"<ok>"} and more'
    const reply = await served.call('/api/v1/status', { method: 'POST', body, headers: { 'content-type': 'nonsense' } })
    assert.deepEqual([reply.status, await reply.text()], [201, '{"status":"created"}\n'])
    assert.equal(reply.headers.get('content-type'), 'application/json')
    assert.match(reply.headers.get('x-request-id') ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    const list = await served.call('/api/v1/status/old')
    assert.match(
      await list.text(),
      /^\[\{"cluster":"old","claimRef":"ns\/a","statusMessage":"\\u003cok\\u003e","receivedAt":"[-0-9T:]{19}Z"\}\]\n$/,
    )
    assert.equal(list.headers.get('content-type'), 'application/json')
    const wrong = await served.call('/api/v1/status', { method: 'POST', body: '[]' })
    assert.deepEqual([wrong.status, await wrong.text()], [400, '{"error":"invalid JSON"}\n'])
    assert.equal(wrong.headers.get('content-type'), 'text/plain; charset=utf-8')
    assert.equal(await (await served.call('/api/v1/status/batch')).text(), '[]\n')
    assert.equal((await served.call('/api/v1/status/batch', { method: 'HEAD' })).status, 200)
    assert.equal((await served.call('/api/v1/status', { method: 'PUT' })).status, 405)
  })

  test('takes batches, each item by itself', async () => {
    const results = await batch([
      item('a', 'one', 10),
      { ...item('b', 'x'), observedAt: 'yesterday' },
      { cluster: 'c', claimRef: 'ns/gone', deleted: true },
      item('a', 'one', 20),
      item('a', 'old', 15),
      item('a', 'two', 30),
      7,
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['created', 'rejected', 'absent', 'unchanged', 'older', 'updated', 'rejected'],
    )
    assert.match(results[1]!.detail ?? '', /observedAt/)
    assert.equal(results[4]!.observedAt, at(20))
    assert.deepEqual(await batch([], 'c'), [])
    assert.equal(
      (await send('POST', '/api/v1/status/batch', { items: Array.from({ length: 1001 }, () => 1) })).status,
      400,
    )
    assert.equal((await send('POST', '/api/v1/status/batch', [])).status, 400)
  })

  test('takes all of a cluster at once, and shows it', async () => {
    await batch([{ cluster: 'd', claimRef: 'ns/a', statusMessage: 'x' }])
    const put = async (body: unknown) => {
      const reply = await send('PUT', '/api/v1/clusters/d/snapshot', body)
      assert.equal(reply.status, 200)
      return snapshotAnswer.parse(await reply.json())
    }
    const items = [{ ...item('b', 'new'), cluster: 'd' }]
    const done = await put({ complete: true, of: [{ group: 'g.io', kind: 'Db' }], items })
    assert.deepEqual(done, { created: 1, updated: 0, unchanged: 0, older: 0, removed: 0, rejected: [] })
    // With one that cannot be read, nothing is missed.
    const spoilt = await put({ complete: true, items: [{ ...items[0], cluster: 'e' }, 3] })
    assert.deepEqual([spoilt.removed, spoilt.rejected.map(({ index }) => index)], [0, [0, 1]])
    assert.equal((await put({ complete: true, items })).removed, 1)
    const reply = await send('GET', '/api/v1/clusters/d/snapshot')
    assert.deepEqual(shown.parse(await reply.json()).items, items)
    const headers = { 'if-none-match': reply.headers.get('etag') ?? '' }
    assert.equal((await served.call('/api/v1/clusters/d/snapshot', { headers })).status, 304)
    await batch([{ cluster: 'd', claimRef: 'ns/z', statusMessage: 'x' }])
    assert.equal((await served.call('/api/v1/clusters/d/snapshot', { headers })).status, 200)
    assert.equal((await send('PUT', '/api/v1/clusters/d/snapshot', { items })).status, 400)
  })

  test('removes one, and remembers what was said of it', async () => {
    await batch([
      { ...item('h', 'one'), cluster: 'h' },
      { ...item('h', 'two', 1), cluster: 'h' },
    ])
    const path = '/api/v1/status/h/ns%2Fh'
    assert.equal((await send('DELETE', `${path}?kind=Vm`)).status, 404)
    const removed = await send('DELETE', `${path}?kind=Db&name=h&observedAt=${at(2)}`)
    assert.deepEqual([removed.status, await removed.json()], [200, { status: 'removed' }])
    assert.equal((await send('DELETE', path)).status, 404)
    const { items } = (await (await send('GET', path)).json()) as {
      items: { state: string; history: { type: string; data: { message: string } }[] }[]
    }
    assert.equal(items[0]?.state, 'gone')
    const history = items[0]?.history.map(({ type, data }) => [type, data.message])
    assert.deepEqual(history, [
      ['claim.removed', 'two'],
      ['claim.updated', 'two'],
      ['claim.created', 'one'],
    ])
    assert.equal((await send('GET', '/api/v1/status/h/other')).status, 404)
  })

  test('says when each cluster was last heard of', async () => {
    const before = new Date().toISOString()
    await batch([{ cluster: 'k', claimRef: 'r', statusMessage: 'x' }])
    const first = await clusterNamed('k')
    assert.ok(first.claims === 1 && first.heardAt >= before)
    await batch([], 'k')
    assert.ok((await clusterNamed('k')).heardAt >= first.heardAt)
  })

  const clusterNamed = async (name: string) => {
    const { items } = (await (await send('GET', '/api/v1/clusters')).json()) as {
      items: { cluster: string; claims: number; heardAt: string }[]
    }
    return items.find(({ cluster }) => cluster === name)!
  }

  test('shows what would be proposed, and tries at once', async () => {
    const reply = await send('GET', '/api/v1/preview')
    assert.equal(reply.headers.get('content-type'), 'text/x-diff; charset=utf-8')
    assert.equal(await reply.text(), '--- one\n--- two\n')
    const json = await (await send('GET', '/api/v1/preview?target=two&format=json')).json()
    const two = {
      target: 'two',
      path: 'r.yaml',
      diff: '--- two\n',
      changes: 1,
      unmatched: ['c/x'],
      ambiguous: { 'c/y': 'two' },
    }
    assert.deepEqual(json, { items: [two] })
    assert.equal((await send('GET', '/api/v1/preview?target=none')).status, 404)
    assert.deepEqual(await (await send('POST', '/api/v1/reconcile')).json(), { ok: true, targets: [] })
  })

  test('lists what has no entry', async () => {
    const row = (key: string, reason: string): DeliveryRow => ({
      ...delivery(sync, 'one', key),
      state: 'waiting',
      reason,
    })
    const rows = [row('c/a', 'unmatched'), row('c/g.io/Db/ns/b', 'ambiguous'), row('c/d', 'change-request')]
    await served.journal.commit(rows.map((one) => put(deliveries, one, { type: 'delivery.waiting' })))
    const page = async (path: string) =>
      (await (await send('GET', path)).json()) as { items: object[]; next: string | null }
    const first = await page('/api/v1/unmatched?limit=1')
    assert.deepEqual(first.items, [
      { target: 'one', key: 'c/a', cluster: 'c', claimRef: 'a', reason: 'unmatched', detail: null },
    ])
    const second = await page(first.next!)
    assert.deepEqual([second.items.map((one) => 'kind' in one && one.kind), second.next], [['Db'], null])
  })
})

suite('a token of one cluster', () => {
  test('speaks for that cluster alone', async () => {
    await using served = await collector({ auth: 'tokens' })
    const made = await served.server.request({
      method: 'POST',
      path: '/api/v1/tokens',
      body: { name: 'c', role: 'operator', subject: 'c' },
    })
    let text = ''
    for await (const part of made.body) text += String(part)
    const headers = { authorization: `Bearer ${(JSON.parse(text) as { token: string }).token}` }
    const send = async (method: string, path: string, body?: unknown) => {
      const reply = await served.send(method, path, body, headers)
      return [reply.status, reply.status === 200 ? await reply.json() : null]
    }
    const three = { claimRef: 'r', statusMessage: 'm' }
    assert.equal((await send('POST', '/api/v1/status', { cluster: 'c', ...three }))[0], 201)
    assert.equal((await send('POST', '/api/v1/status', { cluster: 'd', ...three }))[0], 403)
    const items = [
      { cluster: 'c', ...three },
      { cluster: 'd', ...three },
    ]
    const detail = 'the token is limited to another cluster'
    const results = [{ status: 'unchanged' }, { status: 'rejected', detail }]
    assert.deepEqual(await send('POST', '/api/v1/status/batch', { items }), [200, { results }])
    assert.equal((await send('GET', '/api/v1/status/c'))[0], 200)
    for (const path of ['/api/v1/status/d', '/api/v1/clusters/d/snapshot', '/api/v1/status/d/r', '/api/v1/preview']) {
      assert.equal((await send('GET', path))[0], 403, path)
    }
    assert.equal((await send('PUT', '/api/v1/clusters/d/snapshot', { complete: true, items: [] }))[0], 403)
    assert.equal((await send('DELETE', '/api/v1/status/d/r'))[0], 403)
    assert.equal((await send('POST', '/api/v1/reconcile'))[0], 403)
    assert.equal(((await send('GET', '/api/v1/status'))[1] as unknown[]).length, 1)
    assert.equal((await served.send('POST', '/api/v1/status', { cluster: 'c', ...three })).status, 401)
  })
})
