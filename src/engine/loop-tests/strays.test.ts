/** Keys that a target's inventory names as ours and that no source ever told of: left by an earlier ledger. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHouse, type House } from './testing/house.ts'
import { createShelf } from './testing/shelf.ts'

/** A new ledger, and a shelf on which an earlier one left `old` and `k`. */
function inherited(): House {
  const house = createHouse()
  for (const key of ['k', 'old']) house.shelf.values.set(key, { value: 'v1', owned: true })
  house.place.put('k', 'v1')
  return house
}

test('a stray is believed absent after two looks, like anything else, then removed', async () => {
  const house = inherited()
  await house.pass()
  await house.pass()
  assert.deepEqual(house.shelf.effects, [])
  assert.deepEqual((await house.entry('old', '*'))!.state, 'stray')
  await house.clock.advance(20_000)
  await house.pass()
  await house.clock.advance(20_000)
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['delete old'])
  assert.deepEqual([...house.shelf.values.keys()], ['k'])
})

test('a stray that a source turns out to hold is claimed and stays', async () => {
  const house = inherited()
  await house.pass()
  house.place.put('old', 'v1')
  await house.pass()
  await house.clock.advance(60_000)
  await house.pass()
  assert.deepEqual([house.shelf.asked.length, await house.entry('old', '*')], [0, null])
})

test('nothing is believed of a stray while a scope cannot be read', async () => {
  const house = createHouse({ roots: [{ scope: 'a' }, { scope: 'b' }] })
  house.shelf.values.set('old', { value: 'v1', owned: true })
  house.place.put('k', 'v1', 'a')
  for (let pass = 0; pass < 4; pass += 1) {
    await house.pass()
    await house.clock.advance(60_000)
  }
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  house.place.put('l', 'v1', 'b')
  for (let pass = 0; pass < 3; pass += 1) {
    await house.pass()
    await house.clock.advance(60_000)
  }
  assert.equal(house.shelf.effects.at(-1), 'delete old')
})

test('what others put there is nobody’s stray', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  house.shelf.values.set('theirs', { value: 'v1', owned: false })
  for (let pass = 0; pass < 4; pass += 1) {
    await house.pass()
    await house.clock.advance(60_000)
  }
  assert.deepEqual([...house.shelf.values.keys()], ['theirs', 'k'])
  assert.equal(await house.row('theirs'), null)
})

test('one pass with a person’s word removes a stray at once, and no more than he allowed', async () => {
  const house = inherited()
  house.shelf.values.set('older', { value: 'v1', owned: true })
  await house.pass()
  await house.pass({ allowDeletes: 1 })
  assert.equal(house.shelf.effects.length, 1)
})

test('an owned key that comes back after its removal is removed again, and both are told', async () => {
  const [shelf, late] = [createShelf('shelf'), createShelf('late')]
  const house = createHouse({ absence: 'vouched', shelves: [shelf, late] })
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  await house.pass()
  late.is = 'down'
  house.place.drop('a')
  await house.pass()
  shelf.values.set('a', { value: 'v1', owned: true })
  await house.pass()
  assert.deepEqual(shelf.effects.slice(2), ['delete a', 'delete a'])
  assert.equal((await house.events('delivery.removed')).length, 2)
})
