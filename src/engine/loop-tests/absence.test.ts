/** What a source no longer shows is removed when that can be believed, and not before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppError } from '../../kernel/errors.ts'
import { scopes } from '../tables.ts'
import { createHouse, sync, type House, type Setting } from './testing/house.ts'
import { down } from './testing/place.ts'
import { createShelf } from './testing/shelf.ts'

/** A house in which `a`, `b` and `c` were delivered; two looks 20 s apart make an absence. */
async function delivered(setting: Setting = {}): Promise<House> {
  const house = createHouse(setting)
  for (const key of ['a', 'b', 'c']) house.place.put(key, 'v1')
  await house.pass()
  return house
}

const shown = (house: House) => [...house.shelf.values.keys()].join('')

test('one look that does not show a key removes nothing; a second one, later, does', async () => {
  const house = await delivered()
  house.place.drop('a')
  await house.pass()
  await house.clock.advance(10_000)
  await house.pass()
  assert.equal(shown(house), 'abc', 'too soon')
  await house.clock.advance(10_000)
  await house.pass()
  assert.equal(shown(house), 'bc')
  assert.deepEqual(await house.events('entry.gone'), ['entry.gone a absent'])
})

test('a key that shows again in between starts anew', async () => {
  const house = await delivered()
  house.place.drop('a')
  await house.pass()
  house.place.put('a', 'v1')
  await house.pass()
  house.place.drop('a')
  await house.clock.advance(20_000)
  await house.pass()
  assert.equal(shown(house), 'abc')
})

test('vouched absence counts at once', async () => {
  const house = await delivered({ absence: 'vouched' })
  house.place.drop('a')
  await house.pass()
  assert.equal(shown(house), 'bc')
})

test('a delta takes away what it says is gone, and nothing else', async () => {
  const house = await delivered()
  house.place.answers.set('', () => ({ saw: 'delta', items: [], gone: ['b'] }))
  await house.pass()
  assert.equal(shown(house), 'ac')
})

test('a scope that cannot be read removes nothing, is shown, and says so once', async () => {
  const house = await delivered({ absence: 'vouched' })
  house.place.answers.set('', () => down)
  const report = await house.pass()
  await house.pass()
  assert.deepEqual([shown(house), report.ok, report.scopes.unavailable], ['abc', false, 1])
  assert.deepEqual(await house.events('scope.'), ['scope.appeared', 'scope.unavailable source-unavailable'])
})

test('a list that breaks off half-way removes nothing', async () => {
  const house = await delivered({ absence: 'vouched' })
  const entry = house.place.scopes.get('')!.get('a')!
  house.place.answers.set('', () => ({
    saw: 'complete',
    items: (async function* () {
      yield await Promise.resolve(entry)
      throw new Error('connection reset')
    })(),
  }))
  await house.pass()
  assert.equal(shown(house), 'abc')
})

test('a trouble shields its key, or everything of its origin', async () => {
  const house = createHouse({ absence: 'vouched' })
  for (const key of ['a', 'b', 'c', 'd'])
    house.place.put(key, 'v1', '', { origin: key < 'c' ? 'one.yaml' : 'two.yaml' })
  await house.pass()
  for (const key of ['a', 'b', 'c']) house.place.drop(key)
  house.place.troubles.set('', [
    { origin: 'one.yaml', why: 'trouble' },
    { key: 'c', why: 'trouble' },
  ])
  const report = await house.pass()
  assert.deepEqual([shown(house), report.ok, report.entries.troubles], ['abcd', false, 2])
  house.place.troubles.clear()
  await house.pass()
  assert.equal(shown(house), 'd')
})

test('below a scope that cannot be read, nothing is believed to be gone', async () => {
  const house = createHouse({ absence: 'vouched', roots: [{ scope: 'top' }] })
  house.place.put('a', 'v1', 'top')
  house.place.put('b', 'v1', 'top/below')
  await house.pass()
  house.place.drop('b', 'top/below')
  house.place.answers.set('top', () => down)
  await house.pass()
  assert.equal(shown(house), 'ab')
  house.place.answers.clear()
  await house.pass()
  assert.equal(shown(house), 'a')
})

test('a scope that is listed no more takes its keys along, after two looks', async () => {
  const house = createHouse({ roots: [{ scope: 'top' }] })
  house.place.put('a', 'v1', 'top')
  house.place.put('b', 'v1', 'top/below')
  await house.pass()
  house.place.scopes.delete('top/below')
  await house.pass()
  assert.equal(shown(house), 'ab')
  await house.clock.advance(20_000)
  await house.pass()
  assert.equal(shown(house), 'a')
  assert.deepEqual((await house.events('scope.gone')).length, 1)
})

test('a key that moves to another scope is not removed', async () => {
  const house = createHouse({ absence: 'vouched', roots: [{ scope: 'a' }, { scope: 'b' }] })
  house.place.put('k', 'v1', 'a')
  house.place.put('l', 'v1', 'b')
  await house.pass()
  house.place.drop('k', 'a')
  house.place.put('k', 'v1', 'b')
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k v1', 'put l v1'])
})

test('where two scopes hold a key, the one that ranks before wins; when it lets go, the other does', async () => {
  const house = createHouse({
    absence: 'vouched',
    roots: [
      { scope: 'a', rank: 2 },
      { scope: 'b', rank: 1 },
    ],
  })
  house.place.put('k', 'from a', 'a')
  house.place.put('k', 'from b', 'b')
  house.place.put('l', 'v1', 'b')
  await house.pass()
  assert.equal(house.shelf.values.get('k')!.value, 'from b')
  house.place.drop('k', 'b')
  await house.pass()
  assert.equal(house.shelf.values.get('k')!.value, 'from a')
})

