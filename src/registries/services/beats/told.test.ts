import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../kernel/logger.ts'
import { beatOf, beatsOn } from './testing/ground.ts'
import { createTold, mostTold } from './told.ts'

test('each is told of at most once a minute to have begun anew, and once an hour to share its id', async () => {
  const ground = beatsOn()
  await ground.take([beatOf('poller/p'), beatOf('agent/a', 'p')])
  const slot = ground.slotOf('agent/a')
  const { told } = ground
  const start = ground.clock.now()
  const minute = 60_000
  for (const at of [0, 1, minute - 1, minute, minute + 1, 3 * minute]) told.note(slot, 'restarted', start + at)
  for (const at of [0, minute, 59 * minute, 60 * minute]) told.note(slot, 'duplicate', start + at)
  await told.stop()
  const events = (await ground.journal.events({ key: 'agent/a' })).filter(({ reason }) => reason !== undefined)
  const types = events.map(({ type }) => type)
  assert.deepEqual(types.toSorted(), [
    ...Array.from({ length: 2 }, () => 'service.duplicated'),
    ...Array.from({ length: 3 }, () => 'service.restarted'),
  ])
  const [first] = events
  assert.deepEqual(
    { actor: first?.actor, reason: first?.reason, data: first?.data },
    {
      actor: 'system',
      reason: 'service-restarted',
      data: { registration_source: 'implicit', poller_id: 'p' },
    },
  )
})

test('of more than a bound in a minute nobody is told, however many begin anew', async () => {
  const ground = beatsOn()
  await ground.take([beatOf('poller/p')])
  let commits = 0
  let facts = 0
  const journal = {
    ...ground.journal,
    commit: async (some: readonly unknown[]) => {
      commits += 1
      facts += some.length
      await Promise.resolve()
      return some.map((_, at) => at + 1)
    },
  }
  // One slot stands for many: only the numbers differ.
  const roster = { ...ground.roster, typeOf: () => 'poller' as const, idOf: () => 'p' }
  const many = createTold({ journal, roster, logger: silentLogger })
  for (let slot = 0; slot < mostTold + 500; slot += 1) many.note(slot, 'restarted', 1_000)
  await many.stop()
  assert.equal(facts, mostTold)
  assert.ok(commits < 100)
})

test('what cannot be recorded holds up nobody', async () => {
  const ground = beatsOn()
  await ground.take([beatOf('poller/p', '', { boot: 'one' })])
  await ground.journal.close()
  const results = [await ground.take([beatOf('poller/p', '', { boot: 'two' })])]
  await ground.told.stop()
  assert.deepEqual(results, [['restarted']])
})
