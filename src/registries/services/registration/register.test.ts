import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { services } from '../tables.ts'
import type { Registered } from './registrations.ts'
import { admin, agent, checker, poller, registrationsOn } from './testing.ts'

const memory = () => createMemoryJournal({ clock: createFakeClock({ start: 1_000_000 }), tables: [services] })
const on = () => registrationsOn(memory())
const results = (some: readonly (Registered | AppError)[]) =>
  some.map((one) => (one instanceof AppError ? one.code : one.result))

test('a registration is pending, never seen, and told with what it says', async () => {
  const { register, registrations, row, events, slotOf, roster, clock } = on()
  await register(poller('p'))
  await register(agent('a', 'p', { spiffe: 'spiffe://td/a', metadata: { site: 'x' }, interval: 5_000 }))
  const { slot } = await register(checker('c', 'a', { component: 'pkg', inactiveAfter: 60_000 }))
  assert.deepEqual(registrations.refOf(slot), { type: 'checker', id: 'c' })
  const stored = await row({ type: 'agent', id: 'a' })
  assert.equal(stored?.status, 'pending')
  assert.equal(stored?.firstSeen, null)
  assert.deepEqual(stored?.metadata, { site: 'x' })
  assert.equal(stored?.registeredAt, clock.now())
  assert.equal(roster.columns.seq[slotOf({ type: 'agent', id: 'a' })], stored?.seq)
  assert.equal(roster.columns.interval[slotOf({ type: 'agent', id: 'a' })], 5_000)
  const [, second, third] = await events()
  assert.deepEqual(second, {
    what: 'registered',
    key: 'agent/a',
    actor: 'token:admin',
    reason: undefined,
    seq: stored?.seq,
    data: { registration_source: 'config', component_id: 'a', poller_id: 'p', spiffe_id: 'spiffe://td/a' },
  })
  assert.deepEqual(third?.data, {
    registration_source: 'config',
    component_id: 'pkg',
    agent_id: 'a',
    poller_id: 'p',
    checker_kind: 'snmp',
  })
})

test('parents may come after their children in a batch, and are told before them', async () => {
  const { registrations, events, roster, slotOf } = on()
  const batch = [checker('c', 'a', { poller: 'p' }), agent('a', 'p'), poller('p')]
  assert.deepEqual(results(await registrations.register(batch, admin, 1)), ['registered', 'registered', 'registered'])
  assert.deepEqual(
    (await events()).map(({ key }) => key),
    ['poller/p', 'agent/a', 'checker/c'],
  )
  assert.equal(roster.columns.children[slotOf({ type: 'poller', id: 'p' })], 1)
})

test('an implicit chain is registered and activated, each told in its place, with the address', async () => {
  const { registrations, events, row, statusOf, transitions, clock } = on()
  const by = { actor: 'system', from: '10.0.0.9' }
  const batch = [agent('a', 'p', { source: 'implicit' }), poller('p', { source: 'implicit' })]
  const done = await registrations.register(batch, by, clock.now(), clock.now() - 50)
  assert.deepEqual(results(done), ['registered', 'registered'])
  assert.deepEqual(
    (await events()).map(({ what, key }) => `${key} ${what}`),
    ['poller/p registered', 'poller/p activated', 'agent/a registered', 'agent/a activated'],
  )
  const [, , , activated] = await events()
  assert.equal(activated?.actor, 'system')
  assert.deepEqual(activated?.data, {
    registration_source: 'implicit',
    component_id: 'a',
    poller_id: 'p',
    source_ip: '10.0.0.9',
    from: 'pending',
    to: 'active',
  })
  const stored = await row({ type: 'agent', id: 'a' })
  assert.deepEqual([stored?.status, stored?.firstSeen], ['active', clock.now() - 50])
  assert.ok(stored!.registeredAt <= stored!.firstSeen!)
  assert.equal(stored?.seq, activated?.seq)
  assert.equal(statusOf({ type: 'agent', id: 'a' }), 'active')
  assert.deepEqual(transitions, ['poller pending active', 'agent pending active'])
})

