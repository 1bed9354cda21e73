import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { stageFor } from '../stages/testing/stages.ts'
import { digestOf, serveImages } from './testing/served.ts'

interface Item {
  readonly project: string
  readonly stage: string
  readonly [field: string]: unknown
}
interface Page {
  readonly items: Item[]
  readonly next: string | null
}
type Problem = { readonly code: string; readonly detail: string; readonly place?: string }
type Done = { readonly done: boolean; readonly what: string; readonly revision: string | null; readonly stage: Item }

const production = stageFor()
const one = '/stages/shop/production'

const keysOf = ({ items }: Page) => items.map(({ project, stage }) => `${project}/${stage}`)

test('a stage of which nothing is known yet says so, and what to do', async () => {
  await using at = await serveImages()
  const { status, body, headers } = await at.ask('GET', one)
  assert.equal(status, 200)
  const shown = body as Item
  assert.deepEqual(
    [shown['state'], shown['result'], shown['seen'], shown['candidate'], shown['deployed'], shown['previous']],
    ['nothing', null, null, null, null, null],
  )
  assert.deepEqual([shown['reference'], shown['owner']], ['main.example.io/team/shop', 'config'])
  assert.match(String(shown['next']), /regista images check shop\/production/)
  assert.match(headers.get('etag')!, /^"[0-9a-f]+"$/)
  assert.equal(((await at.ask('GET', '/stages/shop/none')).body as Problem).code, 'request.not-found')
})

test('seen, candidate, deployed and previous are kept apart', async () => {
  await using at = await serveImages()
  const seen = await at.seen(production, 'v1.1.0')
  const before = { tag: 'v0.9.0', digest: digestOf('v0.9.0') }
  const revision = digestOf('v1.0.0')
  const receipt = { tag: 'v1.0.0', digest: revision, revision, at: 5_000, took: 1_500, effectId: 'e', previous: before }
  const rest = { state: 'held', digest: revision, digestLabel: 'v1.0.0', want: seen.revision, label: 'v1.1.0' } as const
  await at.delivered(production, { ...rest, receipt })
  await at.held(production, 'window', { until: 90_000, label: 'v1.1.0' })
  at.book.polledAt(production.key, 7_000, 'v1.1.0')
  const shown = (await at.ask('GET', one)).body as Item
  assert.deepEqual(shown['seen'], { tag: 'v1.1.0', digest: seen.digest, revision: seen.revision, at: null })
  assert.deepEqual(shown['candidate'], { tag: 'v1.1.0', digest: seen.digest, revision: seen.revision })
  const deployed = { tag: 'v1.0.0', revision, digest: revision, at: '1970-01-01T00:00:05.000Z', took: '1s500ms' }
  assert.deepEqual(shown['deployed'], { ...deployed, ref: null, detail: null })
  assert.deepEqual(shown['previous'], before)
  assert.deepEqual([shown['last_polled_tag'], shown['last_polled_at']], ['v1.1.0', '1970-01-01T00:00:07.000Z'])
  assert.equal(shown['next_poll_at'], '1970-01-01T00:01:01.000Z')
  assert.deepEqual([shown['state'], shown['why']], ['held', 'it is outside of the maintenance windows'])
  const [hold] = shown['holds'] as { next: string; until: string }[]
  assert.deepEqual(
    [hold!.until, hold!.next],
    ['1970-01-01T00:01:30.000Z', 'regista images deploy shop/production --force'],
  )
  at.progress.set(production.key, { step: 'pulling', revision: seen.revision, since: 1, stepAt: 2 })
  const going = (await at.ask('GET', one)).body as { progress: unknown }
  assert.deepEqual(going.progress, {
    step: 'pulling',
    since: '1970-01-01T00:00:00.001Z',
    step_at: '1970-01-01T00:00:00.002Z',
  })
})

