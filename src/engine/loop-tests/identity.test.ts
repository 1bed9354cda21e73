import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import type { Outcome } from '../target.ts'
import { createHouse } from './testing/house.ts'
import { createShelf, type Shelf } from './testing/shelf.ts'

const lost: Outcome = { is: 'failed', error: new AppError('target.unavailable', 'no answer'), effect: 'unknown' }

/** A shelf that shows labels alone and holds d1, which goes by v1. */
async function labelled(repeat: Shelf['repeat']) {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'labels', repeat })] })
  const { place, shelf } = house
  const shows = (label: string) => void shelf.values.set('k', { value: label, owned: true })
  place.put('k', 'd1', '', { label: 'v1' })
  await house.pass()
  shows('v1')
  return { ...house, shows, want: (value: string, label: string) => place.put('k', value, '', { label }) }
}

test('an unchanged restart writes nothing anywhere', async () => {
  const house = createHouse()
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  await house.pass()
  const head = await house.head()
  house.restart()
  await house.pass()
  assert.deepEqual([house.shelf.asked.length, await house.head()], [2, head])
})

test('drift is repaired and told', async () => {
  const house = createHouse()
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  await house.pass()
  house.shelf.values.delete('a')
  house.shelf.values.set('b', { value: 'theirs', owned: true })
  const report = await house.pass()
  assert.equal(report.targets[0]!.drifted, 2)
  assert.deepEqual(house.shelf.effects.slice(2), ['put a v1', 'put b v1'])
  assert.equal((await house.events('delivery.drifted')).length, 2)
})

test('drift is reported where the policy says so, also after a restart, until a person agrees', async () => {
  const house = createHouse({ spec: { drift: 'report' } })
  house.place.put('k', 'v1')
  await house.pass()
  house.shelf.values.set('k', { value: 'theirs', owned: true })
  await house.pass()
  house.restart()
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1'])
  await house.release('k')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put k v1'])
})

test('drift that was put right by others ends its hold', async () => {
  const house = createHouse({ spec: { drift: 'report' } })
  house.place.put('k', 'v1')
  await house.pass()
  house.shelf.values.delete('k')
  await house.pass()
  assert.equal((await house.holds()).length, 1)
  house.shelf.values.set('k', { value: 'v1', owned: true })
  await house.pass()
  assert.deepEqual([await house.holds(), house.shelf.effects], [[], ['put k v1']])
})

test('another identity that cannot be looked at is sent everything', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never' })] })
  for (const key of ['a', 'b']) house.place.put(key, 'v1')
  await house.pass()
  house.shelf.identity = 'shelf-2'
  await house.pass()
  assert.equal(house.shelf.effects.length, 4)
  assert.deepEqual(await house.events('target.'), ['target.appeared', 'target.changed identity-changed'])
})

test('another identity that holds everything already is adopted', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  await house.pass()
  house.shelf.identity = 'shelf-2'
  const report = await house.pass()
  assert.deepEqual([house.shelf.effects.length, report.targets[0]!.adopted], [1, 1])
})

test('another identity is not taken to hold what the earlier one did', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'never' })] })
  house.place.put('k', 'v1')
  await house.pass()
  house.place.put('k', 'v2')
  house.shelf.answer = () => ({ is: 'rejected', why: 'refused', until: 'item' })
  await house.pass()
  house.shelf.answer = () => undefined
  house.shelf.identity = 'shelf-2'
  house.place.put('k', 'v1')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put k v1'])
})

test('another fingerprint compares everything and sends what differs', async () => {
  const shelf = createShelf('shelf', { looks: 'never' })
  const plain = shelf.target()
  let suffix = ''
  const target = {
    ...plain,
    get fingerprint() {
      return shelf.fingerprint
    },
    render: (entry: { digest: string }) => entry.digest + suffix,
  }
  const house = createHouse({
    shelves: [shelf],
    targets: { list: () => Promise.resolve({ saw: 'complete', targets: [target] }) },
  })
  house.place.put('k', 'v1')
  await house.pass()
  suffix = '-new'
  await house.pass()
  assert.equal(shelf.asked.length, 1, 'nothing asks for a comparison')
  shelf.fingerprint = 'f2'
  await house.pass()
  assert.equal(shelf.asked.length, 2)
  assert.equal((await house.row('k'))!.digest, 'v1-new')
})

