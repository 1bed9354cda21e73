import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCron } from './cron.ts'

/** Expression, after, next: the cases that robfig/cron documents and tests, in its order. Without a zone: UTC. */
const vectors: readonly (readonly [string, string, string | null])[] = [
  // Every fifteen minutes; and from five past on.
  ['0/15 * * * *', '2012-07-09T14:45:00Z', '2012-07-09T15:00:00Z'],
  ['0/15 * * * *', '2012-07-09T14:59:59Z', '2012-07-09T15:00:00Z'],
  ['5/15 * * * *', '2012-07-09T15:00:00Z', '2012-07-09T15:05:00Z'],
  ['5/15 * * * *', '2012-07-09T15:50:00Z', '2012-07-09T16:05:00Z'],
  ['*/15 * * * *', '2012-07-09T23:46:00Z', '2012-07-10T00:00:00Z'],
  // Names of months and days, in any case.
  ['0/15 * * Jul *', '2012-08-01T00:00:00Z', '2013-07-01T00:00:00Z'],
  ['30 08 ? Jul Sun', '2012-07-09T00:00:00Z', '2012-07-15T08:30:00Z'],
  ['30 08 15 jul ?', '2012-07-09T00:00:00Z', '2012-07-15T08:30:00Z'],
  ['0 30 08 15 JUL ?', '2012-07-09T00:00:00Z', '2012-07-15T08:30:00Z'],
  ['0 0 ? * 7', '2012-07-09T00:00:00Z', '2012-07-15T00:00:00Z'],
  // Nicknames.
  ['@hourly', '2012-07-09T14:04:00Z', '2012-07-09T15:00:00Z'],
  ['@daily', '2012-07-09T14:04:00Z', '2012-07-10T00:00:00Z'],
  ['@midnight', '2012-07-09T14:04:00Z', '2012-07-10T00:00:00Z'],
  ['@weekly', '2012-07-09T00:00:00Z', '2012-07-15T00:00:00Z'],
  ['@monthly', '2012-07-08T00:00:00Z', '2012-08-01T00:00:00Z'],
  ['@yearly', '2012-07-08T00:00:00Z', '2013-01-01T00:00:00Z'],
  ['@annually', '2012-07-08T00:00:00Z', '2013-01-01T00:00:00Z'],
  // Day of the month and day of the week: one of both is enough,
  ['0 0 1,15 * Sun', '2012-06-14T00:00:00Z', '2012-06-15T00:00:00Z'],
  ['0 0 1,15 * Sun', '2012-07-31T00:00:00Z', '2012-08-01T00:00:00Z'],
  ['0 0 1,15 * Sun', '2012-07-15T00:00:00Z', '2012-07-22T00:00:00Z'],
  // but where one has a star both must hold.
  ['0 0 * * Mon', '2012-07-14T00:00:00Z', '2012-07-16T00:00:00Z'],
  ['0 0 */10 * Sun', '2012-07-09T00:00:00Z', '2012-10-21T00:00:00Z'],
  ['0 0 */2 * Sun', '2012-07-09T00:00:00Z', '2012-07-15T00:00:00Z'],
  ['0 0 1,15 * *', '2012-07-02T00:00:00Z', '2012-07-15T00:00:00Z'],
  // Over the ends of hours, days, months and years.
  ['20-35/15 * * * *', '2012-07-09T15:45:00Z', '2012-07-09T16:20:00Z'],
  ['20-35/15 * * * *', '2012-07-09T23:45:00Z', '2012-07-10T00:20:00Z'],
  ['15/35 20-35/15 * * * *', '2012-07-09T23:35:51Z', '2012-07-10T00:20:15Z'],
  ['15/35 20-35/15 1/2 * * *', '2012-07-09T23:35:51Z', '2012-07-10T01:20:15Z'],
  ['15/35 20-35/15 10-12 * * *', '2012-07-09T23:35:51Z', '2012-07-10T10:20:15Z'],
  ['15/35 20-35/15 1/2 */2 * *', '2012-07-09T23:35:51Z', '2012-07-11T01:20:15Z'],
  ['15/35 20-35/15 * 9-20 Jul *', '2012-07-09T23:35:51Z', '2012-07-10T00:20:15Z'],
  ['0 0 0 9 Apr-Oct ?', '2012-07-09T23:35:00Z', '2012-08-09T00:00:00Z'],
  ['0 0 0 */5 Apr,Aug,Oct Mon', '2012-07-09T23:35:00Z', '2012-08-06T00:00:00Z'],
  ['0 0 0 */5 Oct Mon', '2012-07-09T23:35:00Z', '2012-10-01T00:00:00Z'],
  ['0 0 0 * Feb Mon', '2012-07-09T23:35:00Z', '2013-02-04T00:00:00Z'],
  ['0 0 0 * Feb Mon/2', '2012-07-09T23:35:00Z', '2013-02-01T00:00:00Z'],
  ['0 * * * * *', '2012-12-31T23:59:45Z', '2013-01-01T00:00:00Z'],
  ['0 0 0 29 Feb ?', '2012-07-09T23:35:00Z', '2016-02-29T00:00:00Z'],
  ['0 0 L * *', '2012-02-01T00:00:00Z', '2012-02-29T00:00:00Z'],
  // Clocks go forward: what they leave out does not run.
  ['TZ=America/New_York 0 30 2 11 Mar ?', '2012-03-11T00:00:00-05:00', '2013-03-11T02:30:00-04:00'],
  ['TZ=America/New_York 0 0 * * * ?', '2012-03-11T01:00:00-05:00', '2012-03-11T03:00:00-04:00'],
  ['CRON_TZ=America/New_York 0 0 * * * ?', '2012-03-11T03:00:00-04:00', '2012-03-11T04:00:00-04:00'],
  ['TZ=America/New_York 0 0 1 * * ?', '2012-03-11T01:00:00-05:00', '2012-03-12T01:00:00-04:00'],
  ['TZ=America/New_York 0 0 2 * * ?', '2012-03-11T00:00:00-05:00', '2012-03-12T02:00:00-04:00'],
  // Clocks go back.
  ['TZ=America/New_York 0 30 2 04 Nov ?', '2012-11-04T00:00:00-04:00', '2012-11-04T02:30:00-05:00'],
  ['TZ=America/New_York 0 0 * * * ?', '2012-11-04T00:00:00-04:00', '2012-11-04T01:00:00-04:00'],
  ['TZ=America/New_York 0 0 * * * ?', '2012-11-04T01:00:00-04:00', '2012-11-04T01:00:00-05:00'],
  ['TZ=America/New_York 0 0 * * * ?', '2012-11-04T01:00:00-05:00', '2012-11-04T02:00:00-05:00'],
  ['TZ=America/New_York 0 0 1 * * ?', '2012-11-04T00:00:00-04:00', '2012-11-04T01:00:00-04:00'],
  // Here robfig/cron runs twice: 01:00 comes again an hour later. A job of the night once a night is what is meant.
  ['TZ=America/New_York 0 0 1 * * ?', '2012-11-04T01:00:00-04:00', '2012-11-05T01:00:00-05:00'],
  ['TZ=America/New_York 0 0 2 * * ?', '2012-11-04T00:00:00-04:00', '2012-11-04T02:00:00-05:00'],
  ['TZ=America/Sao_Paulo 0 0 9 10 * ?', '2018-10-17T05:00:00-04:00', '2018-11-10T06:00:00-05:00'],
  // Never.
  ['0 0 0 30 Feb ?', '2012-07-09T23:35:00Z', null],
  ['0 0 0 31 Apr ?', '2012-07-09T23:35:00Z', null],
]

