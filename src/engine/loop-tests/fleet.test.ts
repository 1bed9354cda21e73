import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import type { TargetSet } from '../target.ts'
import { createHouse, sync, type House } from './testing/house.ts'
import { createShelf, type Item, type Shelf } from './testing/shelf.ts'

/** A set of shelves that a test changes; it makes its targets anew each time it is read. */
function changing(shelves: readonly Shelf[]) {
  const listed = new Set(shelves.map((shelf) => shelf.name))
  const state: { down: false | 'wholly' | 'partly' } = { down: false }
  let change = () => {}
  const set: TargetSet<Item> = {
    async list() {
      await Promise.resolve()
      const detail = 'no answer'
      if (state.down === 'wholly') return { saw: 'unavailable', detail }
      const targets = shelves.filter(({ name }) => listed.has(name)).map((shelf) => shelf.fresh())
      return state.down ? { saw: 'unavailable', detail, targets } : { saw: 'complete', targets }
    },
    async *changes(signal) {
      while (!signal.aborted) {
        await new Promise<void>((resolve) => {
          change = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
        yield
      }
    },
  }
  return { set, listed, state, change: () => change() }
}

function houseOf(...shelves: Shelf[]) {
  const { set, listed, state, change } = changing(shelves)
  const house = createHouse({ shelves, targets: set, absence: 'vouched' })
  return { house, listed, state, change }
}

const stateOf = async (house: House, name: string) => (await house.target(name))?.state

test('a new target gets everything', async () => {
  const [one, two] = [createShelf('one'), createShelf('two')]
  const { house, listed } = houseOf(one, two)
  listed.delete('two')
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  await house.pass()
  listed.add('two')
  await house.pass()
  assert.deepEqual(two.effects, ['put a v1', 'put b v1'])
  assert.equal(one.effects.length, 2)
})

test('a set that tells of its changes is read again at once', async () => {
  const [one, two] = [createShelf('one'), createShelf('two')]
  const { house, listed, change } = houseOf(one, two)
  listed.delete('two')
  house.place.put('k', 'v1')
  house.engine.start()
  await house.advance(1_000)
  listed.add('two')
  change()
  await house.advance(1_000)
  assert.deepEqual(two.effects, ['put k v1'])
  listed.delete('one')
  change()
  await house.advance(1_000)
  assert.equal(await stateOf(house, 'one'), 'orphaned')
})

test('a target that left is orphaned and kept; when it returns, what changed meanwhile is put right', async () => {
  for (const looks of ['digests', 'never'] as const) {
    const [one, two] = [createShelf('one'), createShelf('two', { looks })]
    const { house, listed } = houseOf(one, two)
    for (const key of ['a', 'b', 'c']) house.place.put(key, 'v1')
    await house.pass()
    listed.delete('two')
    await house.pass()
    assert.equal(await stateOf(house, 'two'), 'orphaned')
    assert.equal((await house.row('a', 'two'))?.state, 'applied')
    house.place.drop('a')
    house.place.put('b', 'v2')
    await house.pass()
    // The tombstone is swept while nobody waits for it.
    await house.pass()
    assert.equal(await house.entry('a'), null)
    listed.add('two')
    await house.pass()
    assert.deepEqual(two.effects.slice(3).toSorted(), ['delete a', 'put b v2'])
    assert.equal(await stateOf(house, 'two'), 'ok')
  }
})

test('a target that a set replaces under its name is met at once, though there is nothing to send', async () => {
  const [one] = [createShelf('one')]
  const { house, change } = houseOf(one)
  house.place.put('k', 'v1')
  house.engine.start()
  house.place.hint({ scope: '' })
  await house.advance(5_000)
  one.identity = 'another'
  one.values.clear()
  change()
  await house.advance(1_000)
  assert.equal(one.values.get('k')?.value, 'v1')
})

test('a set that cannot be read leaves the known targets in place', async () => {
  const [one] = [createShelf('one')]
  const { house, state } = houseOf(one)
  house.place.put('k', 'v1')
  await house.pass()
  state.down = 'wholly'
  house.place.put('k', 'v2')
  const { ok, unread } = await house.pass()
  assert.deepEqual([ok, unread], [false, 'no answer'])
  assert.deepEqual(one.effects, ['put k v1', 'put k v2'])
  assert.equal(await stateOf(house, 'one'), 'ok')
})

test('of a set that is read in part, what is told is there, and what is not told stays', async () => {
  const [one, two] = [createShelf('one'), createShelf('two')]
  const { house, listed, state } = houseOf(one, two)
  listed.delete('two')
  house.place.put('k', 'v1')
  await house.pass()
  state.down = 'partly'
  listed.delete('one')
  listed.add('two')
  house.place.put('k', 'v2')
  await house.pass()
  assert.deepEqual([one.effects, two.effects], [['put k v1', 'put k v2'], ['put k v2']])
  assert.equal(await stateOf(house, 'one'), 'ok')
})

test('forgetting a target lets go of what is known of it and touches nothing there', async () => {
  const [one, two] = [createShelf('one'), createShelf('two')]
  const { house, listed } = houseOf(one, two)
  house.place.put('k', 'v1')
  await house.pass()
  listed.delete('two')
  await house.pass()
  assert.equal(await house.engine.forget({ sync, target: 'two' }, 'tester'), 1)
  assert.deepEqual([await house.target('two'), await house.row('k', 'two')], [null, null])
  assert.deepEqual(two.effects, ['put k v1'])
})

test('a target that left, of a set whose targets come and go, is forgotten in time', async () => {
  const [one, two] = [createShelf('one'), createShelf('two')]
  const { set, listed } = changing([one, two])
  const keeps = (target: string) => (target === 'two' ? 100_000 : null)
  const house = createHouse({ shelves: [one, two], targets: { ...set, keeps }, absence: 'vouched' })
  house.place.put('k', 'v1')
  await house.pass()
  listed.clear()
  await house.pass()
  await house.advance(99_000)
  await house.pass()
  assert.deepEqual([await stateOf(house, 'one'), await stateOf(house, 'two')], ['orphaned', 'orphaned'])
  await house.advance(2_000)
  await house.pass()
  assert.deepEqual([await stateOf(house, 'one'), await stateOf(house, 'two')], ['orphaned', undefined])
  assert.equal(await house.row('k', 'two'), null)
  assert.deepEqual(two.effects, ['put k v1'])
})

test('a target that the config still names is not forgotten', async () => {
  const { house } = houseOf(createShelf('one'))
  await house.pass()
  await assert.rejects(
    house.engine.forget({ sync, target: 'one' }, 'tester'),
    (error: AppError) => error.code === 'config.owned',
  )
})

test('a target that hangs delays neither the others nor the next pass', async () => {
  const [deaf, quick] = [createShelf('deaf'), createShelf('quick')]
  const { house } = houseOf(deaf, quick)
  deaf.answer = () => 'hangs'
  house.engine.start()
  house.place.put('k', 'v1')
  house.place.hint({ scope: '' })
  await house.advance(1_000)
  assert.deepEqual(quick.effects, ['put k v1'])
  house.place.put('k', 'v2')
  house.place.hint({ scope: '' })
  await house.advance(2_000)
  assert.deepEqual(quick.effects, ['put k v1', 'put k v2'])
  await house.advance(200_000)
  assert.equal(await stateOf(house, 'deaf'), 'unavailable')
  deaf.answer = () => undefined
  await house.advance(120_000)
  assert.equal(deaf.values.get('k')?.value, 'v2')
})

test('passes do not pile up behind a target that may take long, and its next round begins when it is done', async () => {
  const [slow, quick] = [createShelf('slow'), createShelf('quick')]
  const house = createHouse({
    shelves: [slow, quick],
    absence: 'vouched',
    spec: { schedule: { interval: 15_000 }, limits: { apply: 3_600_000 } },
  })
  const building = Promise.withResolvers<void>()
  slow.before = () => building.promise
  house.engine.start()
  for (let n = 1; n <= 30; n += 1) {
    house.place.put('k', `v${n}`)
    await house.advance(17_000)
    assert.equal(quick.effects.at(-1), `put k v${n}`)
  }
  assert.deepEqual(slow.effects, [])
  building.resolve()
  await house.advance(1_000)
  assert.deepEqual(slow.effects, ['put k v1', 'put k v30'])
})

test('a pass waits behind a round that gets on, and not behind one of which nothing comes', async () => {
  for (const others of [[], [createShelf('other')]]) {
    const slow = createShelf('slow')
    const house = createHouse({ shelves: [slow, ...others], absence: 'vouched' })
    const keys = Array.from({ length: 40 }, (_, n) => `k${n}`)
    for (const key of keys) house.place.put(key, 'v1')
    slow.before = () => house.clock.sleep(600)
    const behind = async () => {
      void house.engine.pass(sync, { why: 'interval' })
      await house.advance(1_000)
      return house.pass({ why: 'interval' })
    }
    assert.equal((await behind()).targets[0]!.why, null, 'it gets on')
    assert.equal(slow.values.size, 40)
    for (const key of keys) house.place.put(key, 'v2')
    const building = Promise.withResolvers<void>()
    slow.before = () => building.promise
    assert.equal((await behind()).targets[0]!.why, 'busy', 'nothing comes of it')
    building.resolve()
    await house.advance(1_000)
  }
})

test('a target that leaves while a round hangs is orphaned, once', async () => {
  const { house, listed } = houseOf(createShelf('deaf'))
  house.shelf.answer = () => 'hangs'
  house.engine.start()
  house.place.put('k', 'v1')
  house.place.hint({ scope: '' })
  await house.advance(5_000)
  listed.delete('deaf')
  house.place.hint({ scope: '' })
  await house.advance(200_000)
  house.place.hint({ scope: '' })
  await house.advance(5_000)
  assert.deepEqual(await house.events('target.'), ['target.appeared', 'target.orphaned orphaned'])
})

test('a target that returns while a round of before still runs waits for that one', async () => {
  const { house, listed } = houseOf(createShelf('one'))
  const busy = Promise.withResolvers<void>()
  let running = 0
  house.shelf.before = async () => {
    running += 1
    assert.equal(running, 1, 'two rounds at one target')
    await busy.promise
    running -= 1
  }
  house.engine.start()
  house.place.put('k', 'v1')
  house.place.hint({ scope: '' })
  await house.advance(3_000)
  listed.delete('one')
  house.place.hint({ scope: '' })
  await house.advance(3_000)
  listed.add('one')
  house.place.put('k', 'v2')
  house.place.hint({ scope: '' })
  await house.advance(3_000)
  assert.equal(running, 1)
  busy.resolve()
  await house.advance(3_000)
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put k v2'])
  assert.equal((await house.row('k', 'one'))?.digest, 'v2')
})

test('what a person allowed is not lost while a target is busy', async () => {
  const house = createHouse({ absence: 'vouched', spec: { budget: { least: 0, share: 0, over: 1 } } })
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  await house.pass()
  house.engine.start()
  await house.advance(1_000)
  const busy = Promise.withResolvers<void>()
  house.shelf.before = () => busy.promise
  house.place.put('c', 'v1')
  house.place.hint({ scope: '' })
  await house.advance(2_000)
  house.place.drop('a')
  const asked = house.engine.pass(sync, { why: 'asked', allowDeletes: 1 })
  await house.advance(100)
  await house.engine.resume(sync, 'tester')
  await house.advance(2_000)
  busy.resolve()
  await house.clock.drive(asked)
  assert.deepEqual(house.shelf.effects, ['put a v1', 'put b v1', 'put c v1', 'delete a'])
})

test('a target whose look failed is asked again when its time comes, and shown well', async () => {
  const { house } = houseOf(createShelf('one'))
  house.place.put('k', 'v1')
  await house.pass()
  house.shelf.is = 'down'
  house.engine.start()
  await house.advance(100)
  assert.equal(await stateOf(house, 'one'), 'unavailable')
  house.shelf.is = 'up'
  await house.advance(2_000)
  assert.equal(await stateOf(house, 'one'), 'ok')
})

test('a target that fails is left alone for longer and longer, with one event', async () => {
  const { house } = houseOf(createShelf('one'))
  house.place.put('k', 'v1')
  house.shelf.is = 'down'
  house.engine.start()
  await house.advance(600_000)
  const { attempts, due } = (await house.target('one'))!
  assert.ok(attempts > 5 && attempts < 60, `${attempts} attempts in ten minutes`)
  assert.ok(due! > house.clock.now())
  assert.deepEqual(await house.events('target.'), ['target.unavailable target-unavailable'])
})

test('a target that answers to its name and takes nothing is left alone for longer and longer, too', async () => {
  const { house } = houseOf(createShelf('one'))
  house.place.put('k', 'v1')
  house.shelf.before = () => {
    throw new AppError('target.unavailable', 'read-only')
  }
  house.engine.start()
  await house.advance(600_000)
  assert.ok((await house.target('one'))!.attempts > 5)
  assert.ok(house.shelf.asked.length < 60, `${house.shelf.asked.length} attempts in ten minutes`)
  assert.equal((await house.events('target.')).length, 2)
  house.shelf.before = () => {}
  await house.advance(120_000)
  assert.equal(await stateOf(house, 'one'), 'ok')
  assert.deepEqual((await house.events('target.')).slice(1), [
    'target.unavailable target-unavailable',
    'target.recovered',
  ])
})
