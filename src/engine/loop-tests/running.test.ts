/** The loop as it runs by itself: schedule, hints, pause, slow scopes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import type { Journal } from '../journal.ts'
import { createGround, createHouse, sync } from './testing/house.ts'
import { hangs } from './testing/place.ts'
import { createShelf } from './testing/shelf.ts'

test('passes come at the interval, moved by the jitter', async () => {
  const house = createHouse({ spec: { schedule: { interval: 10_000, jitter: 0 } } })
  house.engine.start()
  await house.advance(35_000)
  assert.equal(house.place.asked.length, 4)
})

test('passes come when the cron line says so, after one at the start', async () => {
  const house = createHouse({ spec: { schedule: { cron: '*/5 * * * *' } } })
  house.engine.start()
  // The clock starts at 22:13:20 UTC.
  await house.advance(100)
  assert.equal(house.place.asked.length, 1)
  await house.advance(60_000 + 35_000)
  assert.equal(house.place.asked.length, 1)
  await house.advance(10_000)
  assert.equal(house.place.asked.length, 2)
  assert.equal((await house.engine.status(sync)).nextPassAt! % 300_000, 0)
})

test('without a schedule only a hint or a person makes a pass', async () => {
  const house = createHouse()
  house.engine.start()
  await house.advance(3_600_000)
  assert.equal(house.place.asked.length, 1)
  house.place.hint({ scope: '' })
  await house.advance(1_000)
  assert.equal(house.place.asked.length, 2)
})

test('hints that come together are one look at what they name', async () => {
  const house = createHouse({ roots: [{ scope: 'a' }, { scope: 'b' }] })
  house.place.put('x', 'v1', 'a')
  house.place.put('y', 'v1', 'b')
  house.engine.start()
  await house.advance(1_000)
  house.place.asked.length = 0
  for (let n = 0; n < 50; n += 1) house.place.hint({ scope: 'a', key: 'x' })
  house.place.put('x', 'v2', 'a')
  await house.advance(1_000)
  assert.deepEqual(
    house.place.asked.map(({ scope, keys }) => [scope, new Set(keys)]),
    [['a', new Set(['x'])]],
  )
  assert.deepEqual(house.shelf.effects.slice(2), ['put x v2'])
})

