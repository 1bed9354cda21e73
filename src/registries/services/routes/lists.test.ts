import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, type Clock } from '../../../kernel/clock.ts'
import type { Service } from './shown.ts'
import { serveServices, type ServedServices } from './testing/served.ts'

interface Page {
  readonly items: readonly Service[]
  readonly total: number
  readonly total_is: string
  readonly next_cursor: string | null
}

async function site(at: ServedServices): Promise<void> {
  const poller = (n: number) => ({ poller_id: `p${n}`, metadata: { site: n === 1 ? 'north' : 'south' } })
  await at.ask('POST', '/pollers', [poller(1), poller(2)])
  const agents = Array.from({ length: 25 }, (_, n) => ({ agent_id: `a${n}`, poller_id: n < 20 ? 'p1' : 'p2' }))
  await at.ask('POST', '/agents', agents)
  const checkers = ['snmp', 'sysmon'].map((kind) => ({ checker_id: `${kind}@a0`, agent_id: 'a0', checker_kind: kind }))
  await at.ask('POST', '/checkers', checkers)
}

/** Every page of a list, one after the other. */
async function all(at: ServedServices, path: string, from: string | null = null): Promise<string[]> {
  const found: string[] = []
  for (let cursor = from; ;) {
    const more = cursor === null ? '' : `${path.includes('?') ? '&' : '?'}cursor=${cursor}`
    const page = (await at.ask('GET', path + more)).body as Page
    found.push(...page.items.map(({ service_id: id }) => id))
    if (page.next_cursor === null) return found
    cursor = page.next_cursor
  }
}

test('lists: pages without repetition, whatever is registered meanwhile; totals; both names of a type', async () => {
  await using at = await serveServices()
  await site(at)
  const first = (await at.ask('GET', '/agents?limit=10')).body as Page
  assert.deepEqual([first.items.length, first.total, first.total_is], [10, 25, 'exact'])
  await at.ask('POST', '/agents', { agent_id: 'later', poller_id: 'p1' })
  const rest = await all(at, '/agent?limit=10', first.next_cursor)
  const ids = [...first.items.map(({ service_id: id }) => id), ...rest]
  assert.equal(new Set(ids).size, 25)
  assert.equal(ids.length, 25)
  const skipped = (await at.ask('GET', '/agents?limit=10&offset=20')).body as Page
  assert.equal(skipped.items.length, 6)
  assert.equal((await at.ask('GET', `/pollers?cursor=${first.next_cursor}`)).status, 400)
})

test('filters: status and source as lists, what there is not is refused; search; kind; below whom', async () => {
  await using at = await serveServices()
  await site(at)
  await at.beat('agent', 'a0', { parent: 'p1' })
  await at.beat('poller', 'p9')
  await at.ask('POST', '/agents/a1/status', { status: 'revoked', reason: 'r' })
  const ids = (path: string) => all(at, path).then((found) => found.toSorted())
  assert.deepEqual(await ids('/agents?status=active'), ['a0'])
  assert.deepEqual(await ids('/agents?status=active,revoked'), ['a0', 'a1'])
  assert.deepEqual(await ids('/agents?status=active&status=revoked'), ['a0', 'a1'])
  assert.deepEqual(await ids('/pollers?source=implicit'), ['p9'])
  assert.deepEqual(await ids('/pollers?q=north'), ['p1'])
  assert.deepEqual(await ids('/pollers?q=site%3Dsouth'), ['p2'])
  assert.deepEqual(await ids('/agents?poller=p2'), ['a20', 'a21', 'a22', 'a23', 'a24'])
  assert.deepEqual(await ids('/checkers?kind=snmp'), ['snmp@a0'])
  assert.deepEqual(await ids('/checkers?agent=a0&poller=p1'), ['snmp@a0', 'sysmon@a0'])
  for (const wrong of ['status=gone', 'status=active,gone', 'source=hand', 'stale=soon', 'limit=0', 'colour=red']) {
    assert.equal((await at.ask('GET', `/agents?${wrong}`)).status, 400, wrong)
  }
})

test('health: late, unreachable by way of a parent, or not well by its own word; and who is stale', async () => {
  let ahead = 0
  const clock: Clock = { ...systemClock, now: () => Date.now() + ahead }
  await using at = await serveServices({}, { clock })
  await at.beat('poller', 'p1')
  for (const id of ['a1', 'a2']) await at.beat('agent', id, { parent: 'p1', healthy: id === 'a1' })
  await at.beat('checker', 'c1', { parent: 'a1' })
  const silent = new Set(['a1', 'c1'])
  Object.assign(at.liveness, { isLate: (slot: number) => silent.has(at.roster.idOf(slot)) })
  const health = async (path: string) => ((await at.ask('GET', path)).body as Service).health
  assert.equal(await health('/pollers/p1'), 'healthy')
  assert.equal(await health('/agents/a1'), 'late')
  assert.equal(await health('/agents/a2'), 'unhealthy')
  assert.equal(await health('/checkers/c1'), 'unreachable')
  assert.deepEqual(await all(at, '/agents?late=true'), ['a1'])
  assert.deepEqual(await all(at, '/agents?late=false'), ['a2'])
  assert.deepEqual(await all(at, '/agents?stale=1h'), [])
  ahead = 3_600_000
  await at.beat('agent', 'a2', { parent: 'p1' })
  assert.deepEqual(await all(at, '/agents?stale=1h'), ['a1'])
})

