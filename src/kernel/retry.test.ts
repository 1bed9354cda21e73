import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fullJitter, spread } from './retry.ts'

test('waits are whole milliseconds, because instants are stored as integers', () => {
  for (const chance of [0, 0.123_456, 0.5, 0.999_999]) {
    const random = () => chance
    assert.ok(Number.isSafeInteger(fullJitter(3, { first: 333, most: 60_000 }, random)))
    assert.ok(Number.isSafeInteger(spread(1_001, 0.1, random)))
  }
})

test('full jitter grows with each attempt up to its bound', () => {
  const most = (attempt: number) => fullJitter(attempt, { first: 500, most: 60_000 }, () => 1 - Number.EPSILON)
  assert.deepEqual([0, 1, 2, 7, 100].map(most), [500, 1_000, 2_000, 60_000, 60_000])
})
