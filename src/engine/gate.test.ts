import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../database/memory/journal.ts'
import type { Context } from './context.ts'
import type { Decision } from './decide.ts'
import type { RemovalBudget } from './engine.ts'
import { createGatekeeper, type Allowance } from './gate.ts'
import { put } from './journal.ts'
import { applied, delivery } from './loop-tests/testing/views.ts'
import type { Planned } from './plan.ts'
import { columnsOf } from './target-state.ts'
import { deliveries, engineTables, entries, holds, type EntryRow, type HoldRow } from './tables.ts'
import type { Gate } from './target.ts'
import { createFakeClock } from './testing/fake-clock.ts'

const none: Allowance = { left: 0 }

async function setUp(options: { budget?: RemovalBudget; gates?: Gate[]; live?: number; keys?: number } = {}) {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ clock, tables: engineTables })
  const { budget = { least: 2, share: 0, over: 1_000 }, gates = [], live = 1, keys = 10 } = options
  const spec = { name: 'house', budget, gates }
  const context = { spec, journal, clock } as unknown as Context
  await journal.commit([
    ...numbers(live).map((n) => put(entries, entry(`k${n}`), { type: 'entry.appeared' })),
    ...numbers(keys).map((n) => put(deliveries, columnsOf(applied({ key: `k${n}` })), { type: 'delivery.applied' })),
  ])
  const keeper = (allowance = none, bucket = { budgetLeft: null as number | null, budgetAt: null as number | null }) =>
    createGatekeeper(context, { target: 'shelf', ...bucket }, allowance)
  return { clock, journal, keeper }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

function entry(key: string): EntryRow {
  const blank = { stamp: null, note: null, origin: null, ordinal: null, missedAt: null, misses: 0 }
  return { sync: 'house', scope: '', key, state: 'live', digest: 'd1', label: 'v1', item: null, ...blank }
}

function planned(key: string, decision: Partial<Extract<Decision, { do: 'send' }>>, row = applied({ key })): Planned {
  const send = { do: 'send', op: 'delete', want: null, note: null, hold: null, resume: false, ...decision } as const
  return { key, decision: send, delivery: row, entry: null, digest: send.want, held: undefined }
}

const removal = (key: string) => planned(key, {})
const release = (hold: HoldRow) => put(holds, { ...hold, state: 'released' as const }, { type: 'hold.released' })

test('each removal spends one, and what exceeds the budget is held', async () => {
  const { keeper } = await setUp()
  const gates = await keeper()
  const rulings = []
  for (const key of ['k0', 'k1', 'k2']) rulings.push(await gates.rule(removal(key)))
  assert.deepEqual(
    rulings.map((ruling) => ruling.go),
    [true, true, false],
  )
  const [, , last] = rulings
  assert.ok(!last!.go && last!.hold.reason === 'removal-budget')
  assert.equal(gates.bucket()!.left, 0)
})

test('what is left is what was kept, refilled by the time since', async () => {
  const { clock, keeper } = await setUp()
  const gates = await keeper(none, { budgetLeft: 0, budgetAt: clock.now() - 500 })
  assert.equal((await gates.rule(removal('k0'))).go, true)
  assert.equal((await gates.rule(removal('k1'))).go, false)
})

test('puts spend nothing', async () => {
  const { keeper } = await setUp({ budget: { least: 0, share: 0, over: 1 } })
  const gates = await keeper()
  assert.equal((await gates.rule(planned('k0', { op: 'put', want: 'd2' }))).go, true)
  assert.equal(gates.bucket(), null)
})

test('a removal that is only tried again spends nothing; one that was merely held does', async () => {
  const { keeper } = await setUp({ budget: { least: 0, share: 0, over: 1 } })
  const gates = await keeper()
  for (const state of ['failed', 'unsure', 'waiting', 'sending'] as const) {
    const row = delivery({ state, op: 'delete', digest: 'd1', effectId: 'e1' })
    assert.equal((await gates.rule(planned('k0', {}, row))).go, true, state)
  }
  for (const row of [
    delivery({ state: 'held', op: 'delete', effectId: 'e1' }),
    delivery({ state: 'failed', op: 'put', effectId: 'e1' }),
    delivery({ state: 'failed', op: 'delete' }),
  ]) {
    assert.equal((await gates.rule(planned('k0', {}, row))).go, false)
  }
})

test('without a live entry every removal is held, whatever the budget', async () => {
  const { keeper } = await setUp({ live: 0, budget: { least: 100, share: 1, over: 1 } })
  const ruling = await (await keeper()).rule(removal('k0'))
  assert.ok(!ruling.go && ruling.hold.reason === 'source-empty')
})