test('a version that did not come up says why, and what tries it again', async () => {
  await using at = await serveImages()
  await at.seen(production, 'v2')
  const rest = {
    state: 'rejected',
    digest: null,
    reason: 'rolled-back',
    detail: 'it exited with 1 again and again',
  } as const
  await at.delivered(production, rest)
  const shown = (await at.ask('GET', one)).body as Item
  assert.deepEqual([shown['state'], shown['reason'], shown['why']], ['rejected', 'rolled-back', rest.detail])
  assert.match(String(shown['next']), /regista images redeploy shop\/production/)
})

test('lists are filtered and paged', async () => {
  const stages = ['a/x', 'a/y', 'b/x', 'b/z'].map((name) =>
    stageFor(name, name.endsWith('z') ? { deployer: 'one', image: 'team/other' } : {}),
  )
  await using at = await serveImages({ stages })
  await at.book.observed('a/y', { result: 'ambiguous', detail: 'hashes have no order', version: null })
  await at.delivered(stages[3]!, { state: 'failed' })
  const listed = async (query: string) => (await at.ask('GET', `/stages${query}`)).body as Page
  assert.deepEqual(keysOf(await listed('')), ['a/x', 'a/y', 'b/x', 'b/z'])
  for (const [query, keys] of [
    ['?project=a', ['a/x', 'a/y']],
    ['?registry=main&image=team/other', ['b/z']],
    ['?deployer=docker', ['a/x', 'a/y', 'b/x']],
    ['?result=ambiguous', ['a/y']],
    ['?state=failed', ['b/z']],
    ['?project=c', []],
  ] as const) {
    assert.deepEqual(keysOf(await listed(query)), keys, query)
  }
  const first = await listed('?limit=3')
  assert.deepEqual(keysOf(first), ['a/x', 'a/y', 'b/x'])
  const second = await (await at.call(first.next!)).json()
  assert.deepEqual([keysOf(second as Page), (second as Page).next], [['b/z'], null])
  const { items } = (await at.ask('GET', '/projects')).body as { items: unknown[] }
  assert.deepEqual(items, [
    { project: 'a', stages: ['x', 'y'], states: { nothing: 2 }, troubled: 1 },
    { project: 'b', stages: ['x', 'z'], states: { nothing: 1, failed: 1 }, troubled: 0 },
  ])
})

test('a stage of the API is defined, replaced and removed under its tag; one of the config is not', async () => {
  await using at = await serveImages()
  const body = { registry: 'main', image: 'team/new', pattern: 'v*', deployer: 'one' }
  const path = '/stages/new/test'
  const checked = await at.ask('PUT', `${path}?dry_run=true`, body)
  assert.deepEqual([checked.status, at.book.stage('new/test')], [200, null])
  const made = await at.ask('PUT', path, body, { 'if-none-match': '*' })
  assert.equal(made.status, 201)
  assert.deepEqual((made.body as Item)['owner'], 'api')
  assert.equal((await at.ask('PUT', path, body, { 'if-none-match': '*' })).status, 409)
  const etag = made.headers.get('etag')!
  const { definition } = (await at.ask('GET', path)).body as { definition: object }
  const again = await at.ask('PUT', path, definition, { 'if-match': etag })
  assert.deepEqual([again.status, again.headers.get('etag')], [200, etag], 'what is read can be written')
  const changed = await at.ask('PUT', path, { ...body, pattern: ['v1.*', '!*-rc*'] }, { 'if-match': etag })
  assert.equal(changed.status, 200)
  assert.notEqual(changed.headers.get('etag'), etag)
  assert.equal((await at.ask('PUT', path, body, { 'if-match': etag })).status, 412)
  assert.equal((await at.ask('DELETE', path, undefined, { 'if-match': etag })).status, 412)
  assert.equal((await at.ask('DELETE', path)).status, 204)
  assert.equal((await at.ask('GET', path)).status, 404)
  for (const [method, given] of [['PUT', body] as const, ['DELETE', undefined] as const]) {
    const owned = await at.ask(method, one, given)
    assert.deepEqual([owned.status, (owned.body as Problem).code], [409, 'config.owned'])
    assert.match((owned.body as Problem).detail, /regista\.yaml:7:3/)
    assert.equal((await at.ask(method, `${one}?dry_run=true`, given)).status, 409)
  }
})

