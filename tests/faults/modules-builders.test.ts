/** A part of `npm run prove -- modules modules.builder-down modules.fifty-builders`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builderDown, manyBuilders } from '../parts/modules-builders.ts'

test('a builder that was down gets the final state and one build', { timeout: 240_000 }, async () => {
  const { wrong, builds } = await builderDown(40, 'kept')
  assert.deepEqual(wrong, [])
  assert.equal(builds, 1)
})

test('a builder that returns without its disk gets everything', { timeout: 240_000 }, async () => {
  const { wrong, uploads } = await builderDown(10, 'lost')
  assert.deepEqual(wrong, [])
  assert.ok(uploads >= 30)
})

test('a builder that says nothing, or builds for ever, keeps no other waiting', { timeout: 240_000 }, async () => {
  // What could keep them waiting takes minutes; each wait has a bound of one.
  await manyBuilders(6, 'silent', 2)
  await manyBuilders(6, 'builds-for-ever', 2)
})
