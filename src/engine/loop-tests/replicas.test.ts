/** Two processes on one ledger, and a ledger that cannot be written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import { createGround, createHouse, sync, type Ground, type House } from './testing/house.ts'
import { createShelf, type Shelf } from './testing/shelf.ts'

function replica(ground: Ground, holder: string, shelf: Shelf): House {
  const schedule = { interval: 5_000, jitter: 0 }
  return createHouse({ holder, shelves: [shelf], spec: { schedule } }, ground)
}

const owner = async (house: House) => (await house.engine.status(sync)).owner

test('only the holder of the lease acts; the other takes over when it stops', async () => {
  const ground = createGround()
  const shelf = createShelf()
  const [one, two] = [replica(ground, 'one', shelf), replica(ground, 'two', shelf)]
  ground.place.put('k', 'v1')
  one.engine.start()
  await ground.clock.advance(100)
  two.engine.start()
  await ground.clock.advance(20_000)
  assert.deepEqual([await owner(one), await owner(two)], [true, false])
  const looks = ground.place.asked.length
  assert.ok(looks >= 4 && looks <= 6, `${looks} looks in 20 s of passes every 5 s`)
  await ground.clock.drive(one.engine.stop())
  ground.place.put('k', 'v2')
  await ground.clock.advance(10_000)
  assert.deepEqual([await owner(two), shelf.effects], [true, ['put k v1', 'put k v2']])
})

test('a holder that died is followed once its lease has run out', async () => {
  const ground = createGround()
  const shelf = createShelf()
  const [one, two] = [replica(ground, 'one', shelf), replica(ground, 'two', shelf)]
  one.engine.start()
  await ground.clock.advance(100)
  two.engine.start()
  one.restart()
  ground.place.put('k', 'v1')
  await ground.clock.advance(10_000)
  assert.equal(await owner(two), false)
  await ground.clock.advance(10_000)
  assert.deepEqual([await owner(two), shelf.effects], [true, ['put k v1']])
})

test('who lost the lease in the middle of a batch writes nothing any more', async () => {
  const ground = createGround()
  const shelf = createShelf()
  const house = createHouse({ holder: 'one', shelves: [shelf] }, ground)
  for (const key of ['a', 'b']) ground.place.put(key, 'v1')
  shelf.before = async (batch) => {
    // Longer than the lease, with a ledger that renews for nobody.
    shelf.before = (later) => later.fence()
    const lease = ground.journal.lease
    ground.journal.lease = () => Promise.resolve(null)
    await ground.clock.sleep(20_000)
    ground.journal.lease = lease
    await lease(sync, 'two', 15_000)
    batch.fence()
  }
  await assert.rejects(house.pass(), (error: AppError) => error.code === 'journal.fenced')
  assert.deepEqual([shelf.effects, await house.row('a')], [[], null])
})

test('a pass asked of a process that does not hold the lease is refused by name', async () => {
  const ground = createGround()
  const [one, two] = [replica(ground, 'one', createShelf()), replica(ground, 'two', createShelf())]
  one.engine.start()
  await ground.clock.advance(100)
  await assert.rejects(two.pass(), (error: AppError) => error.code === 'journal.fenced')
})

test('what cannot be recorded is not done', async () => {
  const ground = createGround()
  const house = createHouse({}, ground)
  await house.pass()
  ground.place.put('k', 'v1')
  const { commit, condition } = ground.journal
  const full = new AppError('journal.full', 'no space left')
  ground.journal.condition = () => ({ is: 'degraded', why: 'no space left', since: 0 })
  await assert.rejects(house.pass(), (error: AppError) => error.code === 'journal.full')
  assert.deepEqual(house.shelf.asked, [])
  ground.journal.commit = () => Promise.reject(full)
  await assert.rejects(house.pass(), (error: AppError) => error.code === 'journal.full')
  assert.deepEqual(house.shelf.asked, [])
  Object.assign(ground.journal, { commit, condition })
  assert.equal((await house.pass()).ok, true)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('the loop goes on by itself once the ledger can be written again', async () => {
  const ground = createGround()
  const house = replica(ground, 'one', createShelf())
  house.engine.start()
  await ground.clock.advance(1_000)
  const { commit } = ground.journal
  ground.journal.commit = () => Promise.reject(new AppError('journal.full', 'no space left'))
  ground.place.put('k', 'v1')
  await ground.clock.advance(60_000)
  assert.deepEqual(house.shelf.asked, [])
  ground.journal.commit = commit
  await ground.clock.advance(40_000)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('two syncs of one name are refused, and nobody knows a sync that is not there', async () => {
  const house = createHouse()
  await assert.rejects(house.engine.status('no-such'), (error: AppError) => error.code === 'request.not-found')
})
