import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { services } from '../tables.ts'
import { admin, agent, checker, day, poller, registrationsOn } from './testing.ts'

const memory = () => createMemoryJournal({ clock: createFakeClock({ start: 1_000_000 }), tables: [services] })
const on = () => registrationsOn(memory())
const at = 2_000_000
const by = { ...admin, reason: 'asked for', at }
const system = { actor: 'system', from: '10.0.0.9', at }
const silence = { actor: 'job:mark-inactive', rule: 'service-silent', at }
const p = { type: 'poller', id: 'p' } as const
const a = { type: 'agent', id: 'a' } as const
const c = { type: 'checker', id: 'c' } as const

/** A poller with an agent with a checker, all active. */
async function family() {
  const world = on()
  const { registrations, register } = world
  await register(poller('p'))
  await register(agent('a', 'p'))
  await register(checker('c', 'a'))
  await registrations.transitAll([p, a, c].map(world.slotOf), 'heartbeat', system)
  return world
}

const told = (events: { what: string; key: string }[]) => events.map(({ key, what }) => `${key} ${what}`)

test('a first heartbeat activates: first seen is set once, and it is told', async () => {
  const { registrations, register, row, events, changed } = on()
  const { slot } = await register(poller('p'))
  assert.deepEqual(await registrations.transitAll([slot, slot], 'heartbeat', system), [slot])
  assert.equal((await row(p))?.firstSeen, at)
  const activated = (await events()).at(-1)!
  assert.deepEqual(activated.data, {
    registration_source: 'config',
    source_ip: '10.0.0.9',
    from: 'pending',
    to: 'active',
  })
  assert.ok(changed.includes(slot))
  await registrations.transitAll([slot], 'silence', silence)
  await registrations.transitAll([slot], 'heartbeat', { ...system, at: at + 5 })
  const after = await row(p)
  assert.deepEqual([after?.status, after?.firstSeen, after?.statusAt], ['active', at, at + 5])
  assert.deepEqual(await registrations.transit(slot, 'heartbeat', system), { is: 'same' })
})

test('defect 1: an inactive service is reactivated by its heartbeat, and told', async () => {
  const { registrations, register, statusOf, events, transitions } = on()
  const { slot } = await register(poller('p'))
  await registrations.transit(slot, 'heartbeat', system)
  assert.deepEqual(await registrations.transitAll([slot], 'silence', silence), [slot])
  assert.equal(statusOf(p), 'inactive')
  await registrations.transit(slot, 'heartbeat', system)
  assert.equal(statusOf(p), 'active')
  assert.deepEqual(told(await events()).slice(-2), ['poller/p deactivated', 'poller/p reactivated'])
  assert.deepEqual(transitions.slice(-2), ['poller active inactive', 'poller inactive active'])
})

test('defect 2: deactivated, revoked, deleted, archived, restored, undeleted and purged are told, with who and why', async () => {
  const { registrations, register, events } = on()
  const { slot } = await register(poller('p'))
  await registrations.transit(slot, 'heartbeat', system)
  await registrations.transitAll([slot], 'silence', silence)
  await registrations.transit(slot, 'archive', { actor: 'job:archive', rule: 'service-archived', at })
  for (const trigger of ['activate', 'revoke', 'delete', 'undelete', 'purge'] as const) {
    await registrations.transit(slot, trigger, by)
  }
  const some = (await events()).slice(2)
  assert.deepEqual(
    some.map(({ what, actor, reason, data }) => [what, actor, reason ?? data['reason'], data['from'], data['to']]),
    [
      ['deactivated', 'job:mark-inactive', 'service-silent', 'active', 'inactive'],
      ['archived', 'job:archive', 'service-archived', 'inactive', 'revoked'],
      ['restored', 'token:admin', 'asked for', 'revoked', 'active'],
      ['revoked', 'token:admin', 'asked for', 'active', 'revoked'],
      ['deleted', 'token:admin', 'asked for', 'revoked', 'deleted'],
      ['undeleted', 'token:admin', 'asked for', 'deleted', 'revoked'],
      ['purged', 'token:admin', 'asked for', 'revoked', 'gone'],
    ],
  )
  assert.equal(some[0]!.data['last_seen'], '1970-01-01T00:00:05.000Z')
})

