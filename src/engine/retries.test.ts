import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRetries } from './retries.ts'

test('what fails in one round for the same time in a row is tried again at one time', () => {
  let now = 1_000
  let chance = 0.5
  const retryAt = createRetries({ now: () => now } as never, () => chance)
  assert.equal(retryAt(1), 1_250)
  now += 100
  chance = 0.9
  assert.equal(retryAt(1), 1_250)
  // Twice in a row: it waits on its own, and longer.
  assert.equal(retryAt(2), 2_000)
})

test('a round that lasts longer than the wait draws anew', () => {
  let now = 1_000
  const retryAt = createRetries({ now: () => now } as never, () => 0.5)
  assert.equal(retryAt(1), 1_250)
  now = 1_250
  assert.equal(retryAt(1), 1_500)
})
