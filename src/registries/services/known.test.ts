import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServicesConfig } from './config.ts'
import { createKnownCheck } from './known.ts'
import { serviceStatuses, type ServiceStatus } from './model.ts'
import { createRoster } from './roster/create.ts'
import { serviceRow } from './testing.ts'

function check(mode: 'off' | 'shadow' | 'enforce', list: readonly string[] = []) {
  const roster = createRoster()
  for (const [at, status] of serviceStatuses.entries()) roster.learn(serviceRow({ id: status, status, seq: at + 1 }))
  const config = ServicesConfig.parse({ known: { mode, list: [...list] } })
  return { roster, known: createKnownCheck({ roster, config }) }
}

test('defect 1: who is pending, active or inactive is known, and may come back', () => {
  const { known } = check('enforce')
  const answers = Object.fromEntries(serviceStatuses.map((status) => [status, known.isKnown(status)]))
  assert.deepEqual(answers, { pending: true, active: true, inactive: true, revoked: false, deleted: false })
})

test('I7: known is what the registry says right after each change, without anything to go stale', () => {
  const { roster, known } = check('enforce')
  const turns: readonly (readonly [ServiceStatus, boolean])[] = [
    ['revoked', false],
    ['active', true],
    ['inactive', true],
    ['deleted', false],
    ['pending', true],
  ]
  for (const [at, [status, expected]] of turns.entries()) {
    roster.turn(roster.find('poller', 'active'), status, 2_000, null, 100 + at)
    assert.equal(known.isKnown('active'), expected, status)
    assert.deepEqual(known.explain('active'), { known: expected, status, by: 'registry' })
  }
  roster.forget(roster.find('poller', 'active'))
  assert.deepEqual(known.explain('active'), { known: false, status: null, by: 'registry' })
})

test('a revoked or deleted registration beats the static list, which knows those who are not registered', () => {
  const { known } = check('enforce', ['revoked', 'deleted', 'listed'])
  assert.equal(known.isKnown('revoked'), false)
  assert.deepEqual(known.explain('deleted'), { known: false, status: 'deleted', by: 'registry' })
  assert.deepEqual(known.explain('listed'), { known: true, status: null, by: 'list' })
  assert.deepEqual(known.explain('nobody'), { known: false, status: null, by: 'registry' })
  assert.deepEqual(known.explain('active'), { known: true, status: 'active', by: 'registry' })
})

test('in mode shadow everybody may report, and it is said what would have been', () => {
  const { known } = check('shadow', ['listed'])
  assert.equal(known.isKnown('nobody'), true)
  assert.equal(known.isKnown('revoked'), true)
  assert.deepEqual(known.explain('revoked'), { known: false, status: 'revoked', by: 'shadow' })
  assert.deepEqual(known.explain('nobody'), { known: false, status: null, by: 'shadow' })
  assert.deepEqual(known.explain('listed'), { known: true, status: null, by: 'shadow' })
})

test('in mode off the list decides, and without one everybody may report', () => {
  const listed = check('off', ['listed']).known
  assert.deepEqual([listed.isKnown('listed'), listed.isKnown('active')], [true, false])
  assert.deepEqual(listed.explain('active'), { known: false, status: 'active', by: 'list' })
  const open = check('off').known
  assert.deepEqual([open.isKnown('nobody'), open.isKnown('revoked')], [true, true])
  assert.deepEqual(open.explain('nobody'), { known: true, status: null, by: 'off' })
})

test('an id of another type is nobody: a poller is known, an agent of that name is not asked', () => {
  const { roster, known } = check('enforce')
  roster.learn(serviceRow({ type: 'agent', id: 'a', parent: 'active', seq: 50 }))
  assert.equal(known.isKnown('a'), false)
})
