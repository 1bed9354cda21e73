import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moment, parseSince, relative, short } from './moment.ts'

const now = Date.parse('2026-11-21T08:00:00Z')

test('relative times have two units and a direction', () => {
  assert.equal(relative(now - 90_061_000, now), '1d1h ago')
  assert.equal(relative(now + 5 * 60_000, now), 'in 5m')
  assert.equal(relative(now - 400, now), 'now')
})

test('scripts get the time itself', () => {
  assert.equal(moment(now, now + 5000, { screen: true }), '5s ago')
  assert.equal(moment(now, now + 5000, { screen: false }), '2026-11-21T08:00:00.000Z')
  assert.equal(moment(null, now, { screen: false }), null)
})

test('short lengths keep milliseconds', () => {
  assert.equal(short(250), '250ms')
  assert.equal(short(61_400), '1m1s')
})

test('--since takes a length before now or a time', () => {
  assert.equal(parseSince('10m', now), now - 600_000)
  assert.equal(parseSince('2026-11-20', now), Date.parse('2026-11-20'))
  assert.equal(parseSince('2026-11-20T10:00:00+01:00', now), Date.parse('2026-11-20T09:00:00Z'))
  assert.equal(parseSince('yesterday', now), null)
  assert.equal(parseSince('2026', now), null)
})
