import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, parseDuration } from './duration.ts'

test('reads what Go reads, and days', () => {
  const lengths: Record<string, number> = {
    '0': 0,
    '-0': 0,
    '0s': 0,
    '250ms': 250,
    '1.5s': 1_500,
    '.5s': 500,
    '1.s': 1_000,
    '1h30m': 5_400_000,
    '7d': 604_800_000,
    '1d2h3m4s5ms': 93_784_005,
    '-1m': -60_000,
    '+1m': 60_000,
    '1500us': 1.5,
    '1500µs': 1.5,
    ' 5s ': 5_000,
  }
  for (const [text, ms] of Object.entries(lengths)) assert.equal(Math.abs(parseDuration(text)! - ms), 0, text)
})

test('refuses what is no length of time', () => {
  for (const text of [
    '',
    ' ',
    '5',
    '1h 30m',
    'h',
    '.s',
    '1.2.3s',
    '5 s',
    '1H',
    '--5s',
    '5sec',
    '1w',
    'NaNs',
    '1e3s',
    '٣s',
  ]) {
    assert.equal(parseDuration(text), null, text)
  }
})

test('whole milliseconds read back as they were', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e13, max: 1e13 }), (ms) => {
      assert.equal(parseDuration(formatDuration(ms))! - ms, 0)
    }),
    { seed: 1 },
  )
})

test('the form is the shortest one, and never empty', () => {
  assert.deepEqual([90_000, 250, 0, 86_400_000, -1_500].map(formatDuration), ['1m30s', '250ms', '0s', '1d', '-1s500ms'])
  assert.deepEqual([0.4, -0.4, 0.6].map(formatDuration), ['0s', '0s', '1ms'])
})

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = parseDuration(text)
      assert.ok(ms === null || Number.isFinite(ms))
    }),
    { seed: 1 },
  )
})
