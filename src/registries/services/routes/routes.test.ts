import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../kernel/clock.ts'
import { memoryJournal } from '../../../server/testing/serve.ts'
import { put } from '../../../engine/journal.ts'
import { services as registry } from '../index.ts'
import { preservations } from '../tables.ts'
import type { Service } from './shown.ts'
import { addToken, bearer } from '../../../server/testing/tokens.ts'
import { serveServices, type ServedServices } from './testing/served.ts'

type Problem = {
  readonly code: string
  readonly detail: string
  readonly errors?: { pointer: string; detail: string }[]
}
type Events = {
  readonly items: { event_type: string; seq: number; service_id: string; reason: string }[]
  last_seq: number
}

async function family(at: ServedServices): Promise<void> {
  await at.ask('POST', '/pollers', { poller_id: 'p1' })
  await at.ask('POST', '/agents', { agent_id: 'a1', poller_id: 'p1' })
  await at.ask('POST', '/checkers', { checker_id: 'snmp@a1', agent_id: 'a1', checker_kind: 'snmp' })
}

test('a registration is 201, the same again 200, another 409 with what differs', async () => {
  await using at = await serveServices()
  const body = { poller_id: 'p1', metadata: { site: 'north' }, interval: '10s' }
  const first = await at.ask('POST', '/pollers', body)
  assert.equal(first.status, 201)
  assert.deepEqual(first.body, {
    result: 'registered',
    service_type: 'poller',
    service_id: 'p1',
    status: 'pending',
    version: 1,
  })
  assert.equal(first.headers.get('location'), '/api/admin/services/pollers/p1')
  assert.equal(first.headers.get('etag'), '"1"')
  const again = await at.ask('POST', '/poller', body)
  assert.deepEqual([again.status, (again.body as { result: string }).result], [200, 'unchanged'])
  const other = await at.ask('POST', '/pollers', { ...body, metadata: { site: 'south' } })
  assert.deepEqual([other.status, (other.body as Problem).code], [409, 'services.exists'])
  assert.match(JSON.stringify(other.body), /south/)
})

test('what came by a heartbeat is claimed', async () => {
  await using at = await serveServices()
  assert.equal((await at.beat('poller', 'p1', { from: '10.0.0.1' })).result, 'registered')
  const claimed = await at.ask('POST', '/pollers', { poller_id: 'p1', component_id: 'package-1' })
  assert.deepEqual([claimed.status, (claimed.body as { result: string }).result], [200, 'claimed'])
  const shown = (await at.ask('GET', '/pollers/p1')).body as Service
  assert.deepEqual([shown.registration_source, shown.component_id, shown.status], ['config', 'package-1', 'active'])
  assert.notEqual(shown.first_seen, null)
})

test('a body that is wrong is refused with everything that is wrong with it', async () => {
  await using at = await serveServices()
  const { status, body } = await at.ask('POST', '/checkers', {
    checker_id: ' c',
    registration_source: 'implicit',
    metadata: { a: 1 },
    interval: 30,
    created_by: 'me',
    spiffe_identity: 'spiffe://',
  })
  assert.equal(status, 400)
  assert.deepEqual((body as Problem).errors!.map(({ pointer }) => pointer).toSorted(), [
    '/agent_id',
    '/checker_id',
    '/created_by',
    '/interval',
    '/metadata/a',
    '/registration_source',
    '/spiffe_identity',
  ])
  for (const wrong of ['text', 5, null]) assert.equal((await at.ask('POST', '/pollers', wrong)).status, 400)
  assert.equal((await at.ask('POST', '/gateways', { id: 'x' })).status, 400)
  assert.equal((await at.ask('POST', '/agents', { agent_id: 'a', poller_id: 'nobody' })).status, 409)
  await family(at)
  const elsewhere = { checker_id: 'c', agent_id: 'a1', poller_id: 'p2' }
  assert.equal(((await at.ask('POST', '/checkers', elsewhere)).body as Problem).code, 'services.parent')
})