test('a definition that is wrong is refused with everything that is wrong with it', async () => {
  await using at = await serveImages()
  const wrong = { registry: 'nowhere', image: 'team/new', deployer: 'none' }
  for (const query of ['', '?dry_run=true']) {
    const { status, body } = await at.ask('PUT', `/stages/new/test${query}`, wrong)
    assert.equal(status, 400)
    assert.match((body as Problem).detail, /registry names no registry.*deployer names no deployer/)
  }
  const typed = await at.ask('PUT', '/stages/new/test', { ...wrong, image: 'Team/New', patern: 'v*' })
  assert.equal(typed.status, 400)
  assert.match((typed.body as Problem).detail, /patern/)
  assert.equal((await at.ask('PUT', '/stages/new/-', wrong)).status, 400)
})

test('a look that is asked for is waited for, and says what it came to', async () => {
  await using at = await serveImages()
  assert.equal(((await at.ask('POST', `${one}/check`, { dry_run: true })).body as Done).done, false)
  assert.deepEqual(at.looks, [])
  const { body } = await at.ask('POST', `${one}/check`, {})
  assert.deepEqual(at.looks, ['main team/shop'])
  assert.deepEqual([(body as Done).done, (body as Done).stage['result']], [true, 'no_match'])
  assert.match((body as Done).what, /none of 3 tags matches v\*/)
  assert.match(String((body as Done).stage['next']), /test-pattern shop\/production/)
})

test('approvals are counted for the version that was looked at', async () => {
  const stage = stageFor('shop/production', { approval: { count: 2 } })
  await using at = await serveImages({ stages: [stage] })
  assert.equal((await at.ask('POST', `${one}/approve`, {})).status, 409)
  const { revision } = await at.seen(stage, 'v1')
  assert.equal((await at.ask('POST', `${one}/approve`, { revision: 'another' })).status, 409)
  const { body } = await at.ask('POST', `${one}/approve`, { revision })
  assert.deepEqual([(body as Done).what, (body as Done).revision], ['v1 is approved by 1 of 2', revision])
  const approvals = (body as Done).stage['approvals'] as { needed: number; by: { name: string }[] }
  assert.deepEqual([approvals.needed, approvals.by.map(({ name }) => name)], [2, ['anonymous']])
  assert.deepEqual(at.engine.calls, [['reconsider', 'docker', 'shop/production']])
})

test('versions that need no approval are not approved', async () => {
  await using at = await serveImages()
  await at.seen(production, 'v1')
  const { status, body } = await at.ask('POST', `${one}/approve`, {})
  assert.equal(status, 409)
  assert.match((body as Problem).detail, /need no approval/)
})

test('what waits is deployed: what only guards against surprises is let go, the rest with force', async () => {
  await using at = await serveImages()
  assert.match(((await at.ask('POST', `${one}/deploy`, {})).body as Problem).detail, /regista images check/)
  const { revision } = await at.seen(production, 'v1')
  await at.delivered(production, { state: 'held', digest: null, want: revision })
  await at.held(production, 'drift-reported')
  await at.held(production, 'outcome-unknown')
  const only = (await at.ask('POST', `${one}/deploy`, { dry_run: true })).body as Done
  assert.deepEqual([only.done, only.what, at.engine.calls.length], [false, 'v1 goes to shop/production', 0])
  assert.equal(at.book.state(production.key).asked, null)
  const done = (await at.ask('POST', `${one}/deploy`, { revision })).body as Done
  assert.deepEqual([done.done, done.revision], [true, revision])
  assert.deepEqual(at.book.state(production.key).asked, { revision, by: 'anonymous', force: false })
  assert.deepEqual(at.engine.calls, [
    ['release', 'hold-drift-reported', 'anonymous'],
    ['reconsider', 'docker', 'shop/production'],
  ])
  await at.ask('POST', `${one}/deploy`, { force: true })
  assert.ok(at.engine.calls.some(([, id]) => id === 'hold-outcome-unknown'))
  assert.equal(at.book.state(production.key).asked?.force, true)
})

