import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import type { Journal } from '../journal.ts'
import { createGround, createHouse, type House, type Setting } from './testing/house.ts'
import { createShelf, type Shelf } from './testing/shelf.ts'

const never = new Promise<never>(() => {})

/** Runs a pass until the process stands before (or after) its next effect, and kills it there. */
async function killAt(house: House, side: 'before' | 'after'): Promise<void> {
  const there = Promise.withResolvers<void>()
  house.shelf.before = async (_batch, { key, op, entry }) => {
    if (side === 'after') house.shelf.effects.push(`${op} ${key} ${entry?.label}`)
    house.shelf.before = () => {}
    there.resolve()
    await never
  }
  void house.pass().catch(() => {})
  await house.clock.drive(there.promise)
  house.restart()
}

function houseWith(setting: Partial<Shelf>, more: Setting = {}): House {
  const house = createHouse({ shelves: [createShelf('shelf', setting)], ...more })
  house.place.put('k', 'v1')
  return house
}

test('a change that may have been sent is repeated where nobody can see the difference', async () => {
  const house = houseWith({ repeat: 'safe', looks: 'never' })
  await killAt(house, 'after')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put k v1'])
})

test('a change that may have been sent is repeated under its id where the target drops a second one', async () => {
  const house = houseWith({ repeat: 'keyed', looks: 'never' })
  await killAt(house, 'before')
  await house.pass()
  const [first, second] = house.shelf.asked
  assert.equal(first!.effectId, second!.effectId)
  assert.equal((await house.row('k'))!.state, 'applied')
})

test('a change that a look does not show yet is repeated under its id: it may be under way there', async () => {
  const house = houseWith({ repeat: 'keyed' })
  await killAt(house, 'before')
  await house.pass()
  const [first, second] = house.shelf.asked
  assert.equal(first!.effectId, second!.effectId)
  assert.deepEqual(house.shelf.effects, ['put k v1'])
})

test('a look tells whether a change that may have been sent has arrived', async () => {
  const arrived = houseWith({ repeat: 'unsafe' })
  await killAt(arrived, 'after')
  arrived.shelf.values.set('k', { value: 'v1', owned: true })
  await arrived.pass()
  assert.deepEqual(arrived.shelf.effects, ['put k v1'])
  const lost = houseWith({ repeat: 'unsafe' })
  await killAt(lost, 'before')
  await lost.pass()
  assert.deepEqual(lost.shelf.effects, ['put k v1'])
})

test('killed again, between finding a change that may have been sent and repeating it: repeated at once', async () => {
  const ground = createGround()
  let dies = false
  const { journal } = ground
  const commit: Journal['commit'] = async (facts, options) => {
    const committed = await journal.commit(facts, options)
    if (!dies || !facts.some(({ event }) => event.type === 'delivery.lost')) return committed
    dies = false
    throw new AppError('journal.unavailable', 'the process is killed here')
  }
  const shelf = createShelf('shelf', { looks: 'never' })
  const house = createHouse({ shelves: [shelf] }, { ...ground, journal: { ...journal, commit } })
  house.place.put('k', 'v1')
  await killAt(house, 'after')
  dies = true
  await assert.rejects(house.pass())
  house.restart()
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put k v1'])
  assert.equal((await house.row('k'))!.state, 'applied')
})

test('where nothing can tell, a person is asked, also after another restart', async () => {
  const house = houseWith({ repeat: 'unsafe', looks: 'never' })
  await killAt(house, 'after')
  await house.pass()
  house.restart()
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  assert.deepEqual(
    (await house.holds()).map((hold) => hold.reason),
    ['outcome-unknown'],
  )
})

test('a person’s answer is good for one sending', async () => {
  const house = houseWith({ repeat: 'unsafe', looks: 'never' })
  await killAt(house, 'before')
  await house.pass()
  await house.release('k')
  await killAt(house, 'after')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  assert.equal((await house.holds()).length, 1)
})

