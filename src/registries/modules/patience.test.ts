import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import type { Source } from '../../engine/source.ts'
import { fixedTargets, type Batch, type Target } from '../../engine/target.ts'
import { createPatience, longestPatience } from './patience.ts'

const { signal } = new AbortController()

async function ground() {
  const clock = createFakeClock()
  const patience = createPatience(clock)
  const lasts: boolean[] = []
  const target = {
    name: 'one',
    async *apply(batch: Batch<unknown>) {
      await Promise.resolve()
      lasts.push(batch.last)
      yield* []
    },
  } as unknown as Target<unknown>
  const scanned = Promise.withResolvers<{ saw: 'unchanged' }>()
  const source = patience.source({
    scopes: [],
    absence: 'vouched',
    look: () => scanned.promise,
  } satisfies Source<unknown>)
  const set = patience.targets(fixedTargets(target))
  const only = async () => (await set.list(signal)).targets![0]!
  const apply = async () => Array.fromAsync((await only()).apply({ last: true } as Batch<unknown>, signal))
  return { clock, lasts, source, only, apply, scanned }
}

test('while a scan runs no batch is the last, afterwards it is', async () => {
  const { lasts, source, apply, scanned } = await ground()
  await apply()
  const look = source.look({ scope: '', known: () => Promise.resolve(new Map()) }, signal)
  await apply()
  scanned.resolve({ saw: 'unchanged' })
  await look
  await apply()
  assert.deepEqual(lasts, [true, false, true])
})

test('a scan that hangs keeps no build waiting for long', async () => {
  const { clock, lasts, source, apply } = await ground()
  void source.look({ scope: '', known: () => Promise.resolve(new Map()) }, signal)
  await apply()
  await clock.advance(longestPatience)
  await apply()
  assert.deepEqual(lasts, [false, true])
})

test('a target stays the same object', async () => {
  const { only } = await ground()
  assert.equal(await only(), await only())
})
