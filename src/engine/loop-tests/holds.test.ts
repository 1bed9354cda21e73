import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import type { Journal } from '../journal.ts'
import { fixedTargets, type Gate } from '../target.ts'
import { createGround, createHouse, type House, type Setting } from './testing/house.ts'
import { createShelf } from './testing/shelf.ts'

const keys = (count: number) => Array.from({ length: count }, (_, at) => `k${at}`)

/** A house that has delivered so many keys; absences are believed at once. */
async function delivered(count: number, setting: Setting = {}): Promise<House> {
  const house = createHouse({ absence: 'vouched', ...setting })
  for (const key of keys(count)) house.place.put(key, 'v1')
  await house.pass()
  house.shelf.effects.length = 0
  return house
}

async function reasons(house: House): Promise<string[]> {
  return (await house.holds()).map((hold) => hold.reason)
}

test('removals beyond the budget are held, however often they are looked at', async () => {
  const house = await delivered(20, { spec: { budget: { least: 2, share: 0.1, over: 3_600_000 } } })
  for (const key of keys(5)) house.place.drop(key)
  await house.pass()
  assert.equal(house.shelf.effects.length, 2)
  house.restart()
  const report = await house.pass()
  assert.equal(house.shelf.effects.length, 2)
  assert.deepEqual([report.ok, report.targets[0]!.held], [false, 3])
  assert.deepEqual(await reasons(house), ['removal-budget', 'removal-budget', 'removal-budget'])
})

test('where removing undoes nothing, nothing that is removed is held', async () => {
  const house = await delivered(20, { spec: { budget: 'none' } })
  for (const key of keys(20)) house.place.drop(key)
  await house.pass()
  assert.deepEqual([house.shelf.effects.length, await reasons(house)], [20, []])
})

test('the budget refills with time, also over a restart', async () => {
  const house = await delivered(20, { spec: { budget: { least: 2, share: 0.1, over: 3_600_000 } } })
  for (const key of keys(2)) house.place.drop(key)
  await house.pass()
  house.restart()
  await house.clock.advance(1_800_000)
  for (const key of keys(4)) house.place.drop(key)
  await house.pass()
  assert.deepEqual([house.shelf.effects.length, (await house.holds()).length], [3, 1])
})

test('an empty source removes nothing until a person agrees', async () => {
  const house = await delivered(3)
  for (const key of keys(3)) house.place.drop(key)
  await house.pass()
  assert.deepEqual(await reasons(house), ['source-empty', 'source-empty', 'source-empty'])
  await house.release('k0')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['delete k0'])
})

test('a removal that fails or waits is charged once', async () => {
  for (const is of ['failed', 'waiting'] as const) {
    const shelf = createShelf('shelf', { looks: 'never' })
    const house = await delivered(5, { shelves: [shelf], spec: { budget: { least: 1, share: 0, over: 1e12 } } })
    const error = new AppError('target.unavailable', 'no answer')
    shelf.answer = () =>
      is === 'failed' ? { is, error, effect: 'none' } : { is, on: 'build', handle: { pull: 1 }, again: 1_000 }
    house.place.drop('k0')
    await house.pass()
    for (let again = 0; again < 3; again += 1) {
      await house.clock.advance(60_000)
      await house.pass()
      assert.deepEqual([(await house.row('k0'))!.state, await reasons(house)], [is, []])
    }
    shelf.answer = () => undefined
    await house.clock.advance(60_000)
    await house.pass()
    assert.deepEqual(shelf.effects, ['delete k0'])
  }
})

test('what the target has accepted is asked about, whatever the gates say by now', async () => {
  let open = true
  const window: Gate = {
    name: 'window',
    ask: ({ subject }, { now }) => (open ? 'go' : { hold: 'window', subject, until: now + 3_600_000 }),
  }
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never' })], spec: { gates: [window] } })
  house.place.put('k', 'v1')
  house.shelf.answer = () => ({ is: 'waiting', on: 'build', handle: { build: 1 }, again: 1_000 })
  await house.pass()
  open = false
  await house.clock.advance(1_000)
  house.shelf.answer = () => undefined
  await house.pass()
  assert.deepEqual(house.shelf.asked.at(-1)!.handle, { build: 1 })
  assert.equal((await house.row('k'))!.state, 'applied')
})