test('defect 17: what is below one takes the same filters and pages, and nobody is left out', async () => {
  await using at = await serveServices()
  await site(at)
  assert.equal((await all(at, '/pollers/p1/agents?limit=7')).length, 20)
  assert.deepEqual(await all(at, '/poller/p1/agents?status=active'), [])
  assert.deepEqual((await all(at, '/agents/a0/checkers')).toSorted(), ['snmp@a0', 'sysmon@a0'])
  assert.equal((await all(at, '/pollers/p1/checkers')).length, 2)
  assert.equal((await at.ask('GET', '/pollers/nobody/agents')).status, 404)
  assert.equal((await at.ask('GET', '/checkers/snmp@a0/agents')).status, 400)
})

test('the tree, one level at a time', async () => {
  await using at = await serveServices()
  await site(at)
  interface Node {
    readonly service_id: string
    readonly children: number
    readonly children_by_status: object
  }
  const level = async (query: string) => {
    const { items } = (await at.ask('GET', `/tree${query}`)).body as { items: Node[] }
    return items.map(({ service_id: id, children }) => `${id} ${children}`).toSorted()
  }
  assert.deepEqual(await level(''), ['p1 20', 'p2 5'])
  assert.equal((await level('?parent=poller/p1&limit=7')).length, 7)
  assert.deepEqual(await level('?parent=poller/p2&q=a24'), ['a24 0'])
  assert.deepEqual(await level('?parent=agent/a0'), ['snmp@a0 0', 'sysmon@a0 0'])
  for (const [query, status] of [
    ['checker/snmp@a0', 400],
    ['p1', 400],
    ['poller/nobody', 404],
  ] as const) {
    assert.equal((await at.ask('GET', `/tree?parent=${query}`)).status, status)
  }
})

test('two senders under one id are told of', { timeout: 30_000 }, async () => {
  await using at = await serveServices()
  let what = ''
  for (let n = 0; !what.includes('Two senders take turns'); n += 1) {
    await at.beat('poller', 'p1', { boot: n % 2 === 0 ? 'one' : 'two', sequence: n })
    const { findings } = (await at.ask('GET', '/pollers/p1/explain')).body as Explained
    what = findings.map((finding) => finding.what).join(' ')
  }
})

type Explained = { status: string | null; health: string; findings: { what: string; evidence: string; next: string }[] }

test('why it is so: a stranger, one that is stuck, silent, revoked, and what is below them', async () => {
  let ahead = 0
  const clock: Clock = { ...systemClock, now: () => Date.now() + ahead }
  await using at = await serveServices({ implicit: { policy: 'deny' } }, { clock })
  await site(at)
  const why = async (path: string) => {
    const { status, findings } = (await at.ask('GET', `${path}/explain`)).body as Explained
    return [status, ...findings.map(({ what }) => what)].join(' | ')
  }
  assert.match(await why('/pollers/nobody'), /^ \| There is no poller nobody, and it never reported here/)
  await at.beat('poller', 'stranger', { from: '10.0.0.7' })
  assert.match(await why('/pollers/stranger'), /^ \| Heartbeats of it were refused: service-unknown/)
  assert.match(
    await why('/agents/a0'),
    /^pending \| The agent a0 is registered, and was never heard of. \| It waits for its poller p1/,
  )
  ahead = 3_600_000
  assert.match(await why('/pollers/p1'), /longer than the 30m that it should take/)
  await at.beat('poller', 'p1')
  assert.equal(await why('/pollers/p1'), 'active | The poller p1 reports as it should.')
  await at.beat('agent', 'a0', { parent: 'p1' })
  await at.ask('POST', '/pollers/p1/status', { status: 'inactive', reason: 'moved house' })
  assert.match(await why('/pollers/p1'), /^inactive \| The poller p1 is inactive since .*: moved house/)
  assert.match(await why('/agents/a0'), /Its poller p1 is silent: it is unreachable by way of that/)
  await at.ask('POST', '/agents/a0/status', { status: 'revoked', reason: 'stolen' })
  await at.beat('agent', 'a0', { parent: 'p1' })
  assert.match(
    await why('/agents/a0'),
    /^revoked \| The agent a0 is revoked since .*: stolen\..* \| Heartbeats of it were refused: service-revoked/,
  )
  const { findings } = (await at.ask('GET', '/agents/a0/explain')).body as Explained
  assert.ok(findings.every(({ next }) => next.length > 10))
})