test('defect 3: a revocation is in memory when it is answered, and only what the table allows happens', async () => {
  const { registrations, register, statusOf, events } = on()
  const { slot } = await register(poller('p'))
  await registrations.transit(slot, 'revoke', by)
  assert.equal(statusOf(p), 'revoked')
  const before = (await events()).length
  await assert.rejects(registrations.transit(slot, 'deactivate', by), (error: AppError) => {
    assert.equal(error.code, 'services.transition')
    assert.deepEqual(error.data['why'], 'service-revoked')
    assert.match(error.detail, /Poller p is revoked. An admin restores it first/)
    return true
  })
  await assert.rejects(registrations.transit(slot, 'undelete', by), { code: 'services.transition' })
  assert.equal((await events()).length, before)
})

test('defect 4: a revoke between read and write is not undone', async () => {
  const journal = memory()
  const { registrations, register, statusOf, events } = registrationsOn(journal)
  const { slot } = await register(poller('p'))
  // Another process that revokes at the very moment.
  const { commit } = journal
  let once = true
  journal.commit = async (facts, options) => {
    if (!once) return commit(facts, options)
    once = false
    const other = registrationsOn({ ...journal, commit })
    await other.registrations.load()
    await other.registrations.transit(other.slotOf(p), 'revoke', by)
    return commit(facts, options)
  }
  assert.deepEqual(await registrations.transitAll([slot], 'heartbeat', system), [])
  assert.equal(statusOf(p), 'revoked')
  await assert.rejects(registrations.transit(slot, 'heartbeat', system), { code: 'services.transition' })
  assert.deepEqual(told(await events()), ['poller/p registered', 'poller/p revoked'])
})

test('defect 7: a heartbeat changes no field of a registration', async () => {
  const { registrations, register, row } = on()
  const asked = poller('p', {
    component: 'pkg',
    spiffe: 'spiffe://td/p',
    metadata: { site: 'x' },
    source: 'k8s_spiffe',
  })
  const { slot } = await register(asked)
  const { status: _s, statusAt: _a, firstSeen: _f, seq: _q, ...before } = (await row(p))!
  await registrations.transit(slot, 'heartbeat', system)
  const { status, statusAt, firstSeen, seq: _r, ...after } = (await row(p))!
  assert.deepEqual(after, before)
  assert.deepEqual([status, statusAt, firstSeen], ['active', at, at])
})

test('defect 9: each of a family is activated by its first heartbeat, with its event', async () => {
  const { events } = await family()
  assert.deepEqual(told(await events()).slice(3), ['poller/p activated', 'agent/a activated', 'checker/c activated'])
})

test('defect 11: children are counted', async () => {
  const { roster, slotOf, registrations } = await family()
  const count = (ref: typeof p | typeof a) => roster.columns.children[slotOf(ref)]
  assert.deepEqual([count(p), count(a)], [1, 1])
  await registrations.transit(slotOf(c), 'purge', { ...by, force: true })
  assert.deepEqual([count(p), count(a)], [1, 0])
})

test('defect 12: a purge tells who, and of which parent; a revocation keeps its own time', async () => {
  const { registrations, slotOf, events, row } = await family()
  await registrations.transit(slotOf(c), 'revoke', by)
  await registrations.transit(slotOf(c), 'delete', { ...by, at: at + 1 })
  const { revokedAt, statusAt, before } = (await row(c))!
  assert.deepEqual([revokedAt, statusAt, before], [at, at + 1, 'revoked'])
  await registrations.transit(slotOf(c), 'purge', by)
  const { what, actor, data } = (await events()).at(-1)!
  assert.deepEqual(
    [what, actor, data['agent_id'], data['poller_id'], data['component_id']],
    ['purged', 'token:admin', 'a', 'p', 'c'],
  )
  assert.equal(await row(c), null)
  assert.equal(slotOf(c), -1)
})