test('a batch answers for each that is not registered', async () => {
  await using at = await serveServices()
  await at.ask('POST', '/pollers', { poller_id: 'p1' })
  const services = [{ poller_id: 'p0' }, { poller_id: 'p1' }, { poller_id: '' }, { poller_id: 'p1', component_id: 'c' }]
  for (const body of [services, { services }]) {
    const { status, body: answer } = await at.ask('POST', '/pollers', body)
    assert.equal(status, 200)
    const { items, ...counts } = answer as { items: { index: number; result: string; code?: string }[] }
    const fresh = body === services
    assert.deepEqual(counts, { registered: fresh ? 1 : 0, claimed: 0, unchanged: fresh ? 1 : 2, refused: 2 })
    assert.deepEqual(
      items.map(({ index, result, code }) => [index, result, code]),
      [
        ...(fresh ? [] : [[0, 'unchanged', undefined]]),
        [1, 'unchanged', undefined],
        [2, 'refused', 'request.invalid'],
        [3, 'refused', 'services.exists'],
      ],
    )
  }
  const many = Array.from({ length: 1001 }, (_, n) => ({ poller_id: `x${n}` }))
  assert.equal((await at.ask('POST', '/pollers', many)).status, 400)
})

test('one service, with its parents, children, events, and its version as ETag', async () => {
  await using at = await serveServices()
  await family(at)
  await at.beat('agent', 'a1', { parent: 'p1', healthy: false })
  const { headers, body } = await at.ask('GET', '/agents/a1')
  const shown = body as Service & { parents: unknown; children: unknown; events: Events['items'] }
  assert.deepEqual(
    [shown.poller_id, shown.agent_id, shown.status, shown.health, shown.checker_count],
    ['p1', 'a1', 'active', 'unhealthy', 1],
  )
  assert.deepEqual(shown.parents, [{ service_type: 'poller', service_id: 'p1', status: 'pending', silent: false }])
  assert.deepEqual(shown.children, { pending: 1 })
  assert.deepEqual(
    shown.events.map(({ event_type: type }) => type),
    ['activated', 'registered'],
  )
  const etag = headers.get('etag')!
  assert.equal((await at.send('GET', '/api/admin/services/agent/a1', undefined, { 'if-none-match': etag })).status, 304)
  const checker = (await at.ask('GET', '/checkers/snmp%40a1')).body as Service
  assert.deepEqual([checker.poller_id, checker.agent_id, checker.checker_kind], ['p1', 'a1', 'snmp'])
  assert.equal((await at.ask('GET', '/agents/nobody')).status, 404)
})

test('an edit changes what it names, at the version that it was meant for', async () => {
  await using at = await serveServices()
  await family(at)
  await at.ask('POST', '/pollers', { poller_id: 'p2' })
  const etag = (await at.ask('GET', '/agents/a1')).headers.get('etag')!
  const edit = {
    metadata: { site: 'x' },
    interval: '10s',
    inactive_after: '1h',
    spiffe_identity: 'spiffe://td/ns/edge/a1',
  }
  const edited = (await at.ask('PATCH', '/agents/a1', edit, { 'if-match': etag })).body as Service
  assert.deepEqual({ ...edit, ...edited }, edited)
  assert.equal((await at.ask('PATCH', '/agents/a1', { interval: null }, { 'if-match': etag })).status, 412)
  const moved = (await at.ask('PATCH', '/agents/a1', { parent_id: 'p2' })).body as Service
  assert.deepEqual([moved.poller_id, moved.interval], ['p2', '10s'])
  assert.equal(((await at.ask('GET', '/checkers/snmp%40a1')).body as Service).poller_id, 'p2')
  assert.equal((await at.ask('PATCH', '/pollers/p1', { parent_id: 'p2' })).status, 400)
  assert.equal((await at.ask('PATCH', '/agents/a1', { parent_id: 'nobody' })).status, 409)
})