test('parents must be there and known; what is wrong is named, and what to do', async () => {
  const { registrations, register, slotOf, clock } = on()
  await register(poller('gone'))
  await register(poller('off'))
  const options = { ...admin, at: clock.now() }
  await registrations.transit(slotOf({ type: 'poller', id: 'off' }), 'revoke', options)
  await registrations.transit(slotOf({ type: 'poller', id: 'gone' }), 'delete', options)
  const batch = [
    agent('a1', 'none'),
    agent('a2', 'off'),
    agent('a3', 'gone'),
    agent('a4', ''),
    poller('p', { parent: 'x' }),
  ]
  const done = await registrations.register([...batch, agent('a5', 'none')], admin, clock.now())
  assert.deepEqual(
    results(done),
    Array.from({ length: 6 }, () => 'services.parent'),
  )
  const [missing, revoked, deleted, , , second] = done as AppError[]
  assert.match(missing!.detail, /^Poller none, the parent of Agent a1, is not registered. Register it first/)
  assert.match(revoked!.detail, /is revoked. Restore it first/)
  assert.match(deleted!.detail, /is deleted. Bring it back first/)
  assert.match(second!.detail, /Agent a5/)
  assert.equal(slotOf({ type: 'agent', id: 'a1' }), -1)
})

test("a checker's poller is that of its agent: where both are given they agree", async () => {
  const { registrations, register } = on()
  await register(poller('p'))
  await register(agent('a', 'p'))
  const batch = [checker('c1', 'a', { poller: 'q' }), checker('c2', 'a', { poller: 'p' }), checker('c3', 'a')]
  const done = await registrations.register(batch, admin, 1)
  assert.deepEqual(results(done), ['services.parent', 'registered', 'registered'])
  assert.match((done[0] as AppError).detail, /belongs to poller p, not to q/)
  const again = await registrations.register(batch, admin, 1)
  assert.deepEqual(results(again), ['services.parent', 'unchanged', 'unchanged'])
})

test('identical again changes nothing; different is refused with the differences', async () => {
  const { registrations, register, row, events } = on()
  await register(poller('p', { metadata: { b: '2', a: '1' } }))
  const before = await row({ type: 'poller', id: 'p' })
  assert.equal((await register(poller('p', { metadata: { a: '1', b: '2' }, createdBy: 'other' }))).result, 'unchanged')
  const [error] = await registrations.register([poller('p', { spiffe: 'spiffe://td/p' })], admin, 9)
  assert.ok(error instanceof AppError)
  assert.equal(error.code, 'services.exists')
  assert.deepEqual(error.data['differences'], [
    { field: 'metadata', registered: { b: '2', a: '1' }, asked: {} },
    { field: 'spiffe_identity', registered: null, asked: 'spiffe://td/p' },
  ])
  assert.equal(error.data['status'], 'pending')
  assert.deepEqual(await row({ type: 'poller', id: 'p' }), before)
  assert.equal((await events()).length, 1)
})

test('an id is not taken over to another parent', async () => {
  const { registrations, meet, register } = on()
  await register(poller('p'))
  await register(poller('q'))
  await meet(agent('a', 'p'))
  const [error] = await registrations.register([agent('a', 'q')], admin, 1)
  assert.ok(error instanceof AppError)
  assert.equal(error.code, 'services.exists')
  assert.match(error.detail, /belongs to poller p, not to q. Ids are unique among all agents/)
})