test('two heartbeats that activate at once are one change', async () => {
  const { registrations, register, events } = on()
  const { slot } = await register(poller('p'))
  const both = await Promise.all([
    registrations.transitAll([slot], 'heartbeat', system),
    registrations.transitAll([slot], 'heartbeat', system),
  ])
  assert.deepEqual(both, [[slot], []])
  assert.equal((await events()).length, 2)
})

test('I3: revoked and deleted stay so, whatever heartbeats come; a person restores', async () => {
  const { registrations, slotOf, statusOf } = await family()
  await registrations.transit(slotOf(c), 'revoke', by)
  await registrations.transitAll([slotOf(c), slotOf(a)], 'heartbeat', system)
  assert.equal(statusOf(c), 'revoked')
  await registrations.transit(slotOf(c), 'activate', by)
  assert.equal(statusOf(c), 'active')
})

test('restored leads to active where it was ever heard of, with a fresh grace, else to pending', async () => {
  const { registrations, register, statusOf, changed, row } = on()
  const { slot: seen } = await register(poller('p'))
  const { slot: unseen } = await register(poller('q'))
  await registrations.transit(seen, 'heartbeat', system)
  for (const slot of [seen, unseen]) await registrations.transit(slot, 'revoke', by)
  changed.length = 0
  for (const slot of [seen, unseen]) await registrations.transit(slot, 'activate', by)
  assert.equal(statusOf(p), 'active')
  assert.equal(statusOf({ type: 'poller', id: 'q' }), 'pending')
  assert.ok(changed.includes(seen))
  assert.equal((await row(p))?.revokedAt, null)
})

test('undelete leads back to the status before, within the grace time alone', async () => {
  const { registrations, slotOf, statusOf, row } = await family()
  await registrations.transit(slotOf(c), 'deactivate', by)
  await registrations.transit(slotOf(c), 'delete', by)
  await registrations.transit(slotOf(c), 'undelete', { ...by, at: at + 7 * day })
  assert.equal(statusOf(c), 'inactive')
  assert.equal((await row(c))?.before, null)
  await registrations.transit(slotOf(c), 'delete', by)
  await assert.rejects(
    registrations.transit(slotOf(c), 'undelete', { ...by, at: at + 7 * day + 1 }),
    (error: AppError) => {
      assert.equal(error.data['why'], 'service-grace-over')
      return true
    },
  )
})

test('cascade: all or none, told one by one', async () => {
  const { registrations, slotOf, statusOf, events } = await family()
  await registrations.transit(slotOf(p), 'deactivate', by)
  await assert.rejects(registrations.transit(slotOf(p), 'delete', { ...by, cascade: true }), (error: AppError) => {
    assert.match(error.detail, /Agent a is active/)
    return true
  })
  assert.equal(statusOf(p), 'inactive')
  const done = await registrations.transit(slotOf(p), 'revoke', { ...by, cascade: true })
  assert.deepEqual(done, { is: 'done', slots: [p, a, c].map(slotOf) })
  assert.deepEqual([p, a, c].map(statusOf), ['revoked', 'revoked', 'revoked'])
  await registrations.transit(slotOf(p), 'purge', { ...by, cascade: true })
  assert.deepEqual(told(await events()).slice(-3), ['checker/c purged', 'agent/a purged', 'poller/p purged'])
  assert.deepEqual([p, a, c].map(slotOf), [-1, -1, -1])
})

test('a cascade of thousands is written in steps, parents first', async () => {
  const { registrations, register, slotOf, events, roster } = on()
  await register(poller('p'))
  const many = Array.from({ length: 4_500 }, (_, n) => agent(`a${n}`, 'p'))
  await registrations.register(many, admin, 1)
  await registrations.transit(slotOf(p), 'revoke', { ...by, cascade: true })
  assert.equal(roster.count('agent', 'revoked'), 4_500)
  const revoked = (await events()).filter(({ what }) => what === 'revoked')
  assert.deepEqual([revoked.length, revoked[0]?.key], [4_501, 'poller/p'])
})