test('when the ranks change, so does what wins, without any entry changing', async () => {
  const roots = (a: number) => [
    { scope: 'a', rank: a },
    { scope: 'b', rank: 1 },
  ]
  const house = createHouse({ roots: roots(2), shelves: [createShelf('shelf', { looks: 'never' })] })
  house.place.put('k', 'from a', 'a')
  house.place.put('k', 'from b', 'b')
  await house.pass()
  house.restart({ roots: roots(0) })
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k from b', 'put k from a'])
})

test('an older observation never replaces a newer one', async () => {
  const house = createHouse()
  house.place.put('k', 'new', '', { ordinal: [2, 1] })
  await house.pass()
  house.place.put('k', 'old', '', { ordinal: [1, 9] })
  await house.pass()
  assert.deepEqual(house.shelf.effects, ['put k new'])
})

test('tombstones go once every target has passed them', async () => {
  const [up, late] = [createShelf('up'), createShelf('late')]
  const house = await delivered({ absence: 'vouched', shelves: [up, late] })
  late.is = 'down'
  house.place.drop('a')
  await house.pass()
  await house.pass()
  assert.equal((await house.entry('a'))?.state, 'gone', 'one target has yet to hear of it')
  late.is = 'up'
  await house.pass()
  await house.pass()
  assert.equal(await house.entry('a'), null)
})

test('a scope that leaves the config is orphaned and kept, and comes back', async () => {
  const house = createHouse({ absence: 'vouched', roots: [{ scope: 'a' }, { scope: 'b' }] })
  house.place.put('k', 'v1', 'a')
  house.place.put('l', 'v1', 'b')
  await house.pass()
  house.restart({ roots: [{ scope: 'b' }] })
  await house.pass()
  await house.clock.advance(3_600_000)
  await house.pass()
  assert.equal(shown(house), 'kl')
  assert.deepEqual(await house.events('scope.orphaned'), ['scope.orphaned orphaned'])
  house.restart({ roots: [{ scope: 'a' }, { scope: 'b' }] })
  assert.equal((await house.pass()).ok, true)
  assert.equal(house.shelf.effects.length, 2)
})

test('a scope that is forgotten takes its keys along, through the removal budget', async () => {
  const house = createHouse({
    roots: [{ scope: 'a' }, { scope: 'b' }],
    spec: { budget: { least: 1, share: 0, over: 3_600_000 } },
  })
  for (const key of ['j', 'k']) house.place.put(key, 'v1', 'a')
  house.place.put('l', 'v1', 'b')
  await house.pass()
  house.restart({ roots: [{ scope: 'b' }] })
  await house.pass()
  assert.equal(await house.engine.forget({ sync, scope: 'a' }, 'tester'), 2)
  await house.pass()
  assert.deepEqual([shown(house).length, (await house.holds()).length], [2, 1])
})

test('a scope that is forgotten takes along what lies below it, unless the config names that by itself', async () => {
  const house = createHouse({ roots: [{ scope: 'a' }, { scope: 'b' }] })
  for (const scope of ['a', 'a/x', 'a/x/deep', 'a/y', 'b']) house.place.put(`in ${scope}`, 'v1', scope)
  await house.pass()
  house.restart({ roots: [{ scope: 'b' }, { scope: 'a/y' }] })
  await house.pass()
  assert.equal(await house.engine.forget({ sync, scope: 'a' }, 'tester'), 3)
  await house.pass()
  assert.deepEqual([...house.shelf.values.keys()].toSorted(), ['in a/y', 'in b'])
})

test('a scope that the config still names is not forgotten', async () => {
  const house = await delivered({ roots: [{ scope: '' }] })
  await assert.rejects(
    house.engine.forget({ sync, scope: '' }, 'tester'),
    (error: AppError) => error.code === 'config.owned',
  )
  await assert.rejects(house.engine.forget({ sync }, 'tester'), (error: AppError) => error.code === 'config.owned')
})

test('an entry that no ledger can store is a trouble of its own, and the others are written', async () => {
  const house = await delivered()
  house.place.put('nul\0', 'v1')
  house.place.put('long'.repeat(300), 'v1')
  house.place.put('a', 'v2', undefined, { label: 'half \ud800' })
  house.place.put('d', 'v1')
  const report = await house.pass()
  assert.equal(shown(house), 'abcd')
  assert.equal(house.shelf.values.get('a')?.value, 'v1', 'last known good')
  assert.equal(report.entries.troubles, 3)
  await house.clock.advance(30_000)
  await house.pass()
  assert.equal(shown(house), 'abcd')
})

test('of very many troubles the first thousand are kept, and how many there are', async () => {
  const house = createHouse()
  house.place.put('k', 'v1')
  house.place.troubles.set(
    '',
    Array.from({ length: 1_200 }, (_, n) => ({ origin: `file ${n}`, why: 'trouble' })),
  )
  await house.pass()
  const row = await house.journal.get(scopes, { sync, scope: '' })
  assert.deepEqual(
    [(row!.troubles as unknown[]).length, row!.detail],
    [1_000, '1200 troubles, of which 1000 are listed'],
  )
  house.place.troubles.clear()
  await house.pass()
  assert.equal((await house.journal.get(scopes, { sync, scope: '' }))!.detail, null)
})