test('labels alone: content that changed under its label is sent', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'labels' })] })
  house.place.put('k', 'd1', '', { label: 'v1' })
  house.shelf.before = (_batch, { entry }) => void house.shelf.values.set('k', { value: entry!.label, owned: false })
  await house.pass()
  house.shelf.values.set('k', { value: 'v1', owned: false })
  house.place.put('k', 'd2', '', { label: 'v1' })
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k d1', 'put k d2'])
})

test('labels alone: what may not have arrived goes out again, under its id, where its label is that of what is there', async () => {
  const { shelf, want, pass, clock } = await labelled('keyed')
  want('d2', 'v1')
  shelf.answer = () => lost
  await pass()
  shelf.answer = () => undefined
  await clock.advance(60_000)
  await pass()
  assert.deepEqual(shelf.effects, ['put k d1', 'put k d2'])
  assert.equal(shelf.asked[1]!.effectId, shelf.asked[2]!.effectId)
})

test('labels alone: what is wanted is sent where something else under its label may have arrived', async () => {
  for (const sure of [false, true]) {
    const { shelf, want, shows, pass, clock } = await labelled('keyed')
    want('d2', 'v2')
    shelf.answer = () => lost
    await pass()
    shows('v2')
    want('d3', 'v2')
    // Also when that very change then surely failed.
    if (sure) shelf.answer = () => ({ ...lost, effect: 'none' })
    if (sure) await pass()
    shelf.answer = () => undefined
    await clock.advance(60_000)
    await pass()
    assert.deepEqual(shelf.effects, ['put k d1', 'put k d3'])
  }
})

test('labels alone: a person is asked where the label tells nothing and repeating is unsafe', async () => {
  const { shelf, want, pass, clock, holds, release } = await labelled('unsafe')
  want('d2', 'v1')
  shelf.answer = () => lost
  await pass()
  shelf.answer = () => undefined
  await clock.advance(60_000)
  await pass()
  assert.deepEqual([(await holds()).map((hold) => hold.reason), shelf.effects], [['outcome-unknown'], ['put k d1']])
  await release('k')
  await pass()
  assert.deepEqual(shelf.effects, ['put k d1', 'put k d2'])
})

test('labels alone: what may have arrived is taken for done by a label that nothing else goes by', async () => {
  const { shelf, want, shows, pass, clock, row } = await labelled('unsafe')
  want('d2', 'v2')
  shelf.answer = () => lost
  await pass()
  shows('v2')
  await clock.advance(60_000)
  await pass()
  assert.deepEqual([shelf.asked.length, (await row('k'))!.state, (await row('k'))!.digestLabel], [2, 'applied', 'v2'])
})

test('labels alone: drift that could not be repaired is removed once nobody wants it', async () => {
  const house = createHouse({ shelves: [createShelf('shelf', { looks: 'labels' })], absence: 'vouched' })
  for (const key of ['k', 'other']) house.place.put(key, 'v1')
  await house.pass()
  house.shelf.values.set('k', { value: 'v0', owned: false })
  house.shelf.answer = () => ({ is: 'rejected', why: 'refused', until: 'item' })
  await house.pass()
  house.shelf.answer = () => undefined
  house.place.drop('k')
  await house.pass()
  assert.equal(house.shelf.effects.at(-1), 'delete k')
})

test('what is in doubt is looked at whole, whatever the mark says', async () => {
  const shelf = createShelf('shelf', { repeat: 'unsafe' })
  const plain = shelf.target()
  const marks: (string | undefined)[] = []
  const target = {
    ...plain,
    look: async (ask: { mark?: string }, signal: AbortSignal) => {
      marks.push(ask.mark)
      if (ask.mark === 'm1') return { saw: 'unchanged' } as const
      return { ...(await plain.look!({}, signal)), mark: 'm1' }
    },
  }
  const house = createHouse({
    shelves: [shelf],
    targets: { list: () => Promise.resolve({ saw: 'complete', targets: [target] }) },
  })
  house.place.put('k', 'v1')
  await house.pass()
  house.place.put('k', 'v2')
  shelf.answer = () => 'silent'
  await house.pass()
  shelf.answer = () => undefined
  await house.clock.advance(60_000)
  await house.pass()
  assert.deepEqual(
    [marks, shelf.effects],
    [
      [undefined, 'm1', undefined],
      ['put k v1', 'put k v2'],
    ],
  )
})