test('removals that a person counted pass without the budget, and no more than that', async () => {
  const house = await delivered(10, {
    absence: { looks: 2, apart: 20_000 },
    spec: { budget: { least: 0, share: 0, over: 1 } },
  })
  for (const key of keys(4)) house.place.drop(key)
  await house.pass({ allowDeletes: 3 })
  assert.deepEqual([house.shelf.effects.length, (await house.holds()).length], [3, 1])
})

test('a gate holds until its time, and then lets go', async () => {
  const opens = 1_700_000_000_000 + 5_000
  const window: Gate = {
    name: 'window',
    ask: ({ subject }, { now }) => (now < opens ? { hold: 'window', subject, until: opens } : 'go'),
  }
  const house = createHouse({ spec: { gates: [window] } })
  house.place.put('k', 'v1')
  await house.pass()
  assert.deepEqual([await reasons(house), house.shelf.effects], [['window'], []])
  await house.clock.advance(5_000)
  await house.pass()
  assert.deepEqual([await reasons(house), house.shelf.effects], [[], ['put k v1']])
})

const approval: Gate = { name: 'approval', ask: ({ subject }) => ({ hold: 'approval', subject, until: 'person' }) }

test('a release is good for what was shown, and for nothing else', async () => {
  const house = createHouse({ spec: { gates: [approval] } })
  house.place.put('k', 'v1')
  await house.pass()
  await house.release('k')
  house.place.put('k', 'v2')
  await house.pass()
  assert.deepEqual([house.shelf.effects, await reasons(house)], [[], ['approval']])
  await house.release('k')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v2'])
})

test('a release is used up once the change is made', async () => {
  const house = createHouse({ spec: { gates: [approval] } })
  for (const value of ['v1', 'v2', 'v1']) {
    house.place.put('k', value)
    await house.pass()
    assert.deepEqual(await reasons(house), ['approval'])
    await house.release('k')
    await house.pass()
  }
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put k v2', 'put k v1'])
})

