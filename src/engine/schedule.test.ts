import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration } from '../kernel/duration.ts'
import { nextPass, parseSchedule, shortestInterval } from './schedule.ts'

const half = () => 0.5
const next = (text: string, now: string) =>
  new Date(nextPass(parseSchedule(text)!, 0, Date.parse(now), half)!).toISOString()

test('lengths of time, with and without @every', () => {
  assert.deepEqual(parseSchedule('1h30m'), { interval: 5_400_000 })
  assert.deepEqual(parseSchedule('  @every  90s '), { interval: 90_000 })
  assert.deepEqual(parseSchedule('@every 100ms'), { interval: shortestInterval })
})

test('what is no schedule is refused', () => {
  const texts = ['', '  ', '30', '0s', '-5m', '99ms', '5 minutes', '@every', '@every x', '@every 1ms', '@sometimes']
  const crons = ['* * * *', '60 * * * *', '* * * * * * *', '*/90 * * * *', '0 0 0 * *', 'MON', '2030-01-01T00:00:00']
  const zones = ['TZ=Nowhere/Bad 0 0 * * *', 'TZ=Europe/Madrid', 'TZ=UTC 5m']
  const never = ['0 0 31 2 *', '0 0 30 2 *']
  for (const text of [...texts, ...crons, ...zones, ...never]) assert.equal(parseSchedule(text), null, text)
})

test('no text makes it throw, and what it takes has a next time', () => {
  const field = fc.constantFrom('*', '0', '5', '*/7', '1-5', '31', '99', 'MON', 'L', '?', 'x', '1,2')
  const text = fc.oneof(
    fc.string(),
    fc.array(field, { minLength: 3, maxLength: 7 }).map((fields) => fields.join(' ')),
  )
  const now = Date.UTC(2026, 0, 31, 23, 59, 59)
  fc.assert(
    fc.property(text, (schedule) => {
      const parsed = parseSchedule(schedule)
      if (parsed === null) return
      assert.ok(nextPass(parsed, now, now, half)! >= now)
    }),
    { numRuns: 300, seed: 1 },
  )
})

test('an interval is kept from when the last pass was due, moved by no more than the jitter', () => {
  const lengths = fc.record({
    interval: fc.integer({ min: shortestInterval, max: 86_400_000 }),
    jitter: fc.double({ min: 0, max: 0.5, noNaN: true }),
    late: fc.integer({ min: 0, max: 200_000_000 }),
    chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  })
  fc.assert(
    fc.property(lengths, ({ interval, jitter, late, chance }) => {
      const last = 1_700_000_000_000
      const now = last + late
      const at = nextPass({ interval, jitter }, last, now, () => chance)!
      assert.ok(Number.isSafeInteger(at) && at >= now)
      assert.ok(at <= Math.max(now, last + Math.ceil(interval * (1 + jitter))))
      // After a long sleep one pass is due, not one for each interval that went by.
      if (late < interval * (1 - jitter) - 1) assert.ok(at >= last + Math.floor(interval * (1 - jitter)))
    }),
    { seed: 1 },
  )
})

test('by a tenth where nothing is said', () => {
  const at = (chance: number) => nextPass({ interval: 10_000 }, 0, 0, () => chance)
  assert.deepEqual([0, 0.5, 1 - Number.EPSILON].map(at), [9_000, 10_000, 11_000])
})

test('without interval and cron line nothing is due', () => {
  assert.equal(nextPass({}, 0, 1, half), null)
})

test('cron lines of five and six fields, and nicknames', () => {
  assert.equal(next('TZ=UTC */5 * * * *', '2026-01-01T00:00:00Z'), '2026-01-01T00:05:00.000Z')
  assert.equal(next('TZ=UTC 30 */5 * * * *', '2026-01-01T00:00:00Z'), '2026-01-01T00:00:30.000Z')
  assert.equal(next('TZ=UTC 0 3 * * 1-5', '2026-01-02T12:00:00Z'), '2026-01-05T03:00:00.000Z')
  assert.equal(next('TZ=UTC @hourly', '2026-01-01T00:59:59.999Z'), '2026-01-01T01:00:00.000Z')
  assert.equal(next('CRON_TZ=UTC @daily', '2026-01-01T00:00:00Z'), '2026-01-02T00:00:00.000Z')
  assert.equal(next('TZ=UTC @weekly', '2026-01-01T00:00:00Z'), '2026-01-04T00:00:00.000Z')
  assert.equal(next('TZ=UTC @monthly', '2026-01-31T00:00:00Z'), '2026-02-01T00:00:00.000Z')
})

test('a cron line is read in its zone', () => {
  assert.equal(next('TZ=Asia/Tokyo 0 9 * * *', '2026-01-01T12:00:00Z'), '2026-01-02T00:00:00.000Z')
  assert.equal(next('TZ=America/New_York 0 9 * * *', '2026-07-01T00:00:00Z'), '2026-07-01T13:00:00.000Z')
})

test('over a change of clocks: a time that is left out comes right after, one that comes twice runs once', () => {
  // Madrid goes from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25.
  assert.equal(next('TZ=Europe/Madrid 30 2 * * *', '2026-03-28T12:00:00Z').slice(0, 10), '2026-03-29')
  const first = next('TZ=Europe/Madrid 30 2 * * *', '2026-10-24T12:00:00Z')
  const second = next('TZ=Europe/Madrid 30 2 * * *', first)
  assert.equal(first.slice(0, 10), '2026-10-25')
  assert.equal(second, '2026-10-26T01:30:00.000Z')
})

test('a length of time reads back as the same schedule', () => {
  fc.assert(
    fc.property(fc.integer({ min: shortestInterval, max: 10_000_000_000 }), (interval) => {
      assert.deepEqual(parseSchedule(formatDuration(interval)), { interval })
      assert.deepEqual(parseSchedule(`@every ${formatDuration(interval)}`), { interval })
    }),
    { seed: 1 },
  )
})
