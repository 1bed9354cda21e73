import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import fc from 'fast-check'
import { put, type Event, type EventQuery, type Journal, type Query } from '../journal.ts'
import { deliveries, entries, type DeliveryRow, type EntryRow } from '../tables.ts'
import { delivery, entry } from './journal-rows.ts'

/** What `select`, `count`, `events`, `head` and `subscribe` promise. */
export function journalReads(journal: () => Journal): void {
  selects(journal)
  pages(journal)
  events(journal)
}

function selects(journal: () => Journal): void {
  const name = 'reads'
  before(async () => {
    const rows = [
      delivery(name, 't1', 'a', { due: 10, state: 'failed', attempts: 3 }),
      delivery(name, 't1', 'b', { due: 20, state: 'failed', handle: { id: 7 } }),
      delivery(name, 't1', 'ba', { state: 'applied' }),
      delivery(name, 't2', 'a', { due: 30, state: 'pending' }),
      delivery(name, 't2', 'c%', { state: 'applied' }),
      delivery(name, 't3', 'c_', { state: 'applied' }),
    ]
    await journal().commit(
      rows.map((row) => put(deliveries, row, { type: 'delivery.applied', sync: name, key: row.key })),
    )
  })
  const found = async (where: NonNullable<Query<DeliveryRow>['where']>) =>
    (await journal().select(deliveries, { where: { sync: name, ...where } })).map((row) => `${row.target}/${row.key}`)

  it('selects by equality, null included', async () => {
    assert.deepEqual(await found({ target: 't1', key: 'b' }), ['t1/b'])
    assert.deepEqual(await found({ due: null }), ['t1/ba', 't2/c%', 't3/c_'])
    assert.deepEqual(await found({ due: 20, state: 'failed' }), ['t1/b'])
    assert.deepEqual(await found({ key: 'nothing' }), [])
  })

  it('selects by lists and ranges', async () => {
    assert.deepEqual(await found({ target: { in: ['t2', 't3', 't9'] }, key: { in: ['a', 'c_'] } }), ['t2/a', 't3/c_'])
    assert.deepEqual(await found({ due: { in: [10, 30] } }), ['t1/a', 't2/a'])
    assert.deepEqual(await found({ target: { in: [] } }), [])
    assert.deepEqual(await found({ due: { atMost: 20 } }), ['t1/a', 't1/b'])
    assert.deepEqual(await found({ due: { above: 10 } }), ['t1/b', 't2/a'])
    const [first] = await journal().select(deliveries, { where: { sync: name }, order: ['seq'], limit: 1 })
    assert.equal((await found({ seq: { above: first!.seq } })).length, 5)
  })

  it('selects by prefix, with no wildcards', async () => {
    assert.deepEqual(await found({ key: { prefix: 'b' } }), ['t1/b', 't1/ba'])
    assert.deepEqual(await found({ key: { prefix: 'c_' } }), ['t3/c_'])
    assert.equal((await found({ key: { prefix: '' } })).length, 6)
  })

  it('leaves columns out', async () => {
    const [row] = await journal().select(deliveries, {
      where: { sync: name, key: 'b' },
      without: ['handle', 'state'],
    })
    assert.deepEqual([row?.handle, row?.state, row?.due], [null, null, 20])
  })

  it('counts, also by columns', async () => {
    assert.deepEqual(await journal().count(deliveries, { sync: name }), [{ by: [], count: 6 }])
    assert.deepEqual(await journal().count(deliveries, { sync: 'nobody' }), [{ by: [], count: 0 }])
    assert.deepEqual(await journal().count(deliveries, { sync: 'nobody' }, ['state']), [])
    assert.deepEqual(await journal().count(deliveries, { sync: name, due: { above: 0 } }, ['target', 'state']), [
      { by: ['t1', 'failed'], count: 2 },
      { by: ['t2', 'pending'], count: 1 },
    ])
    const byDue = await journal().count(deliveries, { sync: name, target: 't1' }, ['due'])
    assert.deepEqual(byDue, [
      { by: [null], count: 1 },
      { by: [10], count: 1 },
      { by: [20], count: 1 },
    ])
  })
}

function pages(journal: () => Journal): void {
  const name = 'pages'
  // By code point: U+FFFD comes before U+1F600, although its UTF-16 unit is greater.
  const keys = ['', 'A', 'B', 'a', 'a/b', 'b', 'é', '\ud7ff', '\ue000', '\ufffd', '😀', '😀a']
  before(async () => {
    const rows = keys
      .toReversed()
      .map((key, n) => entry(name, key, { scope: n % 2 === 0 ? 'x' : 'y', missedAt: n % 3 || null }))
    await journal().commit(rows.map((row) => put(entries, row, { type: 'entry.appeared', sync: name, key: row.key })))
  })

  it('orders text by code point', async () => {
    const rows = await journal().select(entries, { where: { sync: name }, order: ['key'] })
    assert.deepEqual(
      rows.map((row) => row.key),
      keys,
    )
    const smiling = await journal().select(entries, { where: { sync: name, key: { prefix: '😀' } }, order: ['key'] })
    assert.equal(smiling.length, 2)
    const last = await journal().select(entries, { where: { sync: name, key: { prefix: '\ud7ff' } } })
    assert.equal(last.length, 1)
  })

  it('reads page by page in any order, each row once', async () => {
    const orders: (keyof EntryRow | 'seq')[][] = [['key'], ['seq'], ['scope', 'key'], ['sync', 'scope', 'key']]
    for (const order of orders) {
      const seen: string[] = []
      let after: (string | number)[] | undefined
      for (;;) {
        const query: Query<EntryRow> = { where: { sync: name }, order, limit: 5, ...(after && { after }) }
        const page = await journal().select(entries, query)
        if (page.length === 0) break
        seen.push(...page.map((row) => row.key))
        after = order.map((column) => page.at(-1)![column as 'key'])
      }
      assert.deepEqual(seen.toSorted(), keys.toSorted(), order.join())
      const whole = await journal().select(entries, { where: { sync: name }, order })
      assert.deepEqual(
        whole.map((row) => row.key),
        seen,
      )
    }
  })

  it('puts null first', async () => {
    const rows = await journal().select(entries, { where: { sync: name }, order: ['missedAt', 'key'] })
    const values = rows.map((row) => row.missedAt ?? -1)
    assert.deepEqual(
      values,
      values.toSorted((a, b) => a - b),
    )
    assert.equal(values[0], -1)
  })
}