test('a second try that was cut off is not forgotten', async () => {
  for (const repeat of ['keyed', 'unsafe'] as const) {
    const house = houseWith({ repeat, looks: 'never' })
    house.shelf.answer = () => ({ is: 'failed', error: new AppError('target.refused', 'not now'), effect: 'none' })
    await house.pass()
    house.shelf.answer = () => undefined
    await house.clock.advance(60_000)
    await killAt(house, 'before')
    const report = await house.pass()
    const { state } = (await house.row('k'))!
    assert.equal(state, repeat === 'keyed' ? 'applied' : 'held')
    assert.equal(report.ok, repeat === 'keyed')
  }
})

test('what is held after another wish goes out under an id of its own', async () => {
  const approval = { name: 'approval', ask: () => ({ hold: 'approval', subject: 's', until: 'person' }) as const }
  const house = houseWith({ repeat: 'keyed', looks: 'never' })
  house.shelf.answer = () => 'silent'
  await house.pass()
  house.shelf.answer = () => undefined
  house.place.put('k', 'v2')
  house.restart({ spec: { gates: [approval] } })
  await house.pass()
  await house.release('k')
  await house.pass()
  const [first, second] = house.shelf.asked
  assert.deepEqual([first!.entry?.label, second!.entry?.label], ['v1', 'v2'])
  assert.notEqual(first!.effectId, second!.effectId)
})

test('a crash before the first put is no reason to delete what somebody else holds there', async () => {
  for (const repeat of ['keyed', 'unsafe'] as const) {
    const house = houseWith({ repeat }, { absence: 'vouched' })
    house.place.put('other', 'v1')
    await house.pass()
    house.shelf.values.set('k2', { value: 'theirs', owned: false })
    house.place.put('k2', 'v1')
    await killAt(house, 'before')
    house.place.drop('k2')
    await house.pass()
    assert.equal(house.shelf.values.get('k2')?.value, 'theirs')
    assert.equal(await house.row('k2'), null)
  }
})

test('a sending is noted before the effect, unless it may be repeated and a look can tell', async () => {
  const noted: string[] = []
  for (const repeat of ['safe', 'keyed', 'unsafe'] as const) {
    for (const looks of ['digests', 'never'] as const) {
      const house = houseWith({ repeat, looks })
      house.shelf.before = async () => {
        noted.push(`${repeat} ${looks} ${(await house.row('k'))?.state ?? 'nothing'}`)
      }
      await house.pass()
    }
  }
  assert.deepEqual(noted, [
    'safe digests nothing',
    'safe never sending',
    'keyed digests sending',
    'keyed never sending',
    'unsafe digests sending',
    'unsafe never sending',
  ])
})

test('asking about what was accepted is no sending', async () => {
  const house = houseWith({ repeat: 'unsafe', looks: 'never' })
  house.shelf.answer = () => ({ is: 'waiting', on: 'build', handle: { build: 7 }, again: 1_000 })
  await house.pass()
  const head = await house.head()
  await house.clock.advance(1_000)
  await house.pass()
  assert.deepEqual([house.shelf.asked.length, await house.head()], [2, head])
})

test('while a change is under way it is due for nobody', async () => {
  const house = houseWith({ repeat: 'keyed', looks: 'never' })
  house.shelf.answer = () => 'hangs'
  void house.pass().catch(() => {})
  await house.clock.advance(30_000)
  const { state, due } = (await house.row('k'))!
  assert.equal(state, 'sending')
  assert.ok(due! > house.clock.now())
})

test('a finishing step that is owed survives a crash and is done once', async () => {
  const house = houseWith({ finishes: true })
  await killAt(house, 'after')
  house.shelf.values.set('k', { value: 'v1', owned: true })
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1', 'finish'])
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1', 'finish'])
  assert.equal((await house.target())!.owed, null)
})