test('an allowance passes so many, over all targets that share it, before the budget is touched', async () => {
  const { keeper } = await setUp()
  const allowance: Allowance = { left: 3 }
  const [one, two] = [await keeper(allowance), await keeper(allowance)]
  for (const key of ['k0', 'k1']) assert.equal((await one.rule(removal(key))).go, true)
  assert.equal((await two.rule(removal('k0'))).go, true)
  assert.deepEqual([one.bucket(), two.bucket(), allowance.left], [null, null, 0])
})

test('a strict allowance lets nothing through beyond itself', async () => {
  const { keeper } = await setUp()
  const gates = await keeper({ left: 1, strict: true })
  assert.equal((await gates.rule(removal('k0'))).go, true)
  assert.equal((await gates.rule(removal('k1'))).go, false)
})

test('a released hold lets exactly its change through', async () => {
  const { journal, keeper } = await setUp({ budget: { least: 0, share: 0, over: 1 } })
  const ruling = await (await keeper()).rule(removal('k0'))
  assert.ok(!ruling.go)
  await journal.commit([release(ruling.hold)])
  const gates = await keeper()
  assert.equal((await gates.rule(removal('k0'))).go, true)
  assert.equal((await gates.rule(removal('k1'))).go, false)
  const other = await gates.rule(planned('k0', { op: 'put', want: 'd2', hold: 'first-sight' }))
  assert.equal(other.go, false)
})

test('a released first sight goes, if the other gates let it', async () => {
  const { journal, keeper } = await setUp()
  const change = planned('k0', { op: 'put', want: 'd2', hold: 'first-sight' })
  const ruling = await (await keeper()).rule(change)
  assert.ok(!ruling.go)
  await journal.commit([put(holds, ruling.hold, { type: 'hold.raised' })])
  assert.deepEqual((await keeper()).held(), ['k0'])
  await journal.commit([release(ruling.hold)])
  const gates = await keeper()
  assert.deepEqual([await gates.rule(change), gates.held()], [{ go: true }, []])
  assert.deepEqual(
    gates.holdsOf('k0').map(({ id }) => id),
    [ruling.hold.id],
  )
})

test('the same change at the same gate has the same id, another has another', async () => {
  const { keeper } = await setUp({ budget: { least: 0, share: 0, over: 1 } })
  const id = async (change: Planned) => {
    const ruling = await (await keeper()).rule(change)
    return ruling.go ? null : ruling.hold.id
  }
  const first = planned('k0', { op: 'put', want: 'd2', hold: 'first-sight' })
  assert.equal(await id(first), await id(first))
  const ids = [
    first,
    planned('k0', { op: 'put', want: 'd3', hold: 'first-sight' }),
    planned('k0', { op: 'put', want: 'd2', hold: 'drift-reported' }),
    planned('k1', { op: 'put', want: 'd2', hold: 'first-sight' }),
    removal('k0'),
  ]
  assert.equal(new Set(await Promise.all(ids.map(id))).size, ids.length)
})

test('gates are asked in order, each with what it needs to know; the first that holds, holds', async () => {
  const asked: string[] = []
  const gate = (name: string, holding: boolean): Gate => ({
    name,
    ask: (change, view) => {
      assert.equal(change.entry?.digest, 'd2')
      asked.push(`${name} ${change.op} ${change.key} live ${view.live} held ${view.held} was ${change.was?.digest}`)
      return holding ? { hold: name, subject: change.subject, until: view.now + 5 } : 'go'
    },
  })
  const { clock, keeper } = await setUp({ gates: [gate('first', false), gate('second', true), gate('third', true)] })
  const ruling = await (
    await keeper()
  ).rule({
    ...planned('k0', { op: 'put', want: 'd2' }),
    entry: { ...entry('k0'), digest: 'd2', seq: 1 },
  })
  assert.ok(!ruling.go)
  assert.deepEqual([ruling.hold.gate, ruling.hold.reason, ruling.hold.until], ['second', 'second', clock.now() + 5])
  assert.deepEqual(
    asked,
    ['first', 'second'].map((name) => `${name} put k0 live 1 held 10 was d1`),
  )
})

test('what is accepted already is not asked about', async () => {
  const gate: Gate = { name: 'approval', ask: () => assert.fail('asked') }
  const { keeper } = await setUp({ gates: [gate], budget: { least: 0, share: 0, over: 1 } })
  const row = delivery({ state: 'waiting', op: 'delete', effectId: 'e1' })
  assert.equal((await (await keeper()).rule(planned('k0', { resume: true }, row))).go, true)
})
