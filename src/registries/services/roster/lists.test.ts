/** Lists against a filter of all rows, while rows come and go between pages and within them (invariant I12). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Stored } from '../../../engine/journal.ts'
import { refText, registrationSources, serviceStatuses, serviceTypes } from '../model.ts'
import type { ServiceRow } from '../tables.ts'
import { createRoster } from './create.ts'
import { createLists, type ListQuery, type ListsParts } from './lists.ts'
import type { Standing } from './order.ts'
import type { Roster } from './roster.ts'
import { serviceRow } from '../testing.ts'

type Row = Stored<ServiceRow>
const id = fc.tuple(fc.constantFrom('', 'a', 'b', '漢'), fc.nat({ max: 30 })).map(([prefix, n]) => `${prefix}${n}`)
const value = fc.constantFrom('berlin', 'ber', 'bonn', '10.0.0.1')
const row = fc
  .record({
    type: fc.constantFrom(...serviceTypes),
    id,
    parent: fc.constantFrom('1', 'a2', '漢3', 'b4'),
    status: fc.constantFrom(...serviceStatuses),
    source: fc.constantFrom(...registrationSources),
    kind: fc.constantFrom(null, 'snmp'),
    registeredAt: fc.integer({ min: 100, max: 110 }),
    metadata: fc.dictionary(fc.constantFrom('site', 'ip'), value),
  })
  .map((one) => serviceRow({ ...one, parent: one.type === 'poller' ? '' : one.parent }))
const asked = fc
  .record(
    {
      type: fc.constantFrom(...serviceTypes),
      statuses: fc.subarray([...serviceStatuses]),
      sources: fc.subarray([...registrationSources]),
      q: fc.constantFrom('', '1', 'a', 'ber', 'site=b', 'ip=', '漢1'),
      poller: fc.constantFrom('1', 'a2', '漢3'),
      agent: fc.constantFrom('1', 'b4', '漢3'),
      kind: fc.constantFrom('snmp', 'none'),
      since: fc.integer({ min: 99, max: 111 }),
      offset: fc.nat({ max: 5 }),
    },
    { requiredKeys: [] },
  )
  .chain((query) => fc.integer({ min: 1, max: 9 }).map((limit): ListQuery => ({ ...query, limit })))
/** That many fit. */
const wide = fc
  .record(
    { type: fc.constantFrom(...serviceTypes), q: fc.constantFrom('1', 'ber'), poller: fc.constant('1') },
    { requiredKeys: [] },
  )
  .chain((query) => fc.integer({ min: 3, max: 20 }).map((limit): ListQuery => ({ ...query, limit })))
const rowsOf = (maxLength: number) =>
  fc.uniqueArray(row, { maxLength, size: 'max', selector: refText }).map((rows) => rows.map(numbered))

