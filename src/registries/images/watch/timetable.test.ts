import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextAt, parseTimetable, scheduleFault, shortestPoll, type Timetable } from './timetable.ts'

const never = () => 0
const at = (iso: string) => Date.parse(iso)
const read = (text: string): Timetable => {
  const timetable = parseTimetable(text)
  assert.ok(timetable, text)
  return timetable
}

test('lengths of time, and what cron reads', () => {
  const lengths = { '90s': 90_000, '1h30m': 5_400_000, '@every 5m': 300_000, ' @every  1h ': 3_600_000, '10s': 10_000 }
  for (const [text, every] of Object.entries(lengths)) assert.deepEqual(parseTimetable(text), { every }, text)
  const crons = [
    '*/5 * * * *',
    '0 */5 * * * *',
    '@hourly',
    '@midnight',
    'CRON_TZ=Asia/Tokyo 0 9 ? * Mon-Fri',
    '0 0 L * *',
  ]
  for (const text of [...crons, '0/15 * * * *', '0,10,20 * * * * *']) assert.ok('cron' in read(text), text)
})

test('what is no schedule is refused, with a next step', () => {
  const refused: Readonly<Record<string, RegExp>> = {
    '': /^is empty\n/,
    '  ': /^is empty\n/,
    '9.9s': /^polls more often/,
    '@every 1s': /^polls more often/,
    '0s': /^polls more often/,
    '* * * * * *': /^polls more often/,
    '0,5 0 0 * * *': /^polls more often/,
    '55,0 * * * * *': /^polls more often/,
    '0 0 31 2 *': /^names a day that never comes\n/,
    '0 0 30 Feb ?': /^names a day that never comes\n/,
    '* * * *': /^is no schedule\n/,
    '5 minutes': /^is no schedule\n/,
    '@every soon': /^is no schedule\n/,
    'TZ=Nowhere/Bad 0 0 * * *': /^is no schedule\n/,
  }
  for (const [text, fault] of Object.entries(refused)) {
    assert.match(scheduleFault(text) ?? 'taken', fault, text)
    assert.equal(parseTimetable(text), null, text)
  }
  for (const text of ['5m', '@daily', '0 3 * * 1-5']) assert.equal(scheduleFault(text), null, text)
})

test('an interval is kept to over restarts, from a phase of its own', () => {
  const every = fc.integer({ min: shortestPoll, max: 86_400_000 })
  fc.assert(
    fc.property(every, fc.string(), fc.nat(10_000_000), fc.nat(1_000_000), (ms, phaseKey, from, later) => {
      const start = 1_700_000_000_000 + from
      const rest = { phaseKey, jitter: 0, random: never }
      const first = nextAt({ every: ms }, { last: start, now: start, ...rest })
      assert.ok(first > start && first <= start + ms)
      // Whoever asks later, but before it is due, is told the same.
      const again = Math.min(start + later, first - 1)
      assert.equal(nextAt({ every: ms }, { last: null, now: again, ...rest }), first)
      assert.equal(nextAt({ every: ms }, { last: first, now: first, ...rest }), first + ms)
    }),
    { seed: 1 },
  )
})

test('repositories are spread over the interval', () => {
  const slots = Array<number>(10).fill(0)
  for (let n = 0; n < 1000; n += 1) {
    const due = nextAt({ every: 10_000 }, { last: 0, now: 0, phaseKey: `hub/team/${n}`, jitter: 0, random: never })
    slots[Math.floor((due - 1) / 1000)]! += 1
  }
  for (const count of slots) assert.ok(count > 50 && count < 150, slots.join(' '))
})

test('later by a tenth at most', () => {
  const rest = { last: 0, now: 0, phaseKey: 'a' }
  const exact = nextAt({ every: 60_000 }, { ...rest, jitter: 0, random: () => 0.999 })
  assert.equal(nextAt({ every: 60_000 }, { ...rest, jitter: 0.1, random: () => 0.5 }), exact + 3000)
  assert.equal(nextAt({ every: 60_000 }, { ...rest, jitter: 5, random: () => 1 }), exact + 6000)
  const daily = read('TZ=UTC @daily')
  assert.equal(nextAt(daily, { ...rest, jitter: 0, random: () => 1 }), 86_400_000)
  assert.equal(nextAt(daily, { ...rest, jitter: 0.1, random: () => 1 }), 86_400_000 + 30_000)
})

test('after a sleep it is due once', () => {
  for (const text of ['1m', 'TZ=UTC * * * * *']) {
    const timetable = read(text)
    const rest = { phaseKey: 'a', jitter: 0, random: never }
    const slept = 86_400_000
    const caughtUp = nextAt(timetable, { last: 1000, now: slept, ...rest })
    assert.equal(caughtUp, slept)
    assert.ok(nextAt(timetable, { last: caughtUp, now: caughtUp, ...rest }) > caughtUp)
  }
})

test('what the clocks leave out is not polled', () => {
  const now = at('2026-03-28T12:00:00Z')
  const due = nextAt(read('TZ=Europe/Berlin 30 2 * * *'), { last: now, now, phaseKey: '', jitter: 0, random: never })
  assert.equal(due, at('2026-03-30T02:30:00+02:00'))
})
