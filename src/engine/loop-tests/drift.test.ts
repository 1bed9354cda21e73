/** Somebody else writes to a target: found, and put right, reported or left, as the sync says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHouse, type House, type Setting } from './testing/house.ts'

/** A running house that has delivered `k`, and looks at its source once a minute. */
async function running(setting: Setting = {}): Promise<House> {
  const house = createHouse({ ...setting, spec: { schedule: { interval: 60_000, jitter: 0 }, ...setting.spec } })
  house.place.put('k', 'v1')
  house.engine.start()
  await house.advance(1_000)
  house.shelf.effects.length = 0
  return house
}

function meddle(house: House, value = 'theirs'): void {
  house.shelf.values.set('k', { value, owned: true })
  house.shelf.disturb()
}

test('what a target tells is looked at at once, without a look at the source', async () => {
  const house = await running()
  const asked = house.place.asked.length
  meddle(house)
  await house.advance(1_000)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  assert.equal(house.place.asked.length, asked)
})

test('a target that tells all the time is looked at twice a second', async () => {
  const house = await running()
  house.shelf.looked = 0
  for (let n = 0; n < 500; n += 1) {
    house.shelf.disturb()
    await house.advance(20)
  }
  assert.ok(house.shelf.looked >= 15 && house.shelf.looked <= 22, `${house.shelf.looked} looks in 10 s`)
})

test('a target that left the set is listened to no more', async () => {
  const house = await running()
  house.engine.stop().catch(() => {})
  await house.advance(1_000)
  house.shelf.looked = 0
  meddle(house)
  await house.advance(5_000)
  assert.equal(house.shelf.looked, 0)
})

test('somebody who writes back each time is answered less and less often, and it is shown', async () => {
  const house = await running()
  const repairs: number[] = []
  for (let second = 0; second < 600; second += 1) {
    const before = house.shelf.effects.length
    if (house.shelf.values.get('k')?.value === 'v1') meddle(house)
    await house.advance(1_000)
    if (house.shelf.effects.length > before) repairs.push(second)
  }
  // At once, at once, then after 5, 10, 20, 40, … seconds.
  assert.ok(repairs.length >= 6 && repairs.length <= 10, repairs.join(' '))
  const gaps = repairs.slice(1).map((at, n) => at - repairs[n]!)
  assert.ok(gaps.at(-1)! > 8 * gaps[2]!, gaps.join(' '))
  const [hold] = await house.holds()
  assert.deepEqual([hold!.reason, hold!.key, hold!.until! > house.clock.now()], ['contested', 'k', true])
})

test('a contested repair outlives a restart, goes when a person says so, and is forgotten in peace', async () => {
  const house = await running()
  for (let n = 0; n < 3; n += 1) {
    meddle(house)
    await house.advance(1_000)
  }
  assert.deepEqual([house.shelf.effects.length, (await house.row('k'))!.state], [2, 'held'])
  house.restart()
  house.engine.start()
  await house.advance(1_000)
  assert.equal(house.shelf.effects.length, 2)
  await house.release('k')
  await house.advance(1_000)
  assert.deepEqual([house.shelf.effects.length, await house.holds()], [3, []])
  await house.advance(1_200_000)
  meddle(house)
  await house.advance(1_000)
  assert.deepEqual([house.shelf.effects.length, (await house.row('k'))!.contest!.times], [4, 1])
})

test('kept: what somebody else wrote stays until the entry changes', async () => {
  const house = await running({ spec: { drift: 'keep' } })
  meddle(house)
  await house.advance(120_000)
  assert.deepEqual([house.shelf.effects, (await house.row('k'))!.reason], [[], 'drift-kept'])
  house.place.put('k', 'v2')
  await house.advance(60_000)
  assert.deepEqual([house.shelf.effects, (await house.row('k'))!.state], [['put k v2'], 'applied'])
})

test('kept: what goes back to what we wrote is ours again', async () => {
  const house = await running({ spec: { drift: 'keep' } })
  meddle(house)
  await house.advance(1_000)
  meddle(house, 'v1')
  await house.advance(1_000)
  assert.deepEqual([house.shelf.effects, (await house.row('k'))!.state], [[], 'applied'])
})
