import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import type { Outcome } from '../target.ts'
import { seededRandom } from '../testing/seeded.ts'
import { createHouse } from './testing/house.ts'
import { createShelf } from './testing/shelf.ts'

const refused = (until: 'item' | 'target'): Outcome => ({ is: 'rejected', why: 'refused', detail: 'too large', until })
const failed = (effect: 'none' | 'unknown'): Outcome => ({
  is: 'failed',
  error: new AppError('target.unavailable', 'no answer'),
  effect,
})

test('rejected until the item changes: neither passes nor a new fingerprint try it again', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  house.shelf.answer = () => refused('item')
  await house.pass()
  house.shelf.fingerprint = 'f2'
  await house.pass()
  assert.equal(house.shelf.asked.length, 1)
  house.place.put('k', 'v2')
  house.shelf.answer = () => undefined
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v2'])
})

test('rejected until the target changes: a new fingerprint tries it again', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  house.shelf.answer = () => refused('target')
  const report = await house.pass()
  assert.deepEqual([report.ok, report.targets[0]!.rejected], [false, 1])
  await house.pass()
  assert.equal(house.shelf.asked.length, 1)
  house.shelf.fingerprint = 'f2'
  house.shelf.answer = () => undefined
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('what fails together is tried again together', async () => {
  const house = createHouse({ random: seededRandom(7) })
  const keys = ['a', 'b', 'c', 'd', 'e']
  for (const key of keys) house.place.put(key, 'v1')
  house.shelf.answer = () => failed('none')
  await house.pass()
  const dues = await Promise.all(keys.map(async (key) => (await house.row(key))!.due))
  assert.equal(new Set(dues).size, 1)
})

test('what was refused, and is wanted as before, is settled without a call', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never' })] })
  house.place.put('k', 'v1')
  await house.pass()
  house.place.put('k', 'v2')
  house.shelf.answer = () => refused('item')
  await house.pass()
  house.place.put('k', 'v1')
  await house.pass()
  assert.deepEqual([house.shelf.asked.length, (await house.row('k'))!.state], [2, 'applied'])
  assert.deepEqual((await house.events('delivery.')).at(-1), 'delivery.settled k')
})

test('what was there is sent again where another change may have arrived since, and under another id', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never', repeat: 'keyed' })] })
  const { place, shelf } = house
  place.put('k', 'v1')
  await house.pass()
  place.put('k', 'v2')
  shelf.answer = () => failed('unknown')
  await house.pass()
  place.put('k', 'v1')
  shelf.answer = () => undefined
  await house.pass()
  assert.deepEqual(shelf.effects, ['put k v1', 'put k v1'])
  assert.equal(new Set(shelf.asked.map((change) => change.effectId)).size, 3)
})

test('a failed change backs off, is tried again when it is due, and tells its failure once', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never' })] })
  house.place.put('k', 'v1')
  house.shelf.answer = () => failed('none')
  await house.pass()
  await house.pass()
  assert.equal(house.shelf.asked.length, 1, 'not before it is due')
  const waits: number[] = []
  for (let attempt = 2; attempt < 6; attempt += 1) {
    waits.push((await house.row('k'))!.due! - house.clock.now())
    await house.clock.advance(waits.at(-1)!)
    await house.pass()
    assert.equal((await house.row('k'))!.attempts, attempt)
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000])
  assert.deepEqual(await house.events('delivery.'), ['delivery.sent k', 'delivery.failed k target.unavailable'])
  house.shelf.answer = () => undefined
  await house.clock.advance(60_000)
  await house.pass()
  assert.deepEqual([house.shelf.effects, (await house.row('k'))!.attempts], [['put k v1'], 0])
})

test('the latest wish is sent, not the one that failed, and at once', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  house.shelf.answer = () => failed('none')
  await house.pass()
  house.place.put('k', 'v2')
  house.shelf.answer = () => undefined
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v2'])
})

test('what waits is asked again with its handle when it is due', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never' })] })
  house.place.put('k', 'v1')
  house.shelf.answer = () => ({ is: 'waiting', on: 'build', handle: { build: 7 }, again: 1_000 })
  const report = await house.pass()
  assert.deepEqual([report.targets[0]!.waiting, (await house.row('k'))!.reason], [1, 'build'])
  await house.pass()
  assert.equal(house.shelf.asked.length, 1)
  await house.clock.advance(1_000)
  house.shelf.answer = () => undefined
  await house.pass()
  assert.deepEqual(
    house.shelf.asked.map((change) => change.handle),
    [undefined, { build: 7 }],
  )
  assert.equal((await house.row('k'))!.state, 'applied')
})

test('what waits gives way to another wish, without the handle', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  house.shelf.answer = () => ({ is: 'waiting', on: 'build', handle: { build: 7 } })
  await house.pass()
  house.place.put('k', 'v2')
  await house.pass()
  assert.deepEqual(
    house.shelf.asked.map(({ entry, handle }) => [entry?.digest, handle]),
    [
      ['v1', undefined],
      ['v2', undefined],
    ],
  )
})

test('what waits and is no longer wanted is taken back', async () => {
  const house = createHouse({ absence: 'vouched' })
  house.place.put('other', 'v1')
  house.place.put('k', 'v1')
  house.shelf.answer = ({ key, op }) =>
    key === 'k' && op === 'put' ? { is: 'waiting', on: 'pull-request', handle: { pull: 7 } } : undefined
  await house.pass()
  house.place.drop('k')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put other v1', 'delete k'])
  assert.equal(await house.row('k'), null)
})

test('a key without an outcome is not taken for done', async () => {
  const house = createHouse()
  house.place.put('a', 'v1')
  house.place.put('b', 'v1')
  house.shelf.answer = ({ key }) => (key === 'a' ? 'silent' : undefined)
  const report = await house.pass()
  assert.deepEqual(
    [report.ok, (await house.row('a'))!.state, (await house.row('b'))!.state],
    [false, 'unsure', 'applied'],
  )
  house.shelf.answer = () => undefined
  await house.clock.advance(60_000)
  assert.equal((await house.pass()).ok, true)
})

test('a target that is down is one state, not one failure for each key', async () => {
  const house = createHouse()
  for (const key of ['a', 'b', 'c']) house.place.put(key, 'v1')
  house.shelf.is = 'down'
  const report = await house.pass()
  assert.deepEqual([report.targets[0]!.state, report.targets[0]!.failed], ['unavailable', 0])
  assert.deepEqual(await house.events('delivery.'), [])
  house.shelf.is = 'up'
  await house.pass()
  assert.equal(house.shelf.effects.length, 3)
  assert.equal((await house.target())!.state, 'ok')
})