test('a release survives a failure', async () => {
  const house = createHouse({ spec: { gates: [approval] } })
  house.place.put('k', 'v1')
  await house.pass()
  await house.release('k')
  house.shelf.is = 'down'
  await house.pass()
  house.shelf.is = 'up'
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('what is held is asked about again when what a gate goes by has changed, and is told what the target holds', async () => {
  let open = false
  const seen: unknown[] = []
  const paused: Gate = {
    name: 'paused',
    ask({ subject, was }) {
      seen.push(was)
      return open ? 'go' : { hold: 'paused', subject, until: 'person' }
    },
  }
  const house = await delivered(1)
  house.restart({ spec: { gates: [paused] } })
  house.place.put('k0', 'v2')
  await house.pass()
  const { digest } = (await house.row('k0'))!
  assert.deepEqual(seen.at(-1), { key: 'k0', digest, label: 'v1' })
  open = true
  await house.pass()
  assert.deepEqual(house.shelf.effects, [])
  await house.engine.reconsider('house', 'k0')
  await house.pass()
  assert.deepEqual([house.shelf.effects, await house.holds()], [['put k0 v2'], []])
  const head = await house.head()
  await house.engine.reconsider('house', 'k0')
  assert.equal(await house.head(), head)
})

test('a gate that the config no longer names lets go at the next start', async () => {
  const house = createHouse({ spec: { gates: [approval] } })
  house.place.put('k', 'v1')
  await house.pass()
  house.restart({ spec: { gates: [] } })
  await house.pass()
  assert.deepEqual([house.shelf.effects, await house.holds()], [['put k v1'], []])
})

test('a hold ends with the wish it held', async () => {
  const house = await delivered(2, { spec: { gates: [approval] }, shelves: [createShelf('shelf', { looks: 'never' })] })
  for (const key of keys(2)) await house.release(key)
  await house.pass()
  house.place.put('k0', 'v2')
  await house.pass()
  assert.deepEqual(await reasons(house), ['approval'])
  house.place.put('k0', 'v1')
  await house.pass()
  assert.deepEqual([await reasons(house), (await house.row('k0'))!.state], [[], 'applied'])
})

test('releasing what is released, or nothing, harms nobody', async () => {
  const house = createHouse({ spec: { gates: [approval] } })
  house.place.put('k', 'v1')
  await house.pass()
  const [hold] = await house.holds()
  await house.release('k')
  const head = await house.head()
  assert.equal(await house.engine.release(hold!.id, 'tester'), true)
  assert.equal(await house.engine.release('no-such', 'tester'), false)
  assert.equal(await house.head(), head)
})

test('a release that comes while the gate is asked again is not taken back', async () => {
  const ground = createGround()
  let between: (() => Promise<unknown>) | null = null
  const journal: Journal = {
    ...ground.journal,
    async commit(facts, options) {
      const raising = facts.some(({ event }) => event.type === 'hold.raised')
      const first = raising ? between : null
      if (raising) between = null
      await first?.()
      return ground.journal.commit(facts, options)
    },
  }
  const house = createHouse({ spec: { gates: [approval] } }, { ...ground, journal })
  for (const key of keys(2)) house.place.put(key, 'v1')
  await house.pass()
  const [hold] = await house.holds()
  house.restart()
  between = () => house.engine.release(hold!.id, 'tester')
  await house.pass()
  assert.deepEqual([house.shelf.effects, await reasons(house)], [[`put ${hold!.key} v1`], ['approval']])
})

test('what a target that goes on has accepted is asked about to its end, and what came meanwhile is held then', async () => {
  const passes = new Set(['v1'])
  const gate: Gate = {
    name: 'approval',
    ask: ({ entry, subject }) =>
      passes.has(entry!.label) ? 'go' : { hold: 'approval', subject, until: 'person' as const },
  }
  for (const ends of ['applied', 'rejected'] as const) {
    const shelf = createShelf('shelf', { repeat: 'keyed', looks: 'never' })
    const target = shelf.target()
    const goesOn = { ...target, traits: { repeat: 'keyed', page: 10, goesOn: true } } as const
    const house = createHouse({ spec: { gates: [gate] }, shelves: [shelf], targets: fixedTargets(goesOn) })
    let over = false
    shelf.answer = ({ entry }) => {
      if (entry?.item.value === 'v3') return undefined
      if (!over) return { is: 'waiting', on: 'deploying', handle: { job: 1 }, again: 1_000 }
      return ends === 'applied' ? { is: 'applied' } : { is: 'rejected', why: 'refused', until: 'item' }
    }
    house.place.put('k', 'v1')
    await house.pass()
    house.place.put('k', 'v2')
    await house.pass()
    assert.deepEqual([(await house.row('k'))!.state, (await house.row('k'))!.label], ['waiting', 'v1'])
    assert.deepEqual(await reasons(house), [])
    house.restart()
    over = true
    await house.clock.advance(1_000)
    await house.pass()
    const { effectId, handle, entry } = shelf.asked.at(-1)!
    assert.deepEqual([effectId, handle, entry], [shelf.asked[0]!.effectId, { job: 1 }, undefined])
    const row = (await house.row('k'))!
    assert.deepEqual([row.state, row.digestLabel], [ends, ends === 'applied' ? 'v1' : null])
    // The pass that is due for it, without anything new.
    await house.pass()
    assert.deepEqual([(await house.row('k'))!.state, await reasons(house)], ['held', ['approval']])
    assert.equal((await house.row('k'))!.digestLabel, row.digestLabel)
    house.place.put('k', 'v3')
    passes.add('v3')
    await house.pass()
    assert.deepEqual([shelf.effects, await reasons(house)], [['put k v3'], []])
    passes.delete('v3')
  }
})

test('what was wanted for a moment while a target went on leaves nothing behind', async () => {
  const gate: Gate = {
    name: 'approval',
    ask: ({ entry, subject }) => (entry!.label === 'v1' ? 'go' : { hold: 'approval', subject, until: 'person' }),
  }
  const shelf = createShelf('shelf', { repeat: 'keyed', looks: 'never' })
  const goesOn = { ...shelf.target(), traits: { repeat: 'keyed', page: 10, goesOn: true } } as const
  const house = createHouse({ spec: { gates: [gate] }, shelves: [shelf], targets: fixedTargets(goesOn) })
  shelf.answer = () => ({ is: 'waiting', on: 'deploying', handle: 1, again: 1_000 })
  house.place.put('k', 'v1')
  await house.pass()
  house.place.put('k', 'v2')
  await house.pass()
  shelf.answer = () => ({ is: 'applied' })
  await house.clock.advance(1_000)
  const { row } = house
  await house.pass()
  assert.equal((await row('k'))!.state, 'applied')
  house.place.put('k', 'v1')
  await house.pass()
  const { state, due, digestLabel } = (await row('k'))!
  assert.deepEqual([state, due, digestLabel, await reasons(house)], ['applied', null, 'v1', []])
})
