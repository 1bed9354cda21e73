import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTimestamp } from './timestamp.ts'

test('a timestamp is the instant that Date gives for it', () => {
  const times = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  fc.assert(fc.property(times, (time) => assert.equal(parseTimestamp(time.toISOString()), time.getTime())))
})

test('fractions, offsets and small letters are read as RFC 3339 has them', () => {
  const whole = Date.UTC(2026, 10, 21, 5, 0, 36)
  const same: readonly (readonly [string, number])[] = [
    ['2026-11-21T05:00:36Z', whole],
    ['2026-11-21t05:00:36z', whole],
    ['2026-11-21 05:00:36Z', whole],
    ['2026-11-21T05:00:36.5Z', whole + 500],
    ['2026-11-21T05:00:36.123456789Z', whole + 123],
    ['2026-11-21T06:30:36+01:30', whole],
    ['2026-11-20T23:00:36.250-06:00', whole + 250],
    ['2026-11-21T05:00:35.000+00:00', whole - 1000],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
  ]
  for (const [text, at] of same) assert.equal(parseTimestamp(text), at, text)
})

test('what is no RFC 3339 is no timestamp, whatever Date makes of it', () => {
  const others = [
    '',
    '2026-11-21',
    '2026-11-21T05:00:36',
    '2026-11-21T05:00Z',
    '2026-11-21T05:00:36.Z',
    '2026-11-21T05:00:36+0100',
    '2026-11-21T05:00:36Zz',
    '2026-02-29T05:00:36Z',
    '2026-13-01T05:00:36Z',
    '2026-00-01T05:00:36Z',
    '2026-11-31T05:00:36Z',
    '2026-11-21T24:00:36Z',
    '2026-11-21T05:60:36Z',
    '2026-11-21T05:00:61Z',
    '2026-11-21T05:00:36+24:00',
    '2026-11-21T05:00:36+01:60',
    'Sat, 21 Nov 2026 05:00:36 GMT',
    '+12026-11-21T05:00:36Z',
    '2026/11/21T05:00:36Z',
    '2026-11-21X05:00:36Z',
    '2026-1a-21T05:00:36Z',
    '2026-11-21T05:00:36.12345678901234567890123456789Z',
  ]
  for (const text of others) assert.equal(parseTimestamp(text), Number.NaN, text)
})