test('a hint whose pass failed is not lost', async () => {
  const house = createHouse()
  house.engine.start()
  await house.advance(1_000)
  const { commit } = house.journal
  house.journal.commit = () => Promise.reject(new AppError('journal.full', 'no space left'))
  house.place.put('k', 'v1')
  house.place.hint({ scope: '' })
  await house.advance(120_000)
  house.journal.commit = commit
  const looks = house.place.asked.length
  assert.ok(looks > 3 && looks < 60, `${looks} looks in two minutes`)
  await house.advance(60_000)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('a flood of hints is one look at everything', async () => {
  const house = createHouse({ roots: [{ scope: 'a' }, { scope: 'b' }] })
  house.place.put('x', 'v1', 'a')
  house.place.put('y', 'v1', 'b')
  house.engine.start()
  await house.advance(1_000)
  house.place.asked.length = 0
  for (let n = 0; n < 10_000; n += 1) house.place.hint({ scope: 'a', key: `k${n}` })
  await house.advance(1_000)
  assert.deepEqual(
    house.place.asked.map(({ scope, keys }) => [scope, keys]),
    [
      ['a', undefined],
      ['b', undefined],
    ],
  )
})

test('a hint about a scope that nobody knows is a look at the one above it', async () => {
  const house = createHouse({ roots: [{ scope: 'a' }] })
  house.place.put('x', 'v1', 'a')
  house.engine.start()
  await house.advance(1_000)
  house.place.asked.length = 0
  house.place.put('y', 'v1', 'a/new')
  house.place.hint({ scope: 'a/new' })
  await house.advance(1_000)
  assert.equal(house.place.asked[0]!.scope, 'a')
  assert.deepEqual(house.shelf.effects.slice(1), ['put y v1'])
})

test('a scope that hangs delays neither the others nor their delivery', async () => {
  const house = createHouse({ roots: [{ scope: 'slow' }, { scope: 'quick' }] })
  house.place.put('k', 'v1', 'quick')
  house.place.answers.set('slow', hangs)
  house.engine.start()
  await house.advance(1_000)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  house.place.put('k', 'v2', 'quick')
  house.place.hint({ scope: 'quick' })
  await house.advance(2_000)
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put k v2'])
})

test('one finishing step follows all that a pass finds, what was delivered early too', async () => {
  const shelf = createShelf('shelf', { finishes: true })
  const house = createHouse({ shelves: [shelf], roots: [{ scope: 'slow' }, { scope: 'quick' }] })
  const found = Promise.withResolvers<void>()
  house.place.put('k', 'v1', 'quick')
  house.place.answers.set('slow', async () => {
    await found.promise
    return { saw: 'complete', items: [{ key: 'l', digest: 'v1', label: 'v1', item: { value: 'v1' } }] }
  })
  house.engine.start()
  await house.advance(5_000)
  assert.deepEqual(shelf.effects, ['put k v1'])
  found.resolve()
  await house.advance(1_000)
  assert.deepEqual(shelf.effects, ['put k v1', 'put l v1', 'finish'])
})

test('a scope that hangs keeps no finishing step waiting for long', async () => {
  const shelf = createShelf('shelf', { finishes: true })
  const house = createHouse({
    shelves: [shelf],
    roots: [{ scope: 'slow' }, { scope: 'quick' }],
    spec: { schedule: {}, limits: { look: 3_600_000 } },
  })
  house.place.put('k', 'v1', 'quick')
  house.place.answers.set('slow', hangs)
  house.engine.start()
  await house.advance(5_000)
  assert.deepEqual(shelf.effects, ['put k v1'])
  await house.advance(60_000)
  assert.deepEqual(shelf.effects, ['put k v1', 'finish'])
})

test('a scope that hangs does not hold up the next pass', async () => {
  const house = createHouse({
    roots: [{ scope: 'slow' }, { scope: 'quick' }],
    spec: { schedule: { interval: 5_000, jitter: 0 } },
  })
  house.place.put('k', 'v1', 'slow')
  house.place.put('l', 'v1', 'quick')
  house.place.answers.set('slow', hangs)
  house.engine.start()
  await house.advance(16_000)
  assert.ok(house.place.asked.filter(({ scope }) => scope === 'quick').length >= 3)
  house.place.answers.clear()
  await house.advance(40_000)
  assert.ok(house.shelf.values.has('k'), 'looked at again once the look that hung was given up')
})

test('an absence is confirmed as soon as it may be, not only at the next interval', async () => {
  const house = createHouse({ spec: { schedule: { interval: 3_600_000, jitter: 0 } } })
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  house.engine.start()
  await house.advance(1_000)
  house.place.drop('a')
  house.place.hint({ scope: '' })
  await house.advance(10_000)
  assert.equal(house.shelf.values.has('a'), true)
  await house.advance(15_000)
  assert.equal(house.shelf.values.has('a'), false)
})

test('while paused the source is watched and nothing is sent; then everything is', async () => {
  const house = createHouse({ spec: { schedule: { interval: 10_000, jitter: 0 } } })
  await house.pass()
  await house.engine.pause(sync, 'tester')
  house.engine.start()
  house.place.put('k', 'v1')
  await house.advance(25_000)
  assert.deepEqual([house.shelf.asked.length, (await house.entry('k'))?.state], [0, 'live'])
  assert.equal((await house.engine.status(sync)).state, 'paused')
  const paused = await house.pass()
  assert.deepEqual([paused.ok, paused.targets[0]!.why], [false, 'paused'])
  await house.engine.resume(sync, 'tester')
  await house.advance(500)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  assert.deepEqual(await house.events('sync.'), ['sync.appeared', 'sync.paused', 'sync.resumed'])
})

test('what a person releases goes at once', async () => {
  const house = createHouse({ spec: { firstSight: 'hold' } })
  house.place.put('k', 'v1')
  house.shelf.values.set('k', { value: 'theirs', owned: false })
  house.engine.start()
  await house.advance(1_000)
  await house.release('k')
  await house.advance(500)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('what is due and cannot be acted on does not keep the loop busy', async () => {
  const [down, left] = [createShelf('down'), createShelf('left')]
  const listed = [down, left]
  const house = createHouse({
    shelves: [down, left],
    targets: { list: () => Promise.resolve({ saw: 'complete', targets: listed.map((shelf) => shelf.target()) }) },
  })
  house.place.put('k', 'v1')
  for (const shelf of listed) shelf.answer = () => 'silent'
  await house.pass()
  listed.pop()
  await house.pass()
  const reads = async () => {
    let count = 0
    const { select } = house.journal
    house.journal.select = (...query) => {
      count += 1
      return select(...query)
    }
    await house.advance(600_000)
    house.journal.select = select
    return count
  }
  await house.engine.pause(sync, 'tester')
  house.engine.start()
  const paused = await reads()
  assert.ok(paused < 200, `${paused} reads in ten minutes of pause`)
  down.is = 'down'
  await house.engine.resume(sync, 'tester')
  const closed = await reads()
  assert.ok(closed < 600, `${closed} reads in ten minutes of a target that is down`)
})

test('an idle loop reads now and then, and writes nothing', async () => {
  const house = createHouse({ spec: { schedule: { interval: 60_000, jitter: 0 } } })
  house.place.put('k', 'v1')
  house.engine.start()
  await house.advance(10_000)
  const head = await house.head()
  await house.advance(600_000)
  assert.deepEqual([await house.head(), house.shelf.asked.length], [head, 1])
})

test('a stop aborts what hangs, within its bound', async () => {
  const house = createHouse({ shelves: [createShelf('shelf')], roots: [{ scope: 'slow' }] })
  house.place.answers.set('slow', hangs)
  house.engine.start()
  await house.advance(1_000)
  const before = house.clock.now()
  await house.clock.drive(house.engine.stop(5_000))
  assert.ok(house.clock.now() - before <= 5_000)
  const asked = house.place.asked.length
  await house.advance(60_000)
  assert.equal(house.place.asked.length, asked)
})

test('a page that cannot be written fails the pass, whatever else is under way, and the next pass is whole', async () => {
  const ground = createGround()
  let refuse = false
  let refused = 0
  const journal: Journal = {
    ...ground.journal,
    commit(facts, options) {
      const page = facts.filter(({ event }) => event.type === 'entry.appeared').length
      if (!refuse || page === 0 || (refused += 1) !== 2) return ground.journal.commit(facts, options)
      return Promise.reject(new AppError('journal.full', 'no space'))
    },
  }
  const house = createHouse({}, { ...ground, journal })
  for (let n = 0; n < 5_000; n += 1) house.place.put(`k${n}`, 'v1')
  refuse = true
  await assert.rejects(house.pass(), { code: 'journal.full' })
  assert.ok(refused > 2)
  refuse = false
  assert.equal((await house.pass()).ok, true)
  assert.equal(house.shelf.effects.length, 5_000)
})
