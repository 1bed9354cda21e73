import assert from 'node:assert/strict'
import { globSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { filesOf, ground, signal } from './testing/ground.ts'
import { file, image, type TestImage } from './testing/layers.ts'

const hour = 60 * 60_000

/** Time moves when it is told to, and nobody's patience ends. */
function setUp(sliceBytes?: number) {
  let now = Date.now()
  const clock: Clock = { now: () => now, monotonic: () => now, sleep: () => new Promise(() => {}) }
  const at = ground({ clock, ...(sliceBytes === undefined ? {} : { sliceBytes }) })
  const make = (of: TestImage) => at.archives.make({ layers: of.layers, blob: of.blob, compat: false }, signal)
  const pass = (ms: Ms) => {
    now += ms
  }
  return { pass, at, make }
}

suite('a sweep', () => {
  test('removes what is not kept once it is an hour old, also while it is being sent', async () => {
    const { pass, at, make } = setUp()
    using _ = at
    const [kept, old] = [await make(await image([[file('docs/a')]])), await make(await image([[file('docs/b')]]))]
    pass(hour - 1)
    assert.equal((await at.archives.sweep(new Set([kept.digest]))).archives, 0)
    const fresh = await make(await image([[file('docs/c')]]))
    pass(1)
    const sending = await at.archives.open(old.digest)
    assert.equal((await at.archives.sweep(new Set([kept.digest]))).archives, 1)
    assert.deepEqual(
      [kept, old, fresh].map(({ digest }) => at.archives.has(digest)),
      [true, false, true],
    )
    let sum = 0
    for await (const piece of sending) sum += (piece as Buffer).length
    assert.equal(sum, old.size)
  })

  test('leaves what was made again a moment ago', async () => {
    const { pass, at, make } = setUp()
    using _ = at
    const of = await image([[file('docs/a')]])
    const { digest } = await make(of)
    pass(2 * hour)
    await make(of)
    assert.equal((await at.archives.sweep(new Set())).archives, 0)
    assert.equal(at.archives.has(digest), true)
  })

  test('removes temporary files that nobody writes any more, and not those of a make beside it', async () => {
    const { pass, at, make } = setUp()
    using _ = at
    const reached = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const of = await image([[file('docs/a', 'a')]])
    const making = make({
      ...of,
      async *blob(layer) {
        reached.resolve()
        await gate.promise
        yield* of.blob(layer)
      },
    })
    await reached.promise
    mkdirSync(join(at.folder, 'tmp'), { recursive: true })
    writeFileSync(join(at.folder, 'tmp', '1-1'), 'left behind')
    pass(2 * hour)
    assert.equal((await at.archives.sweep(new Set())).temporary, 1)
    assert.equal(globSync('tmp/*', { cwd: at.folder }).length, 1)
    gate.resolve()
    assert.equal(at.archives.has((await making).digest), true)
    assert.deepEqual(globSync('tmp/*', { cwd: at.folder }), [])
  })

  test('removes the slices unused the longest, and no more than it must', async () => {
    const { pass, at, make } = setUp(25_000)
    using _ = at
    const images = await Promise.all([1, 2, 3].map((n) => image([[file('docs/a', `${n}`.repeat(10_000))]])))
    for (const of of images) {
      await make(of)
      pass(1000)
    }
    await make(images[0]!)
    assert.equal((await at.archives.sweep(new Set())).slices, 1)
    await Promise.all(images.map(make))
    assert.deepEqual(
      images.map(({ asked }) => asked.length),
      [1, 2, 1],
    )
  })
})

test('a slice that is damaged on disk is made anew', async () => {
  const { at, make } = setUp()
  using _ = at
  const of = await image([[file('docs/a', 'a'.repeat(1000))]])
  await make(of)
  const [slice = ''] = globSync('slices/*', { cwd: at.folder })
  truncateSync(join(at.folder, slice), 500)
  assert.deepEqual(filesOf(await at.made(of)), { 'docs/a': 'a'.repeat(1000) })
  assert.equal(of.asked.length, 2)
})

test('a folder that is gone altogether comes back', async () => {
  const { at } = setUp()
  using _ = at
  const of = await image([[file('docs/a', 'a')]])
  await at.made(of)
  rmSync(at.folder, { recursive: true })
  assert.deepEqual(filesOf(await at.made(of)), { 'docs/a': 'a' })
  assert.deepEqual(await at.archives.sweep(new Set()), { archives: 0, slices: 0, temporary: 0, bytes: 0 })
})
