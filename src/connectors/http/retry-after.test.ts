import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryAfterOf } from './retry-after.ts'

const now = Date.UTC(2026, 10, 21, 12, 0, 0)

test('reads every form of Retry-After that is met', () => {
  const forms: readonly [string, number | null][] = [
    ['0', 0],
    ['120', 120_000],
    [' 3 ', 3000],
    ['0.25', 250],
    ['1.', 1000],
    [String(now / 1000 + 90), 90_000],
    [String(now / 1000 - 90), 0],
    ['500ms', 500],
    ['2s', 2000],
    ['1m30s', 90_000],
    ['774.886µs', 1],
    [Buffer.from('774.886µs').toString('latin1'), 1],
    ['Sat, 21 Nov 2026 12:00:10 GMT', 10_000],
    ['Saturday, 21-Nov-26 12:00:10 GMT', 10_000],
    ['Sat Nov 21 12:00:10 2026', 10_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['2026-11-21T12:00:01Z', 1000],
    ['-1', null],
    ['', null],
    ['soon', null],
    ['99999999999999999999', null],
  ]
  for (const [text, wait] of forms) assert.equal(retryAfterOf(text, now), wait, text)
  assert.equal(retryAfterOf(undefined, now), null)
  assert.equal(retryAfterOf(['1', '3', 'x'], now), 3000)
})
