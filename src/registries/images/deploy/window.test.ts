import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { opensAt, parseWindow, windowFault, type Window } from './window.ts'

const read = (...texts: string[]): Window[] =>
  texts.map((text) => {
    const window = parseWindow(text)
    assert.ok(window, text)
    return window
  })

/** Windows, now, when they open; null: open now. */
const vectors: readonly (readonly [string[], string, string | null])[] = [
  [[], '2026-03-02T12:00:00Z', null],
  // Over midnight: the day is the one on which it opens. 2026-03-02 is a Monday.
  [['Mon-Fri 22:00-04:00 UTC'], '2026-03-02T21:59:59Z', '2026-03-02T22:00:00Z'],
  [['Mon-Fri 22:00-04:00 UTC'], '2026-03-02T22:00:00Z', null],
  [['Mon-Fri 22:00-04:00 UTC'], '2026-03-03T03:59:59Z', null],
  [['Mon-Fri 22:00-04:00 UTC'], '2026-03-03T04:00:00Z', '2026-03-03T22:00:00Z'],
  [['Mon-Fri 22:00-04:00 UTC'], '2026-03-07T03:00:00Z', null],
  [['Mon-Fri 22:00-04:00 UTC'], '2026-03-07T04:00:00Z', '2026-03-09T22:00:00Z'],
  [['Mon-Fri 22:00-04:00 UTC'], '2026-03-02T03:00:00Z', '2026-03-02T22:00:00Z'],
  [['Sun 23:00-01:00 UTC'], '2026-03-02T00:30:00Z', null],
  [['Sun 23:00-01:00 UTC'], '2026-03-02T01:00:00Z', '2026-03-08T23:00:00Z'],
  [['daily 02:00-03:30 UTC'], '2026-03-02T03:30:00Z', '2026-03-03T02:00:00Z'],
  [['02:00-03:30 UTC'], '2026-03-02T02:30:00Z', null],
  [['Sat,Sun UTC'], '2026-03-02T12:00:30Z', '2026-03-07T00:00:00Z'],
  [['sat,SUNDAY UTC'], '2026-03-08T23:59:59Z', null],
  [['Fri-Mon UTC'], '2026-03-02T12:00:00Z', null],
  [['Fri-Mon UTC'], '2026-03-03T12:00:00Z', '2026-03-06T00:00:00Z'],
  [['Mon,Wed-Thu 10:00-24:00 UTC'], '2026-03-03T12:00:00Z', '2026-03-04T10:00:00Z'],
  [['Mon 00:00-24:00 UTC'], '2026-03-02T23:59:59Z', null],
  // The first of several; open when one is.
  [['Sat UTC', 'daily 02:00-03:00 UTC'], '2026-03-02T12:00:00Z', '2026-03-03T02:00:00Z'],
  [['Sat UTC', 'Mon UTC'], '2026-03-02T12:00:00Z', null],
  // In zones.
  [['daily 09:00-10:00 Asia/Tokyo'], '2026-03-02T12:00:00Z', '2026-03-03T00:00:00Z'],
  [['Mon 00:00-01:00 Pacific/Kiritimati'], '2026-03-01T09:59:00Z', '2026-03-01T10:00:00Z'],
  [['daily 09:00-10:00 Asia/Kathmandu'], '2026-03-02T12:00:00Z', '2026-03-03T03:15:00Z'],
  // Berlin: 02:00 to 03:00 is left out on 2026-03-29.
  [['daily 22:00-04:00 Europe/Berlin'], '2026-03-29T20:00:00Z', null],
  [['daily 22:00-04:00 Europe/Berlin'], '2026-03-28T20:00:00Z', '2026-03-28T21:00:00Z'],
  [['daily 22:00-04:00 Europe/Berlin'], '2026-03-29T02:00:00Z', '2026-03-29T20:00:00Z'],
  [['daily 02:00-03:30 Europe/Berlin'], '2026-03-29T00:30:00Z', '2026-03-29T01:00:00Z'],
  [['daily 02:15-03:30 Europe/Berlin'], '2026-03-29T00:30:00Z', '2026-03-29T01:00:00Z'],
  [['daily 02:15-02:45 Europe/Berlin'], '2026-03-29T00:30:00Z', '2026-03-30T00:15:00Z'],
  [['Sun 02:15-02:45 Europe/Berlin'], '2026-03-29T00:30:00Z', '2026-04-05T00:15:00Z'],
  // And comes twice on 2026-10-25: open both times.
  [['daily 02:00-03:00 Europe/Berlin'], '2026-10-24T23:59:00Z', '2026-10-25T00:00:00Z'],
  [['daily 02:00-03:00 Europe/Berlin'], '2026-10-25T01:30:00Z', null],
  [['daily 02:00-02:30 Europe/Berlin'], '2026-10-25T00:40:00Z', '2026-10-25T01:00:00Z'],
  [['daily 02:00-03:00 Europe/Berlin'], '2026-10-25T02:00:00Z', '2026-10-26T01:00:00Z'],
]

test('when windows open', () => {
  for (const [texts, now, opens] of vectors) {
    const at = opensAt(read(...texts), Date.parse(now))
    const shown = at === null ? null : new Date(at).toISOString().replace('.000', '')
    assert.equal(shown, opens, `${texts.join('; ')} at ${now}`)
  }
})

test('without a zone it is that of the machine', () => {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  const now = Date.UTC(2026, 2, 2, 12, 34)
  assert.equal(opensAt(read('daily 03:00-03:10'), now), opensAt(read(`daily 03:00-03:10 ${timeZone}`), now))
})

test('what is no window is refused, with a next step', () => {
  const refused = ['', ' ', 'UTC', 'Moon 02:00-03:00', 'Mon-', '-Fri', 'Mon-Tue-Wed', 'Mon,,Tue', '02:00', 'daily 2-3']
  const times = [
    'daily 25:00-26:00',
    'daily 02:60-03:00',
    'daily 02:00-02:00',
    'daily 24:00-02:00',
    'Mon 02:00-03:00 !',
  ]
  for (const text of [...refused, ...times])
    assert.match(windowFault(text) ?? 'taken', /^is no maintenance window\n.+/, text)
  assert.match(windowFault('Mon 02:00-03:00 Nowhere/Bad') ?? 'taken', /^names a time zone that is none\n.+/)
  for (const text of ['Sat', 'daily', '2:00-3:30', 'mon-fri 22:00-04:00 Europe/Berlin'])
    assert.equal(windowFault(text), null)
})

test('it opens when it says, and not before', () => {
  const days = fc.constantFrom('daily', 'Mon-Fri', 'Sat,Sun', 'Wed')
  const hour = fc.integer({ min: 0, max: 23 })
  const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu')
  const text = fc
    .tuple(days, hour, hour, zone)
    .filter(([, from, to]) => from !== to)
    .map(([on, from, to, where]) => `${on} ${from}:15-${to}:45 ${where}`)
  const now = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) })
  let closed = 0
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 2 }), now, (texts, at) => {
      const windows = read(...texts)
      const opens = opensAt(windows, at)
      const isOpen = (when: number) => windows.some((window) => window.isOpen(when))
      assert.equal(opens === null, isOpen(at))
      if (opens === null) return
      closed += 1
      assert.ok(opens > at && isOpen(opens) && opens % 60_000 === 0)
      for (let before = opens - 60_000; before > at; before -= 600_000) assert.equal(isOpen(before), false)
    }),
    { numRuns: 300, seed: 1 },
  )
  assert.ok(closed > 100)
})
