import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { services } from '../tables.ts'
import { admin, agent, checker, poller, registrationsOn } from './testing.ts'

const p = { type: 'poller', id: 'p' } as const
const a = { type: 'agent', id: 'a' } as const

const memory = () => createMemoryJournal({ clock: createFakeClock({ start: 1_000_000 }), tables: [services] })

async function family(journal = memory()) {
  const world = registrationsOn(journal)
  await world.register(poller('p'))
  await world.register(poller('q'))
  await world.register(agent('a', 'p', { metadata: { site: 'x' } }))
  await world.register(checker('c', 'a'))
  return world
}

test('an edit changes what it names, and tells what was and what is', async () => {
  const { registrations, slotOf, row, events, changed, roster } = await family()
  const slot = slotOf(a)
  changed.length = 0
  const edit = { metadata: { site: 'y' }, interval: 10_000, inactiveAfter: 60_000, spiffe: null }
  assert.deepEqual(await registrations.edit(slot, edit, admin, 5), { result: 'changed', slot })
  const after = (await row(a))!
  assert.deepEqual([after.metadata, after.interval, after.inactiveAfter], [{ site: 'y' }, 10_000, 60_000])
  assert.equal(roster.columns.interval[slot], 10_000)
  assert.equal(roster.columns.seq[slot], after.seq)
  assert.deepEqual(changed.at(-1), slot)
  const { what, data } = (await events()).at(-1)!
  assert.equal(what, 'changed')
  assert.deepEqual(data['before'], { metadata: { site: 'x' }, interval: null, inactive_after: null })
  assert.deepEqual(data['after'], { metadata: { site: 'y' }, interval: '10s', inactive_after: '1m' })
  const before = (await events()).length
  assert.deepEqual(await registrations.edit(slot, edit, admin, 6), { result: 'unchanged', slot })
  assert.equal((await events()).length, before)
})

test('another parent moves it, with what is below it', async () => {
  const { registrations, slotOf, row, events, roster } = await family()
  const slot = slotOf(a)
  await registrations.edit(slot, { parent: 'q', interval: 7_000 }, admin, 5)
  assert.equal(roster.columns.parent[slot], slotOf({ type: 'poller', id: 'q' }))
  assert.deepEqual(
    [roster.columns.children[slotOf(p)], roster.columns.children[slotOf({ type: 'poller', id: 'q' })]],
    [0, 1],
  )
  const [moved, changed] = (await events()).slice(-2)
  assert.deepEqual([moved?.what, changed?.what], ['moved', 'changed'])
  assert.deepEqual(moved?.data, {
    registration_source: 'config',
    component_id: 'a',
    poller_id: 'q',
    before: { poller_id: 'p' },
    after: { poller_id: 'q' },
  })
  assert.equal((await row(a))?.seq, roster.columns.seq[slot])
})

test('a parent that is not there, or not known any more, is refused', async () => {
  const { registrations, slotOf, row } = await family()
  await registrations.transit(slotOf({ type: 'poller', id: 'q' }), 'revoke', { ...admin, at: 5 })
  for (const parent of ['none', 'q']) {
    await assert.rejects(registrations.edit(slotOf(a), { parent }, admin, 5), { code: 'services.parent' })
  }
  await assert.rejects(registrations.edit(slotOf(p), { parent: 'q' }, admin, 5), { code: 'services.parent' })
  assert.equal((await row(a))?.parent, 'p')
})

test('a parent that is purged while a service moves there: either, never both', async () => {
  const { registrations, slotOf, row, roster } = await family()
  const q = slotOf({ type: 'poller', id: 'q' })
  const move = registrations.edit(slotOf(a), { parent: 'q' }, admin, 5)
  const purge = registrations.transit(q, 'purge', { ...admin, at: 5, force: true })
  await assert.rejects(purge, { code: 'services.transition' })
  await move
  assert.equal((await row(a))?.parent, 'q')
  assert.equal(roster.columns.children[q], 1)
})

test('a parent of which nobody knows whether it was purged is looked at before anything moves there', async () => {
  const journal = memory()
  const { registrations, slotOf, row } = await family(journal)
  const { commit } = journal
  journal.commit = async (facts, options) => {
    journal.commit = commit
    await commit(facts, options)
    throw new AppError('journal.unavailable', 'broke at COMMIT', { data: { effect: 'unknown' } })
  }
  const q = slotOf({ type: 'poller', id: 'q' })
  const purge = registrations.transit(q, 'purge', { ...admin, at: 5, force: true })
  const move = registrations.edit(slotOf(a), { parent: 'q' }, admin, 5)
  await assert.rejects(purge, { code: 'journal.unavailable' })
  await assert.rejects(move, { code: 'services.parent' })
  assert.equal((await row(a))?.parent, 'p')
})

test('an edit of a deleted one, or of a version that has moved, is refused', async () => {
  const { registrations, slotOf, row } = await family()
  const slot = slotOf({ type: 'checker', id: 'c' })
  const { seq } = (await row({ type: 'checker', id: 'c' }))!
  const edit = { interval: 5_000 }
  await registrations.edit(slot, edit, { ...admin, ifSeq: seq }, 5)
  await assert.rejects(registrations.edit(slot, { interval: 6_000 }, { ...admin, ifSeq: seq }, 5), {
    code: 'request.precondition',
  })
  await registrations.transit(slot, 'delete', { ...admin, at: 5 })
  await assert.rejects(registrations.edit(slot, edit, admin, 5), { code: 'services.transition' })
})