test('defect 3: a status is one of those that there are, and only where life has that way; a reason is a must', async () => {
  await using at = await serveServices()
  await family(at)
  const set = (status: unknown, more: object = { reason: 'r' }) =>
    at.ask('POST', '/agents/a1/status', { status, ...more })
  for (const wrong of ['gone', 'pending', 'ACTIVE', '', 5, null]) assert.equal((await set(wrong)).status, 400)
  for (const more of [{}, { reason: '' }]) assert.equal((await set('revoked', more)).status, 400)
  const refused = await set('active')
  assert.deepEqual([refused.status, (refused.body as Problem).code], [409, 'services.transition'])
  const revoked = await set('revoked', { reason: 'stolen' })
  assert.deepEqual([revoked.status, (revoked.body as { result: string }).result], [200, 'done'])
  const beat = await at.beat('agent', 'a1', { parent: 'p1' })
  assert.deepEqual([beat.result, beat.why], ['refused', 'service-revoked'])
  const { items } = (await at.ask('GET', '/events?service=agent/a1')).body as Events
  assert.deepEqual([items[0]!.event_type, items[0]!.reason], ['revoked', 'stolen'])
})

test('statuses by id alone, by PUT as by POST; where an id is of several, the type has to be said', async () => {
  await using at = await serveServices()
  await family(at)
  assert.equal((await at.ask('PUT', '/a1/status', { status: 'revoked', reason: 'r' })).status, 200)
  assert.equal(((await at.ask('GET', '/agents/a1')).body as Service).status, 'revoked')
  assert.equal((await at.ask('PUT', '/agent/a1/status', { status: 'active', reason: 'r' })).status, 200)
  assert.equal(((await at.ask('GET', '/agents/a1')).body as Service).status, 'pending')
  await at.ask('POST', '/pollers', { poller_id: 'a1' })
  const both = await at.ask('PUT', '/a1/status', { status: 'revoked', reason: 'r' })
  assert.equal(both.status, 409)
  assert.match((both.body as Problem).detail, /a poller and an agent/)
  assert.equal((await at.ask('PUT', '/a1/status', { status: 'revoked', reason: 'r', type: 'pollers' })).status, 200)
  assert.equal((await at.ask('PUT', '/nobody/status', { status: 'revoked', reason: 'r' })).status, 404)
})

test('a service may be named like a part of a path', async () => {
  await using at = await serveServices()
  for (const id of ['status', 'events', 'a/b', 'é ü', 'x'.repeat(256)]) {
    assert.equal((await at.ask('POST', '/pollers', { poller_id: id })).status, 201)
    const { status, body } = await at.ask('GET', `/pollers/${encodeURIComponent(id)}`)
    assert.deepEqual([status, (body as Service).service_id], [200, id])
  }
})

test('deleted, brought back, and removed for good', async () => {
  await using at = await serveServices()
  await family(at)
  const remove = (query = '') => at.ask('DELETE', `/pollers/p1${query}`)
  assert.equal((await remove()).status, 409)
  assert.equal(
    (await at.ask('POST', '/pollers/p1/status', { status: 'deleted', reason: 'r', cascade: true })).status,
    200,
  )
  assert.equal((await at.ask('POST', '/pollers/p1/undelete', { reason: 'r', cascade: true })).status, 200)
  assert.equal(((await at.ask('GET', '/checkers/snmp%40a1')).body as Service).status, 'pending')
  assert.equal((await remove('?force=true')).status, 409)
  const gone = await remove('?force=true&cascade=true')
  assert.equal(gone.status, 200)
  const { count, services } = gone.body as { count: number; services: { service_id: string; status: null }[] }
  assert.equal(count, 3)
  assert.deepEqual(services.map(({ service_id: id }) => id).toSorted(), ['a1', 'p1', 'snmp@a1'])
  assert.equal((await at.ask('GET', '/pollers/p1')).status, 404)
})

test('purge says what it would do, and does it when it is told to', async () => {
  await using at = await serveServices()
  await at.ask('POST', '/pollers', { poller_id: 'p1' })
  for (const body of [undefined, { retention_days: 0 }, { retention_days: 0, dry_run: true }]) {
    const { status, body: answer } = await at.ask('POST', '/purge', body)
    const { dry_run: dry, due, purged } = answer as { dry_run: boolean; due: number; purged: number }
    assert.deepEqual([status, dry, due, purged], [200, true, body === undefined ? 0 : 1, 0])
  }
  const done = (await at.ask('POST', '/purge', { retention_days: 0, dry_run: false })).body as { purged: number }
  assert.equal(done.purged, 1)
  assert.equal((await at.ask('GET', '/pollers/p1')).status, 404)
})

