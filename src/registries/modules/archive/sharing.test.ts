/** Many images at a time: who waits for whom, who stops with whom, and what nobody waits for. */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { suite, test } from 'node:test'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { makeSmallDisk, skipWithoutMount } from '../../../../tests/parts/small-disk.ts'
import { createArchives } from './archives.ts'
import type { BlobOf } from './slices.ts'
import { createSlots } from '../../../kernel/slots.ts'
import { filesOf, ground, signal } from './testing/ground.ts'
import { file, image, type TestImage } from './testing/layers.ts'

/** Gives pieces once the gate is open, and says when it was asked. */
function gated(of: TestImage) {
  const asked = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const blob: BlobOf = async function* blob(layer) {
    asked.resolve()
    await gate.promise
    yield* of.blob(layer)
  }
  return { asked: asked.promise, gate, blob }
}

suite('a layer that several images have', () => {
  test('goes on for the others when the one that began it is stopped', async () => {
    using at = ground()
    const of = await image([[file('docs/a', 'a')]])
    const { asked, blob } = gated(of)
    const stop = new AbortController()
    const first = at.archives.make({ layers: of.layers, blob, compat: false }, stop.signal)
    await asked
    const second = at.archives.make({ layers: of.layers, blob: of.blob, compat: false }, signal)
    stop.abort(new Error('stopped'))
    await assert.rejects(first, /stopped/)
    assert.equal((await second).fetched, of.bytes)
    assert.deepEqual(globSync('tmp/*', { cwd: at.folder }), [])
  })

  test('leaves who waits for it when that one is stopped', async () => {
    using at = ground()
    const of = await image([[file('docs/a', 'a')]])
    const { asked, gate, blob } = gated(of)
    const first = at.archives.make({ layers: of.layers, blob, compat: false }, signal)
    await asked
    const stop = new AbortController()
    const second = at.archives.make({ layers: of.layers, blob, compat: false }, stop.signal)
    stop.abort(new Error('stopped'))
    await assert.rejects(second, /stopped/)
    gate.resolve()
    assert.equal((await first).files, 1)
  })

  test('fails for all who wait, and is asked for anew by the next', async () => {
    using at = ground()
    const of = await image([[file('docs/a', 'a')]])
    const { asked, gate, blob } = gated(of)
    const making = [1, 2, 3].map(() => at.archives.make({ layers: of.layers, blob, compat: false }, signal))
    await asked
    gate.reject(new Error('connection reset'))
    for (const one of await Promise.allSettled(making)) {
      assert.equal(one.status, 'rejected')
      assert.match(String(one.reason), /connection reset/)
    }
    assert.deepEqual(of.asked, [])
    assert.deepEqual(filesOf(await at.made(of)), { 'docs/a': 'a' })
  })

  test('that fails stops the other layers of its image', async () => {
    using at = ground()
    const of = await image([[file('docs/a')], [file('docs/b')]])
    const blob: BlobOf = async function* blob(layer) {
      if (layer === of.layers[0]) throw new Error('connection reset')
      await new Promise(() => {})
      yield Buffer.alloc(0)
    }
    await assert.rejects(at.archives.make({ layers: of.layers, blob, compat: false }, signal), /connection reset/)
    assert.deepEqual(globSync('tmp/*', { cwd: at.folder }), [])
  })
})

test('a blob that falls silent is given up', async () => {
  const patience = Promise.withResolvers<void>()
  using at = ground({ clock: { ...createFakeClock(), sleep: () => patience.promise } })
  const of = await image([[file('docs/a')]])
  const { asked, blob } = gated(of)
  const making = at.archives.make({ layers: of.layers, blob, compat: false }, signal)
  await asked
  patience.resolve()
  await assert.rejects(making, { code: 'timed-out' })
})

test('only so many layers stream at a time', async () => {
  using at = ground({ layersAtOnce: 3 })
  const images = await Promise.all([0, 1, 2, 3].map((n) => image([1, 2, 3].map((m) => [file(`docs/${n}/${m}`)]))))
  const full = Promise.withResolvers<void>()
  let [now, most] = [0, 0]
  await Promise.all(
    images.map((of) => {
      const blob: BlobOf = async function* blob(layer) {
        most = Math.max(most, ++now)
        if (now === 3) full.resolve()
        await full.promise
        yield* of.blob(layer)
        now--
      }
      return at.archives.make({ layers: of.layers, blob, compat: false }, signal)
    }),
  )
  assert.equal(most, 3)
})

test('slots go to who came first, and not to who left', async () => {
  const slots = createSlots(1)
  const order: number[] = []
  const free = await slots.take(signal)
  const left = new AbortController()
  const leaving = slots.take(left.signal)
  const taking = [1, 2].map(async (n) => {
    const done = await slots.take(signal)
    order.push(n)
    done()
    done()
  })
  left.abort(new Error('left'))
  await assert.rejects(leaving, /left/)
  free()
  await Promise.all(taking)
  assert.deepEqual(order, [1, 2])
})

test('a full disk is told as such, leaves nothing behind, and mends', { skip: skipWithoutMount }, async () => {
  const disk = makeSmallDisk(2)
  try {
    const archives = createArchives({ folder: disk.folder, clock: createFakeClock() })
    const of = await image([[file('docs/a', 'a'.repeat(500_000))]])
    const make = () => archives.make({ layers: of.layers, blob: of.blob, compat: false }, signal)
    disk.fill()
    await assert.rejects(make(), { code: 'storage.full', class: 'wait' })
    disk.free()
    const large = await image([[file('docs/a', 'b'.repeat(3_000_000))]])
    const making = archives.make({ layers: large.layers, blob: large.blob, compat: false }, signal)
    await assert.rejects(making, { code: 'storage.full' })
    assert.deepEqual(globSync('tmp/*', { cwd: disk.folder }), [])
    assert.equal((await make()).files, 1)
  } finally {
    disk.remove()
  }
})