function events(journal: () => Journal): void {
  const name = 'events'
  let first = 0
  before(async () => {
    const types = ['delivery.applied', 'delivery.failed', 'delivered.not', 'entry.gone', 'delivery.applied']
    const facts = types.map((type, n) =>
      put(deliveries, delivery(name, `t${n % 2}`, `k${n}`), { type, sync: name, target: `t${n % 2}`, key: `k${n}` }),
    )
    const results = await journal().commit(facts)
    first = results[0] as number
  })
  const found = async (query: Parameters<Journal['events']>[0]) =>
    (await journal().events(query)).map((event) => event.seq - first)

  it('reads by position, from either end', async () => {
    assert.deepEqual(await found({ after: first, before: first + 4 }), [1, 2, 3])
    assert.deepEqual(await found({ sync: name, last: true, limit: 2 }), [4, 3])
    assert.deepEqual(await found({ sync: name, limit: 2 }), [0, 1])
    assert.deepEqual(await found({ after: first + 4 }), [])
  })

  it('reads by what it tells of', async () => {
    assert.deepEqual(await found({ sync: name, target: 't1' }), [1, 3])
    assert.deepEqual(await found({ sync: name, key: 'k2' }), [2])
    assert.deepEqual(await found({ sync: name, type: 'delivery.applied' }), [0, 4])
    assert.deepEqual(await found({ sync: name, type: 'delivery.' }), [0, 1, 4])
  })

  it('reads by time', async () => {
    const [event] = await journal().events({ after: first - 1, limit: 1 })
    assert.equal((await found({ sync: name, since: event!.at })).length, 5)
    assert.equal((await found({ sync: name, since: event!.at + 1 })).length, 0)
  })

  it('answers any mixture of these as reading everything would', { timeout: 120_000 }, async () => {
    const start = (await journal().head()).seq
    const words = { sync: ['mix.a', 'mix.b', undefined], noun: ['mix', 'mixed'], verb: ['one', 'two'] }
    const drafts = Array.from({ length: 300 }, (_, n) => {
      const pick = <T>(list: readonly T[], step: number) => list[Math.floor((n * n) / step + n) % list.length]!
      const of = pick(words.sync, 7)
      const target = n % 3 === 0 ? { target: `t${n % 2}` } : {}
      return {
        type: `${pick(words.noun, 5)}.${pick(words.verb, 3)}`,
        key: `k${n % 4}`,
        ...(of && { sync: of }),
        ...target,
      }
    })
    // Blocks of one event, and of many.
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 100],
      [100, 101],
      [101, 300],
    ] as const) {
      const rows = drafts.slice(from, to).map((draft, n) => put(deliveries, delivery('mix', `${from}`, `k${n}`), draft))
      await journal().commit(rows)
    }
    const all = await journal().events({ after: start })
    const query = fc.record(
      {
        sync: fc.constantFrom('mix.a', 'mix.b', 'mix.c'),
        target: fc.constantFrom('t0', 't1'),
        key: fc.constantFrom('k0', 'k1'),
        type: fc.constantFrom('mix.', 'mixed.', 'mix.one', 'mixed.two', 'mi.'),
        after: fc.integer({ min: start, max: start + 310 }),
        before: fc.integer({ min: start, max: start + 310 }),
        since: fc.constantFrom(all[0]!.at, all[150]!.at, all[299]!.at + 1),
        last: fc.boolean(),
        limit: fc.integer({ min: 1, max: 20 }),
      },
      { requiredKeys: ['after'] },
    )
    await fc.assert(
      fc.asyncProperty(query, async (one) => {
        assert.deepEqual(await journal().events(one), asked(all, one))
      }),
      { numRuns: 200 },
    )
  })

  it('calls back when the head moved, and stops', { timeout: 10_000 }, async () => {
    const called = new Promise<() => void>((resolve) => {
      const end = journal().subscribe(() => resolve(end))
    })
    await journal().commit([put(deliveries, delivery(name, 't1', 'notice'), { type: 'delivery.applied' })])
    const end = await called
    end()
  })
}

function asked(
  all: readonly Event[],
  { after = 0, before = Infinity, since = 0, type, last, limit, ...rest }: EventQuery,
) {
  const found = all.filter(
    (event) =>
      event.seq > after &&
      event.seq < before &&
      event.at >= since &&
      (type === undefined || event.type === type || (type.endsWith('.') && event.type.startsWith(type))) &&
      Object.entries(rest).every(([name, value]) => event[name as 'key'] === value),
  )
  return (last ? found.toReversed() : found).slice(0, limit)
}