test('what runs already is not deployed again, but for a redeploy; nor is what was rejected without another revision', async () => {
  await using at = await serveImages()
  const { revision } = await at.seen(production, 'v1')
  await at.delivered(production, { state: 'applied', digest: revision })
  const same = (await at.ask('POST', `${one}/deploy`, {})).body as Done
  assert.deepEqual([same.done, at.book.state(production.key).asked], [false, null])
  assert.match(same.what, /regista images redeploy/)
  const redone = (await at.ask('POST', `${one}/redeploy`, {})).body as Done
  assert.equal(redone.done, true)
  assert.notEqual(redone.revision, revision)
  const { asked, generation } = at.book.state(production.key)
  assert.deepEqual([asked?.revision, generation], [redone.revision, 1])
  await at.delivered(production, { state: 'rejected', digest: null })
  await at.ask('POST', `${one}/deploy`, {})
  assert.equal(at.book.state(production.key).generation, 2)
})

test('a tag that is named is looked up and pinned, also for a rollback; unpin lets it follow again', async () => {
  await using at = await serveImages({ tags: { v1: 'one', v2: 'two' } })
  const none = await at.ask('POST', `${one}/deploy`, { tag: 'v3' })
  assert.deepEqual([none.status, (none.body as Problem).code], [404, 'request.not-found'])
  assert.match((none.body as Problem).detail, /regista images tags main team\/shop/)
  assert.equal((await at.ask('POST', `${one}/deploy`, { tag: 'v 3' })).status, 400)
  const done = (await at.ask('POST', `${one}/deploy`, { tag: 'v1', reason: 'ticket 4711' })).body as Done
  assert.match(done.what, /stays there, until `regista images unpin/)
  const { pin, asked } = at.book.state(production.key)
  assert.deepEqual([pin!.tag, pin!.digest, pin!.by, pin!.reason], ['v1', digestOf('one'), 'anonymous', 'ticket 4711'])
  assert.equal(asked?.revision, digestOf('one'))
  assert.deepEqual(((await at.ask('GET', one)).body as { pin: { tag: string } }).pin.tag, 'v1')

  assert.match(((await at.ask('POST', `${one}/rollback`, {})).body as Problem).detail, /--to TAG/)
  // The tag has moved since it ran there.
  const previous = { tag: 'v2', digest: digestOf('two as it was') }
  const receipt = { tag: 'v1', digest: 'd', revision: 'd', at: 1, took: 1, effectId: 'e', previous }
  await at.delivered(production, { state: 'applied', digest: 'd', receipt })
  for (const body of [{}, { to: 'v2' }]) {
    await at.ask('POST', `${one}/rollback`, body)
    assert.equal(at.book.state(production.key).pin!.digest, previous.digest)
  }
  await at.ask('POST', `${one}/rollback`, { to: 'v1' })
  assert.equal(at.book.state(production.key).pin!.digest, digestOf('one'))
  const exact = `v2@${digestOf('two')}`
  await at.ask('POST', `${one}/rollback`, { to: exact })
  assert.equal(at.book.state(production.key).pin!.digest, digestOf('two'))
  assert.equal(((await at.ask('POST', `${one}/unpin`, {})).body as Done).done, true)
  assert.equal(at.book.state(production.key).pin, null)
  assert.equal(((await at.ask('POST', `${one}/unpin`, {})).body as Done).done, false)
})

test('a deploy that has to wait all the same says for what', async () => {
  const settings = { clock: createFakeClock({ start: Date.UTC(2026, 10, 21, 12) }) }
  const stage = stageFor('shop/production', { window: '22:00-23:00 UTC' })
  await using at = await serveImages({ stages: [stage], settings })
  await at.seen(stage, 'v1')
  const what = async (body: object) =>
    ((await at.ask('POST', `${one}/deploy`, { dry_run: true, ...body })).body as Done).what
  assert.match(await what({}), /once its window opens at 2026-11-21T22:00:00\.000Z \(or with --force\)$/)
  assert.equal(await what({ force: true }), 'v1 goes to shop/production')
  await at.ask('POST', `${one}/pause`, {})
  assert.match(await what({}), /once it is resumed \(or with --force\)$/)
})

test('a pause holds until it is ended, and both are in the history', async () => {
  await using at = await serveImages()
  assert.equal(((await at.ask('POST', `${one}/resume`, {})).body as Done).done, false)
  const paused = (await at.ask('POST', `${one}/pause`, { reason: 'audit' })).body as Done
  const { by, reason } = paused.stage['paused'] as { by: string; reason: string }
  assert.deepEqual([by, reason], ['anonymous', 'audit'])
  assert.equal(((await at.ask('POST', `${one}/pause`, {})).body as Done).done, false)
  assert.equal(((await at.ask('POST', `${one}/resume`, {})).body as Done).done, true)
  await at.delivered(production, { state: 'applied', label: 'v1' })
  const history = (await at.ask('GET', `${one}/history`)).body as { items: Item[]; next: string | null }
  assert.deepEqual(
    history.items.map(({ type, tag, by: who }) => [type, tag, who]),
    [
      ['delivery.applied', 'v1', null],
      ['stage.resumed', null, 'anonymous'],
      ['stage.paused', null, 'anonymous'],
    ],
  )
  const first = (await at.ask('GET', `${one}/history?limit=2`)).body as Page
  const second = (await (await at.call(first.next!)).json()) as Page
  assert.deepEqual([second.items.map((event) => event['detail']), second.next], [['audit'], null])
  const stages = (await at.ask('GET', `${one}/history?type=stage.`)).body as Page
  assert.equal(stages.items.length, 2)
})

test('registries, deployers, places and hooks are named without secrets', async () => {
  await using at = await serveImages()
  for (const path of ['/registries', '/deployers', '/places', '/hooks', '/stages', '/projects', '/settings']) {
    const { status, body } = await at.ask('GET', path)
    assert.equal(status, 200, path)
    assert.doesNotMatch(JSON.stringify(body), /hidden-password/)
  }
  const hooks = (await at.ask('GET', '/hooks')).body as { items: Item[]; unmatched: Item[] }
  assert.deepEqual(
    [hooks.items.map(({ name, path }) => [name, path]), hooks.unmatched.map(({ image }) => image)],
    [[['forge', '/webhooks/forge']], ['team/nobody']],
  )
  const places = ((await at.ask('GET', '/places')).body as Page).items
  assert.deepEqual(
    places.map(({ registry, image, stages }) => [registry, image, stages]),
    [['main', 'team/shop', ['shop/production']]],
  )
})

test('the interval of polls is changed at run time, and set back', async () => {
  await using at = await serveImages()
  const configured = { poll_interval: '5m' }
  const put = (poll_interval: string | null) => at.ask('PUT', '/settings', { poll_interval })
  assert.deepEqual((await put('30s')).body, { poll_interval: '30s', configured })
  assert.deepEqual((await at.ask('GET', '/settings')).body, { poll_interval: '30s', configured })
  assert.equal((await put('5 s')).status, 400)
  assert.equal((await put('1s')).status, 400)
  assert.deepEqual((await put(null)).body, { poll_interval: '5m', configured })
})