test('the next time is that of robfig/cron', () => {
  for (const [expression, after, next] of vectors) {
    const cron = parseCron(expression.includes('TZ=') ? expression : `TZ=UTC ${expression}`)
    assert.ok(cron, expression)
    const at = cron.next(Date.parse(after), 'skipped')
    assert.equal(
      at,
      next === null ? null : Date.parse(next),
      `${expression} after ${after}: ${new Date(at ?? 0).toISOString()}`,
    )
  }
})

test('what the clocks leave out comes right after, where nothing else is asked', () => {
  const cron = parseCron('TZ=America/New_York 30 2 * * *')!
  const evening = Date.parse('2012-03-10T20:00:00-05:00')
  assert.equal(cron.next(evening), Date.parse('2012-03-11T03:00:00-04:00'))
  assert.equal(cron.next(evening, 'skipped'), Date.parse('2012-03-12T02:30:00-04:00'))
})

test('what is no cron expression is refused', () => {
  const texts = [
    '',
    ' ',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
  ]
  const others = ['*/0 * * * *', '5-1 * * * *', '5/x * * * *', '@reboot', '@fortnightly', 'MON', '2030-01-01T00:00:00']
  for (const text of [...texts, ...others, 'TZ=Nowhere/Bad * * * * *', 'TZ=UTC', 'TZ= * * * * *']) {
    assert.equal(parseCron(text), null, text)
  }
})

test('no text makes it throw, and the next time is always later', () => {
  const field = fc.constantFrom('*', '*', '?', '5', '*/7', '1-5', '3/5', '31', 'MON', 'L', '?/2', '1,2/3')
  const text = fc.oneof(
    fc.string(),
    fc.array(field, { minLength: 4, maxLength: 7 }).map((fields) => `TZ=Europe/Berlin ${fields.join(' ')}`),
  )
  const from = Date.UTC(2026, 2, 28, 23, 59, 59)
  let read = 0
  fc.assert(
    fc.property(text, (expression) => {
      const next = parseCron(expression)?.next(from, 'skipped')
      if (next == null) return
      read += 1
      assert.ok(next > from)
    }),
    { numRuns: 500, seed: 1 },
  )
  assert.ok(read > 20)
})