test('purge refuses while there are children, in use unless forced, and the id is free afterwards', async () => {
  const { registrations, register, slotOf, statusOf } = await family()
  const why = (expected: string) => (error: AppError) => {
    assert.deepEqual([error.code, error.data['why']], ['services.transition', expected])
    return true
  }
  await assert.rejects(registrations.transit(slotOf(p), 'purge', { ...by, force: true }), why('service-has-children'))
  await assert.rejects(registrations.transit(slotOf(c), 'purge', by), why('service-in-use'))
  const old = slotOf(c)
  await registrations.transit(old, 'purge', { ...by, force: true })
  await assert.rejects(registrations.transit(old, 'revoke', by), { code: 'request.not-found' })
  const { slot } = await register(checker('c', 'a'))
  assert.notEqual(slot, old)
  assert.equal(statusOf(c), 'pending')
})

test('a child that is being registered while its parent is purged or revoked with all below: either, never both', async () => {
  for (const trigger of ['purge', 'revoke', 'delete'] as const) {
    const { registrations, register, slotOf, statusOf } = on()
    const { slot } = await register(poller('p'))
    const first = registrations.register([agent('a', 'p'), checker('c', 'a')], admin, 1)
    const gone = registrations.transit(slot, trigger, { ...by, cascade: true, force: true })
    const late = await registrations.register([agent('b', 'p')], admin, 1)
    await Promise.all([first, gone])
    const left = trigger === 'purge' ? null : trigger === 'revoke' ? 'revoked' : 'deleted'
    assert.deepEqual([p, a, c].map(statusOf), [left, left, left])
    assert.ok(late[0] instanceof AppError && late[0].code === 'services.parent')
    assert.equal(slotOf({ type: 'agent', id: 'b' }), -1)
  }
})

test('If-Match: a version that has moved changes nothing', async () => {
  const { registrations, register, row, statusOf } = on()
  const { slot } = await register(poller('p'))
  const { seq } = (await row(p))!
  await registrations.transit(slot, 'heartbeat', system)
  await assert.rejects(registrations.transit(slot, 'revoke', { ...by, ifSeq: seq }), { code: 'request.precondition' })
  assert.equal(statusOf(p), 'active')
  await registrations.transit(slot, 'revoke', { ...by, ifSeq: (await row(p))!.seq })
})

test('what cannot be written leaves memory as it was; where nobody knows, the ledger is asked before the next decision', async () => {
  const journal = memory()
  const { registrations, register, statusOf, events } = registrationsOn(journal)
  const { slot } = await register(poller('p'))
  const { commit } = journal
  journal.commit = () => Promise.reject(new AppError('journal.full', 'no space'))
  await assert.rejects(registrations.transit(slot, 'revoke', by), { code: 'journal.full' })
  assert.equal(statusOf(p), 'pending')
  journal.commit = async (facts, options) => {
    await commit(facts, options)
    throw new AppError('journal.unavailable', 'broke at COMMIT', { data: { effect: 'unknown' } })
  }
  await assert.rejects(registrations.transit(slot, 'revoke', by), { code: 'journal.unavailable' })
  journal.commit = commit
  const { select } = journal
  journal.select = () => Promise.reject(new AppError('journal.unavailable', 'still away'))
  await assert.rejects(registrations.register([agent('a', 'p')], admin, at), { code: 'journal.unavailable' })
  journal.select = select
  const [child] = await registrations.register([agent('a', 'p')], admin, at)
  assert.ok(child instanceof AppError && child.code === 'services.parent')
  assert.deepEqual(await registrations.transit(slot, 'revoke', by), { is: 'same' })
  assert.equal(statusOf(p), 'revoked')
  assert.deepEqual(told(await events()), ['poller/p registered', 'poller/p revoked'])
})
