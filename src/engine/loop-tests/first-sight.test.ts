import assert from 'node:assert/strict'
import { test } from 'node:test'
import { root } from '../scope.ts'
import { fixedTargets } from '../target.ts'
import { createHouse } from './testing/house.ts'
import { createShelf } from './testing/shelf.ts'

test('what the target already holds is adopted without a write', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  house.shelf.values.set('k', { value: 'v1', owned: false })
  const report = await house.pass()
  assert.deepEqual(house.shelf.asked, [])
  assert.equal(report.targets[0]!.adopted, 1)
  assert.equal((await house.row('k'))!.state, 'applied')
  assert.equal((await house.row('k'))!.reason, 'adopted')
})

test('what comes between two looks is adopted, too, where a look costs less than a change', async () => {
  const shelf = createShelf()
  const target = shelf.target()
  const careful = { ...target, traits: { ...target.traits, lookFirst: true } } as const
  const house = createHouse({ shelves: [shelf], targets: fixedTargets(careful) })
  house.place.put('k', 'v1')
  await house.pass()
  shelf.effects.splice(0)
  house.place.put('k', 'v2')
  house.place.put('later', 'v1')
  shelf.values.set('later', { value: 'v1', owned: false })
  const looks = shelf.looked
  // A hint: no look at targets is due.
  await house.pass({ only: [{ scope: root }] })
  assert.deepEqual(shelf.effects, ['put k v2'])
  assert.equal((await house.row('later'))!.reason, 'adopted')
  house.place.put('k', 'v3')
  await house.pass({ only: [{ scope: root }] })
  assert.equal(shelf.looked, looks + 1, 'none for a key that it was sent before')
})

test('a foreign value is overwritten where the policy says so', async () => {
  const house = createHouse({ spec: { firstSight: 'overwrite' } })
  house.place.put('k', 'v1')
  house.shelf.values.set('k', { value: 'theirs', owned: false })
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('a foreign value is kept where the policy says so, also when the source moves on', async () => {
  const house = createHouse({ spec: { firstSight: 'keep' } })
  house.place.put('k', 'v1')
  house.shelf.values.set('k', { value: 'theirs', owned: false })
  await house.pass()
  house.place.put('k', 'v2')
  await house.pass()
  assert.deepEqual(house.shelf.asked, [])
  const { state, reason } = (await house.row('k'))!
  assert.deepEqual([state, reason], ['rejected', 'first-sight'])
})

test('a foreign value waits for a person, also when the source moves on', async () => {
  const house = createHouse({ spec: { firstSight: 'hold' } })
  house.place.put('k', 'v1')
  house.shelf.values.set('k', { value: 'theirs', owned: false })
  await house.pass()
  house.place.put('k', 'v2')
  await house.pass()
  assert.deepEqual(house.shelf.asked, [])
  assert.deepEqual(
    (await house.holds()).map((hold) => hold.reason),
    ['first-sight'],
  )
})

test('a restart does not let go of what waits for a person', async () => {
  const house = createHouse({ spec: { firstSight: 'hold' } })
  house.place.put('k', 'v1')
  house.shelf.values.set('k', { value: 'theirs', owned: false })
  await house.pass()
  house.restart()
  await house.pass()
  assert.deepEqual(house.shelf.asked, [])
})

test('a released first sight is overwritten once; another value of it is held anew', async () => {
  const house = createHouse({ spec: { firstSight: 'hold' } })
  house.place.put('k', 'v1')
  house.shelf.values.set('k', { value: 'theirs', owned: false })
  await house.pass()
  await house.release('k')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  assert.equal((await house.row('k'))!.state, 'applied')
  assert.deepEqual(await house.holds(), [])
})

for (const firstSight of ['keep', 'hold'] as const) {
  test(`first sight ${firstSight}: what stood in the way has gone by itself`, async () => {
    const house = createHouse({ spec: { firstSight } })
    house.place.put('k', 'v1')
    house.shelf.values.set('k', { value: 'theirs', owned: false })
    await house.pass()
    house.shelf.values.delete('k')
    await house.pass()
    assert.deepEqual(house.shelf.effects, ['put k v1'])
    assert.deepEqual(await house.holds(), [])
  })

  test(`first sight ${firstSight}: the policy was changed to overwrite`, async () => {
    const house = createHouse({ spec: { firstSight } })
    house.place.put('k', 'v1')
    house.shelf.values.set('k', { value: 'theirs', owned: false })
    await house.pass()
    house.restart({ spec: { firstSight: 'overwrite' } })
    await house.pass()
    assert.deepEqual(house.shelf.effects, ['put k v1'])
  })

  test(`first sight ${firstSight}: a foreign value that nobody wants is left alone`, async () => {
    const house = createHouse({ spec: { firstSight }, absence: 'vouched' })
    house.place.put('other', 'v1')
    house.place.put('k', 'v1')
    house.shelf.values.set('k', { value: 'theirs', owned: false })
    await house.pass()
    house.place.drop('k')
    await house.pass()
    assert.deepEqual(house.shelf.effects, ['put other v1'])
    assert.equal(await house.row('k'), null)
    assert.deepEqual(await house.holds(), [])
  })
}