test('events: filters, pages, what comes next', { timeout: 60_000 }, async () => {
  await using at = await serveServices()
  await family(at)
  await at.ask('POST', '/agents/a1/status', { status: 'revoked', reason: 'r' })
  const types = async (query: string) => {
    const { items } = (await at.ask('GET', `/events${query}`)).body as Events
    return items.map(({ event_type: type, service_id: id }) => `${type} ${id}`)
  }
  assert.deepEqual(await types('?service=a1'), ['revoked a1', 'registered a1'])
  assert.deepEqual(await types('?type=revoked'), ['revoked a1'])
  assert.deepEqual(await types('?type=agents'), ['revoked a1', 'registered a1'])
  assert.deepEqual(await types('?type=agent&type=registered,revoked'), ['revoked a1', 'registered a1'])
  assert.deepEqual(await types('?type=poller,registered'), ['registered p1'])
  assert.deepEqual(await types('?since_seq=2'), ['registered snmp@a1', 'revoked a1'])
  assert.equal((await at.ask('GET', '/events?type=registered,vanished')).status, 400)
  assert.deepEqual(await types('?since=2100-01-01T00:00:00Z'), [])

  const page = (await at.ask('GET', '/events?limit=3')).body as Events & { next_cursor: string }
  const rest = (await at.ask('GET', `/events?limit=3&cursor=${page.next_cursor}`)).body as Events
  assert.deepEqual(
    [...page.items, ...rest.items].map(({ seq }) => seq),
    [4, 3, 2, 1],
  )

  assert.deepEqual(await types('?type=service.,registered,registered&limit=2'), ['revoked a1', 'registered snmp@a1'])
  const several = (await at.ask('GET', '/events?limit=2&type=registered,revoked')).body as typeof page
  const others = (await at.ask('GET', `/events?limit=2&type=registered,revoked&cursor=${several.next_cursor}`))
    .body as Events
  assert.deepEqual(
    [...several.items, ...others.items].map(({ seq }) => seq),
    [4, 3, 2, 1],
  )

  const waiting = at.ask('GET', '/events?since_seq=4&wait=30&type=poller')
  await at.ask('POST', '/agents/a1/status', { status: 'active', reason: 'r' })
  await at.ask('POST', '/pollers', { poller_id: 'p2' })
  const { items, last_seq: last } = (await waiting).body as Events
  assert.deepEqual([items.map(({ service_id: id }) => id), last], [['p2'], 6])
  const none = (await at.ask('GET', '/events?since_seq=6&wait=0.05')).body as Events
  assert.deepEqual([none.items, none.last_seq], [[], 6])
})

test('the stream resumes behind its last id, and tells what passes its filter', { timeout: 60_000 }, async () => {
  await using at = await serveServices()
  await family(at)
  const reply = await at.call('/api/admin/services/events/stream?type=agent,checker', {
    headers: { 'last-event-id': '1' },
  })
  let text = ''
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader()
  await at.ask('POST', '/pollers', { poller_id: 'p2' })
  await at.ask('POST', '/agents', { agent_id: 'a2', poller_id: 'p2' })
  while (!text.includes('"a2"')) text += (await reader.read()).value
  await reader.cancel()
  assert.deepEqual(
    [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id),
    ['2', '3', '5'],
  )
})

test('the audit verifies, and can be taken away', async () => {
  await using at = await serveServices()
  await family(at)
  const verdict = (await at.ask('POST', '/audit/verify')).body as { ok: boolean; events: number }
  assert.deepEqual([verdict.ok, verdict.events], [true, 3])
  const get = async (query: string) => (await at.call(`/api/admin/services/audit/export${query}`)).text()
  const lines = (await get('')).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { service_id: string }).service_id),
    ['p1', 'a1', 'snmp@a1'],
  )
  const csv = (await get('?format=csv&since_seq=1')).trimEnd().split('\r\n')
  assert.match(csv[0]!, /^event_id,event_type,service_type,/)
  assert.equal(csv.length, 3)
  assert.equal(await get('?until=2000-01-01T00:00:00Z'), '')
})

