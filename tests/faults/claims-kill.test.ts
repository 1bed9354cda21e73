/** The short form of prove/claims-kill.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killCollector } from '../parts/claims-kill.ts'
import { skipWithout } from '../parts/find.ts'

test('what a collector acknowledged outlives kill -9, and reaches the file', { skip: skipWithout('git') }, async () => {
  const { kills, acknowledged } = await killCollector(3, Math.random)
  assert.equal(kills, 3)
  assert.ok(acknowledged >= kills)
})
