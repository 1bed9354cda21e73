/** A plan is what the next pass would do, and does nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PlannedChange } from '../engine.ts'
import { createHouse, sync, type House } from './testing/house.ts'
import { down } from './testing/place.ts'
import { createShelf } from './testing/shelf.ts'

const plan = (house: House) => house.clock.drive(house.engine.plan(sync))
const line = ({ op, key, to, hold }: PlannedChange) => [op, key, to, hold].filter(Boolean).join(' ')

test('a plan tells puts, removals, drift and holds, with their reasons', async () => {
  const house = createHouse({ absence: 'vouched', spec: { budget: { least: 1, share: 0, over: 3_600_000 } } })
  for (const key of ['a', 'b', 'c', 'd']) house.place.put(key, 'v1')
  await house.pass()
  house.place.put('new', 'v1')
  house.place.put('a', 'v2')
  house.place.drop('b')
  house.place.drop('c')
  house.shelf.values.delete('d')
  const { changes } = await plan(house)
  assert.deepEqual(changes.map(line), ['put a v2', 'delete b', 'delete c removal-budget', 'put d v1', 'put new v1'])
  assert.equal(changes.find(({ key }) => key === 'd')!.reason, 'drifted')
  assert.equal(changes.find(({ key }) => key === 'a')!.from, 'v1')
})

test('a plan writes nothing, neither in the ledger nor at the target', async () => {
  const house = createHouse({ absence: 'vouched' })
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  await house.pass()
  house.place.drop('a')
  house.place.put('b', 'v2')
  const before = [await house.head(), await house.row('a'), await house.entry('a'), house.shelf.asked.length]
  const first = await plan(house)
  assert.deepEqual([await house.head(), await house.row('a'), await house.entry('a'), house.shelf.asked.length], before)
  assert.deepEqual(await plan(house), first)
})

test('a plan tells what it could not look at', async () => {
  const house = createHouse()
  await house.pass()
  house.place.answers.set('', () => down)
  house.shelf.is = 'down'
  const { changes, looked } = await plan(house)
  assert.deepEqual([changes, looked.ok, looked.scopes.unavailable], [[], false, 1])
  assert.equal(looked.targets[0]!.state, 'unavailable')
})

test('a plan holds what the pass would hold for doubt', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never', repeat: 'unsafe' })] })
  house.place.put('k', 'v1')
  house.shelf.answer = () => 'silent'
  await house.pass()
  house.shelf.answer = () => undefined
  await house.clock.advance(60_000)
  assert.deepEqual((await plan(house)).changes.map(line), ['put k v1 outcome-unknown'])
  await house.pass()
  assert.equal(house.shelf.effects.length, 0)
})

interface Step {
  readonly at: 'source' | 'shelf'
  readonly key: string
  readonly value: string | null
  readonly owned: boolean
}

const step: fc.Arbitrary<Step> = fc.record({
  at: fc.constantFrom('source', 'source', 'shelf'),
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  value: fc.constantFrom('v1', 'v2', null),
  owned: fc.boolean(),
})

function happen(house: House, { at, key, value, owned }: Step): void {
  if (at === 'source' && value === null) house.place.drop(key)
  else if (at === 'source') house.place.put(key, value!)
  else if (value === null) house.shelf.values.delete(key)
  else house.shelf.values.set(key, { value, owned })
}

test('whatever has happened, the pass does what the plan said', async () => {
  const setting = fc.record({
    firstSight: fc.constantFrom('overwrite', 'hold', 'keep'),
    drift: fc.constantFrom('repair', 'report'),
    vouched: fc.boolean(),
    looks: fc.constantFrom('digests', 'labels', 'never'),
    repeat: fc.constantFrom('safe', 'unsafe'),
  })
  const history = fc.array(fc.tuple(fc.array(step, { maxLength: 3 }), fc.boolean()), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(setting, history, fc.array(step, { maxLength: 4 }), async (chosen, before, last) => {
      const { firstSight, drift, vouched, looks, repeat } = chosen
      const house = createHouse({
        absence: vouched ? 'vouched' : { looks: 2, apart: 20_000 },
        shelves: [createShelf('shelf', { looks, repeat })],
        spec: { firstSight, drift },
      })
      for (const [steps, silent] of before) {
        for (const one of steps) happen(house, one)
        house.shelf.answer = () => (silent ? 'silent' : undefined)
        await house.pass()
        await house.clock.advance(15_000)
      }
      for (const one of last) happen(house, one)
      house.shelf.answer = () => undefined
      // A plan asks the gates again about everything, as the first pass of a process does.
      house.restart()
      const { changes } = await plan(house)
      house.shelf.asked.length = 0
      await house.pass()
      const done = house.shelf.asked.map(({ op, key, entry }) => [op, key, entry?.digest].filter(Boolean).join(' '))
      assert.deepEqual(
        done.toSorted(),
        changes
          .filter(({ hold }) => hold === null)
          .map(line)
          .toSorted(),
      )
      assert.deepEqual(
        (await house.holds()).map(({ key, reason }) => `${key} ${reason}`).toSorted(),
        changes.flatMap(({ key, hold }) => (hold === null ? [] : [`${key} ${hold}`])).toSorted(),
      )
    }),
    { numRuns: 150, seed: 1 },
  )
})