test('quarantine: listed, approved, dismissed', async () => {
  await using at = await serveServices({ implicit: { policy: 'quarantine' } })
  for (const id of ['p1', 'p2', 'p3']) assert.equal((await at.beat('poller', id)).result, 'quarantined')
  type Page = { items: { service_id: string; count: number }[]; total: number; next_cursor: string }
  const page = (await at.ask('GET', '/quarantine?limit=2')).body as Page
  const rest = (await at.ask('GET', `/quarantine?limit=2&cursor=${page.next_cursor}`)).body as Page
  assert.deepEqual(
    [...page.items, ...rest.items].map(({ service_id: id }) => id),
    ['p1', 'p2', 'p3'],
  )
  assert.deepEqual([page.total, rest.next_cursor], [3, null])
  assert.equal((await at.ask('POST', '/quarantine/pollers/p1/approve')).status, 200)
  assert.equal((await at.beat('poller', 'p1')).result, 'activated')
  assert.equal((await at.ask('POST', '/quarantine/poller/p2/dismiss', { reason: 'nobody of ours' })).status, 204)
  assert.equal((await at.ask('POST', '/quarantine/poller/p2/dismiss')).status, 404)
})

test('a token limited to services may do what its rights and its role say, each right for itself', async () => {
  const journal = memoryJournal(systemClock, registry.tables)
  const headers: Record<string, Record<string, string>> = {}
  for (const right of ['beat', 'read', 'write', 'purge'] as const) {
    headers[right] = bearer(await addToken(journal, { role: 'admin', scopes: { services: [right] } }))
  }
  headers['operator'] = bearer(await addToken(journal, { role: 'operator', scopes: null }))
  await using at = await serveServices({}, { journal, settings: { auth: 'tokens' } })
  const ask = async (method: string, path: string, body?: unknown) => {
    const letIn: string[] = []
    for (const [name, header] of Object.entries(headers)) {
      const { status } = await at.ask(method, path, body, header)
      if (status !== 403) letIn.push(name)
    }
    return letIn.join(' ')
  }
  const reason = { status: 'revoked', reason: 'r' }
  assert.equal(await ask('POST', '/pollers', { poller_id: 'p1' }), 'write operator')
  assert.equal(await ask('GET', '/pollers'), 'read operator')
  assert.equal(await ask('GET', '/events'), 'read operator')
  assert.equal(await ask('PATCH', '/pollers/p1', { interval: '10s' }), 'write operator')
  assert.equal(await ask('POST', '/pollers/p1/status', reason), 'write')
  assert.equal(await ask('PUT', '/p1/status', reason), 'write')
  assert.equal(await ask('POST', '/purge'), 'purge')
  assert.equal(await ask('DELETE', '/pollers/p1'), 'purge')
})

test('a held group is shown, and let go with a reason', async () => {
  await using at = await serveServices()
  const row = { group: 'site ber', since: 1_000, until: 2_000, silent: 40, active: 60 }
  await at.journal.commit([put(preservations, row, { type: 'preservation.started', sync: 'services', key: row.group })])
  const { body } = await at.ask('GET', '/preservation')
  const held = { since: '1970-01-01T00:00:01.000Z', until: '1970-01-01T00:00:02.000Z', silent: 40, active: 60 }
  assert.deepEqual(body, { items: [{ group: 'site ber', ...held }] })
  const release = (group: string, about: object) => at.ask('POST', `/preservation/${group}/release`, about)
  assert.equal((await release('site%20ber', {})).status, 400)
  assert.equal((await release('nobody', { reason: 'r' })).status, 404)
  assert.equal((await release('site%20ber', { reason: 'gone for good' })).status, 204)
  const { items } = (await at.ask('GET', '/events?type=preservation.')).body as Events
  assert.deepEqual(
    items.map(({ event_type: type, reason }) => `${type} ${reason}`).at(0),
    'preservation.ended gone for good',
  )
})

test('defect 13: there is no route of devices', async () => {
  await using at = await serveServices()
  assert.equal((await at.call('/api/devices/serviceradar:poller:p1/registry')).status, 404)
})