test('explicit over implicit is a claim: what is known of it stays', async () => {
  const { meet, register, row, events, clock } = on()
  await meet(poller('p', { metadata: { auto_registered: 'true' } }))
  const before = await row({ type: 'poller', id: 'p' })
  await clock.advance(1_000)
  const asked = poller('p', { component: 'pkg', metadata: { site: 'x' }, spiffe: 'spiffe://td/p' })
  assert.equal((await register(asked)).result, 'claimed')
  const after = await row({ type: 'poller', id: 'p' })
  const { source, component, metadata, spiffe, createdBy, seq, ...kept } = after!
  assert.deepEqual([source, component, metadata, spiffe], ['config', 'pkg', { site: 'x' }, 'spiffe://td/p'])
  assert.equal(createdBy, 'token:admin')
  const { source: _s, component: _c, metadata: _m, spiffe: _i, createdBy: _b, seq: _q, ...were } = before!
  assert.deepEqual(kept, were)
  const claimed = (await events()).at(-1)!
  assert.equal(claimed.what, 'claimed')
  assert.equal(claimed.seq, seq)
  assert.deepEqual(claimed.data['before'], {
    registration_source: 'implicit',
    component_id: 'p',
    created_by: 'token:admin',
    metadata: { auto_registered: 'true' },
    spiffe_identity: null,
  })
  assert.equal((await register(asked)).result, 'unchanged')
})

for (const [trigger, status, step] of [
  ['revoke', 'revoked', /restores it by setting its status to active/],
  ['delete', 'deleted', /undelete/],
] as const) {
  test(`an id that is ${status} is not registered anew: the answer says how to have it back`, async () => {
    const { registrations, register, slotOf, statusOf } = on()
    const { slot } = await register(poller('p'))
    await registrations.transit(slot, trigger, { ...admin, at: 1 })
    const [error] = await registrations.register([poller('p')], admin, 1)
    assert.ok(error instanceof AppError)
    assert.equal(error.code, 'services.exists')
    assert.equal(error.data['status'], status)
    assert.match(error.detail, step)
    assert.equal(slotOf({ type: 'poller', id: 'p' }), slot)
    assert.equal(statusOf({ type: 'poller', id: 'p' }), status)
  })
}

test('defect 4: of two identical registrations at once one is registered, the other unchanged', async () => {
  const { registrations, events } = on()
  const twice = await registrations.register([poller('p'), poller('p')], admin, 1)
  assert.deepEqual(results(twice), ['registered', 'unchanged'])
  const [one, two, three] = await Promise.all([
    registrations.register([agent('a', 'p'), agent('b', 'p')], admin, 1),
    registrations.register([agent('a', 'p'), checker('c', 'b')], admin, 1),
    registrations.register([agent('a', 'p', { spiffe: 'spiffe://td/other' })], admin, 1),
  ])
  assert.deepEqual(results(one), ['registered', 'registered'])
  assert.deepEqual(results(two), ['unchanged', 'registered'])
  assert.deepEqual(results(three), ['services.exists'])
  assert.equal((await events('agent/a')).length, 1)
})

test('defect 6: a ledger that cannot be read is not taken for a service that is not there', async () => {
  const journal = memory()
  const { register, meet, statusOf, registrations } = registrationsOn(journal)
  const { slot } = await register(poller('p'))
  await registrations.transit(slot, 'revoke', { ...admin, at: 1 })
  journal.select = () => Promise.reject(new AppError('journal.unavailable', 'away'))
  journal.get = () => Promise.reject(new AppError('journal.unavailable', 'away'))
  assert.equal((await meet(poller('p'))).result, 'unchanged')
  await assert.rejects(register(poller('p')), { code: 'journal.unavailable' })
  assert.equal(statusOf({ type: 'poller', id: 'p' }), 'revoked')
})

test('what cannot be written is in memory nowhere, and can be asked for again', async () => {
  const journal = memory()
  const { registrations, slotOf, register } = registrationsOn(journal)
  const { commit } = journal
  journal.commit = () => Promise.reject(new AppError('journal.full', 'no space'))
  await assert.rejects(registrations.register([poller('p'), agent('a', 'p')], admin, 1), { code: 'journal.full' })
  assert.equal(slotOf({ type: 'poller', id: 'p' }), -1)
  journal.commit = commit
  await register(poller('p'))
  journal.commit = () => Promise.reject(new AppError('journal.full', 'no space'))
  const some = await registrations.register([poller('p'), poller('q')], admin, 1)
  assert.deepEqual(results(some), ['unchanged', 'journal.full'])
})