describe('lists', () => {
  it('defect 17: are what a filter of all rows is, below a parent too, whatever way they are found', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf(150), rowsOf(60), fc.array(asked, { minLength: 4 }), fc.boolean(), async (...given) => {
        const [first, others, queries, gathered] = given
        const roster = rosterOf(first)
        for (const one of others) roster.learn({ ...one, seq: one.seq + 1_000 })
        const rows = new Map([...first, ...others].map((one) => [refText(one), one]))
        const lists = createLists({ ...parts(roster), gathered: gathered ? 5_000 : 0 })
        for (const query of queries) {
          const all = fitting(rows, query)
          const page = await lists.list(query)
          const from = query.offset ?? 0
          assert.deepEqual(named(roster, page.slots), all.slice(from, from + query.limit))
          assert.deepEqual([page.total, page.exact], [all.length, true])
          assert.equal(page.next === null, all.length <= from + query.limit)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('I12: show everybody who is there all the time on exactly one page', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf(100), rowsOf(150), wide, fc.boolean(), async (before, coming, query, restarts) => {
        let roster = rosterOf(before)
        const rows = new Map(before.map((one) => [refText(one), one]))
        const mine = fitting(rows, query)
        const queue = coming.filter((one) => !rows.has(refText(one)))
        const move = () => {
          const one = queue.pop()
          if (one === undefined) return
          const { seq } = one
          roster.learn(one)
          rows.set(refText(one), one)
          if (seq % 3 === 0) {
            roster.forget(roster.find(one.type, one.id))
            rows.delete(refText(one))
          }
          // As another list does that is read at the same time.
          roster.order.slots()
        }
        const shown: string[] = []
        let after: Standing | null = null
        for (let pages = 0; pages < 300; pages++) {
          // Not so often that all have come when the first page is through.
          let paused = 0
          const pause = async () => (++paused % 7 === 0 ? move() : undefined)
          const quiet = queue.length === 0
          const lists = createLists({ ...parts(roster), pause, gathered: pages % 2 === 0 ? 5_000 : 0 })
          const page = await lists.list(after === null ? query : { ...query, after })
          shown.push(...named(roster, page.slots))
          assert.ok(page.exact)
          if (quiet) assert.equal(page.total, fitting(rows, query).length)
          after = page.next
          if (after === null) break
          move()
          // Another process, or the next one, which reads the rows in another order.
          if (restarts && pages % 3 === 1) roster = rosterOf([...rows.values()].toReversed())
        }
        assert.equal(after, null)
        assert.equal(new Set(shown).size, shown.length)
        assert.deepEqual(
          shown.filter((one) => mine.includes(one)),
          mine,
        )
      }),
      { numRuns: 60 },
    )
  })

  it('count until their time is up, and say so', async () => {
    const roster = rosterOf(Array.from({ length: 100 }, (_, n) => numbered(serviceRow({ id: `p${n}` }), n)))
    let now = 0
    const clock = { monotonic: () => (now += 1) }
    const lists = createLists({ ...parts(roster), clock, stride: 10, counting: 3 })
    const some = await lists.list({ q: 'p', limit: 5 })
    assert.equal(some.slots.length, 5)
    assert.ok(!some.exact && some.total > 5 && some.total < 100, `${some.total}`)
    // A page is filled, however long that takes; what is kept as a number needs no counting.
    assert.deepEqual((await lists.list({ q: 'p0', limit: 5 })).slots, [0])
    const all = await lists.list({ type: 'poller', statuses: ['active', 'active'], limit: 5 })
    assert.deepEqual([all.total, all.exact], [100, true])
  })

  it('end with their caller', async () => {
    const roster = rosterOf(Array.from({ length: 100 }, (_, n) => numbered(serviceRow({ id: `p${n}` }), n)))
    const ended = new AbortController()
    const pause = async () => ended.abort(new Error('gone'))
    const lists = createLists({ ...parts(roster), pause })
    await assert.rejects(lists.list({ q: 'x', limit: 5 }, ended.signal), /gone/)
  })

  it('follow a registration time that is put right', async () => {
    const roster = rosterOf(['a', 'b', 'c'].map((one, n) => numbered(serviceRow({ id: one, registeredAt: n }), n)))
    const lists = createLists(parts(roster))
    const { slots } = await lists.list({ limit: 9 })
    assert.deepEqual(named(roster, slots), ['poller/c', 'poller/b', 'poller/a'])
    roster.learn(serviceRow({ id: 'a', registeredAt: 9, seq: 100 }))
    assert.deepEqual(named(roster, (await lists.list({ limit: 9 })).slots), ['poller/a', 'poller/c', 'poller/b'])
  })
})

/** Looks at the clock after each slot, and finds that a turn is over. */
function parts(roster: Roster): ListsParts {
  return { roster, clock: { monotonic: () => 0 }, pause: async () => {}, turn: 0, stride: 1 }
}

function numbered(one: Row, n: number): Row {
  return { ...one, seq: n + 1 }
}

function rosterOf(rows: readonly Row[]): Roster {
  const roster = createRoster()
  for (const one of rows) roster.learn(one)
  return roster
}

function named(roster: Roster, slots: readonly number[]): string[] {
  return slots.map((slot) => refText({ type: roster.typeOf(slot), id: roster.idOf(slot) }))
}

function fitting(rows: ReadonlyMap<string, Row>, query: ListQuery): string[] {
  const { type, statuses = [], sources = [], q = '', kind, since = 0, poller, agent } = query
  const isBelow = (one: Row, top: string): boolean => {
    if (one.type === 'poller') return false
    const parent = `${one.type === 'agent' ? 'poller' : 'agent'}/${one.parent}`
    const above = rows.get(parent)
    return parent === top || (above !== undefined && isBelow(above, top))
  }
  return [...rows.values()]
    .filter(
      (one) =>
        (type === undefined || one.type === type) &&
        (statuses.length === 0 || statuses.includes(one.status)) &&
        (sources.length === 0 || sources.includes(one.source)) &&
        (kind === undefined || one.kind === kind) &&
        one.registeredAt >= since &&
        (poller === undefined || isBelow(one, `poller/${poller}`)) &&
        (agent === undefined || isBelow(one, `agent/${agent}`)) &&
        (one.id.startsWith(q) || Object.entries(one.metadata as object).some((entry) => found(entry, q))),
    )
    .toSorted((a, b) => b.registeredAt - a.registeredAt || byType(b) - byType(a) || (a.id < b.id ? 1 : -1))
    .map((one) => refText(one))
}

function found([key, its]: [string, string], q: string): boolean {
  return its.startsWith(q) || (q.startsWith(`${key}=`) && `${key}=${its}`.startsWith(q))
}

function byType(one: Row): number {
  return serviceTypes.indexOf(one.type)
}
