/** A sync that leaves the config, comes back, or is let go of. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDraft } from '../../database/draft.ts'
import { silentLogger } from '../../kernel/logger.ts'
import { createMetrics } from '../../kernel/metrics.ts'
import { createEngine } from '../create-engine.ts'
import type { Engine } from '../engine.ts'
import type { Table } from '../../kernel/table.ts'
import { enrol } from '../roster.ts'
import { engineTables, scopes, syncs } from '../tables.ts'
import { createHouse, sync, type House } from './testing/house.ts'

/** A process on the same ledger whose config names no sync at all. */
function without({ journal, clock }: House): Engine {
  return createEngine({
    journal,
    clock,
    specs: [],
    random: () => 0.5,
    logger: silentLogger,
    metrics: createMetrics(),
    draft: (base) => createDraft(base, clock, engineTables),
  })
}

async function delivered(): Promise<House> {
  const house = createHouse({ spec: { firstSight: 'hold' } })
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  house.shelf.values.set('b', { value: 'theirs', owned: false })
  house.shelf.values.set('stray', { value: 'v1', owned: true })
  await house.pass()
  return house
}

const stateOf = async ({ journal }: House) => (await journal.get(syncs, { sync }))?.state

test('a sync that is forgotten leaves no row behind, and touches nothing at its targets', async () => {
  const house = await delivered()
  assert.equal(await without(house).forget({ sync }, 'tester'), 3)
  for (const table of engineTables as readonly Table[]) {
    assert.deepEqual(await house.journal.select(table), [], table.name)
  }
  assert.deepEqual(house.shelf.effects, ['put a v1'])
  assert.equal((await house.events()).at(-1), 'sync.forgotten')
  assert.equal((await house.journal.verify()).ok, true)
})

test('a sync that was forgotten and comes back adopts what is there', async () => {
  const house = await delivered()
  await without(house).forget({ sync }, 'tester')
  house.restart()
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put a v1'])
  assert.equal((await house.row('a'))?.state, 'applied')
})

test('a sync that the config names no more is orphaned, and active again when it returns', async () => {
  const house = await delivered()
  await enrol(house.journal, [])
  assert.equal(await stateOf(house), 'orphaned')
  house.restart()
  await house.pass()
  assert.equal(await stateOf(house), 'active')
  assert.deepEqual(await house.events('sync.'), ['sync.appeared', 'sync.orphaned orphaned', 'sync.returned'])
})

test('forgetting what nobody knows forgets nothing', async () => {
  const house = await delivered()
  const { engine } = house
  assert.equal(await engine.forget({ sync, target: 'no-such' }, 'tester'), 0)
  assert.equal(await engine.forget({ sync: 'no-such' }, 'tester'), 0)
})

test('a scope below another by its name alone is orphaned when the config names it no more, and removed when forgotten', async () => {
  const roots = [{ scope: '' }, { scope: 'sent', rank: 1 }]
  const house = createHouse({ absence: 'vouched', roots, namesAll: true })
  house.place.put('file', 'v1')
  house.place.put('sent', 'v1', 'sent')
  await house.pass()
  house.place.scopes.delete('sent')
  house.restart({ roots: [{ scope: '' }] })
  await house.pass({ why: 'hint', only: [{ scope: '' }] })
  await house.pass()
  assert.deepEqual([...house.shelf.values.keys()], ['file', 'sent'])
  assert.equal((await house.journal.get(scopes, { sync, scope: 'sent' }))?.state, 'orphaned')
  assert.equal(await house.engine.forget({ sync, scope: 'sent' }, 'tester'), 1)
  await house.pass()
  assert.deepEqual([...house.shelf.values.keys()], ['file'])
})
