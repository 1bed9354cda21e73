/** A draft reads as the ledger would after its writes, and the ledger never learns of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  drop,
  patch,
  put,
  quietPatch,
  quietly,
  quietlyDrop,
  type Fact,
  type Journal,
  type Query,
  type Quiet,
} from '../engine/journal.ts'
import { engineTables, entries, syncs, type EntryRow } from '../engine/tables.ts'
import { createFakeClock } from '../engine/testing/fake-clock.ts'
import { entry as entryRow, sync } from '../engine/testing/journal-rows.ts'
import { createDraft, type Draft } from './draft.ts'
import { createMemoryJournal } from './memory/journal.ts'

const clock = createFakeClock()
const memory = () => createMemoryJournal({ clock, tables: engineTables })
const drafted = (base: Journal) => createDraft(base, clock, engineTables)

const entry = (key: string, more: Partial<EntryRow> = {}) => entryRow('house', key, { item: { n: 1 }, ...more })

const appeared = (key: string, more: Partial<EntryRow> = {}) =>
  put(entries, entry(key, more), { type: 'entry.appeared', sync: 'house', key })

interface Write {
  readonly op: 'put' | 'drop' | 'patch' | 'quiet-patch' | 'quiet-put' | 'quiet-drop'
  readonly key: string
  readonly label: string
  readonly misses: number
  readonly when: 'none' | 'absent'
}

const keys = ['a', 'b', 'c', 'd', 'e']
const write: fc.Arbitrary<Write> = fc.record({
  op: fc.constantFrom('put', 'put', 'drop', 'patch', 'quiet-patch', 'quiet-put', 'quiet-drop'),
  key: fc.constantFrom(...keys),
  label: fc.constantFrom('v1', 'v2', 'v3'),
  misses: fc.integer({ min: 0, max: 2 }),
  when: fc.constantFrom('none', 'none', 'absent'),
})
const commits = fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 5 })

function commit(journal: Journal, writes: readonly Write[]) {
  const facts: Fact[] = []
  const quiet: Quiet[] = []
  for (const { op, key, label, misses, when } of writes) {
    const place = { sync: 'house', scope: '', key }
    const event = { type: `entry.${op}`, sync: 'house', key, data: { label } }
    const condition = when === 'none' ? undefined : when
    if (op === 'put') facts.push(put(entries, entry(key, { label, misses }), event, condition))
    if (op === 'drop') facts.push(drop(entries, place, event))
    if (op === 'patch') facts.push(patch(entries, { ...place, label }, event))
    if (op === 'quiet-patch') quiet.push(quietPatch(entries, { ...place, misses }))
    if (op === 'quiet-put') quiet.push(quietly(entries, entry(key, { label, misses })))
    if (op === 'quiet-drop') quiet.push(quietlyDrop(entries, place))
  }
  return journal.commit(facts, { quiet })
}

const query: fc.Arbitrary<Query<EntryRow>> = fc.record(
  {
    where: fc.constantFrom<NonNullable<Query<EntryRow>['where']>>(
      {},
      { sync: 'house', label: 'v1' },
      { key: { in: ['a', 'c', 'e'] } },
      { key: { above: 'b' } },
      { misses: { atMost: 1 } },
      { seq: { above: 3 } },
      { sync: 'other' },
    ),
    order: fc.constantFrom<NonNullable<Query<EntryRow>['order']>>(
      ['key'],
      ['label', 'key'],
      ['seq', 'key'],
      ['misses', 'key'],
    ),
    limit: fc.integer({ min: 1, max: 4 }),
    without: fc.constantFrom<NonNullable<Query<EntryRow>['without']>>(['item'], ['item', 'note']),
  },
  { requiredKeys: [] },
)

test('reads after writes are what the ledger itself would answer', async () => {
  await fc.assert(
    fc.asyncProperty(commits, commits, fc.array(query, { maxLength: 6 }), async (before, after, queries) => {
      const [base, twin] = [memory(), memory()]
      for (const writes of before) {
        await commit(base, writes)
        await commit(twin, writes)
      }
      const kept = await dump(base)
      const draft = await drafted(base)
      for (const writes of after) assert.deepEqual(await commit(draft, writes), await commit(twin, writes))
      for (const one of queries) assert.deepEqual(await draft.select(entries, one), await twin.select(entries, one))
      for (const key of keys) {
        const place = { sync: 'house', scope: '', key }
        assert.deepEqual(await draft.get(entries, place), await twin.get(entries, place))
      }
      for (const by of [[], ['label'], ['label', 'misses']] as const) {
        const where = { misses: { atMost: 1 } }
        assert.deepEqual(await draft.count(entries, where, by), await twin.count(entries, where, by))
      }
      assert.deepEqual((await draft.head()).seq, (await twin.head()).seq)
      assert.deepEqual(await dump(base), kept)
      const told = [...(await base.events({})), ...draft.drafted()]
      assert.deepEqual(told, await twin.events({}))
    }),
    { numRuns: 300, seed: 1 },
  )
})

async function dump(journal: Journal) {
  return { rows: await journal.select(entries), head: await journal.head(), events: await journal.events({}) }
}

async function someLedger(): Promise<{ base: Journal; draft: Draft }> {
  const base = memory()
  await base.commit(keys.map((key) => appeared(key)))
  return { base, draft: await drafted(base) }
}

test('pages that follow one another see every row once, whatever was written in between', async () => {
  const { draft } = await someLedger()
  await draft.commit([drop(entries, { sync: 'house', scope: '', key: 'b' }, { type: 'entry.gone' }), appeared('bb')])
  const seen: string[] = []
  let after: string[] | undefined
  for (;;) {
    const page = await draft.select(entries, { order: ['key'], limit: 2, ...(after && { after }) })
    if (page.length === 0) break
    seen.push(...page.map(({ key }) => key))
    after = [page.at(-1)!.key]
  }
  assert.deepEqual(seen, ['a', 'bb', 'c', 'd', 'e'])
})

test('a lost condition turns the whole atomic commit down', async () => {
  const { draft } = await someLedger()
  const facts = [appeared('new'), put(entries, entry('a', { label: 'v2' }), { type: 'entry.changed' }, 'absent')]
  assert.deepEqual(await draft.commit(facts, { atomic: true }), ['conflict', 'conflict'])
  assert.equal(await draft.get(entries, { sync: 'house', scope: '', key: 'new' }), null)
  assert.deepEqual(draft.drafted(), [])
})

test('a lease of the ledger neither stands in its way nor is taken', async () => {
  const { base, draft } = await someLedger()
  const held = await base.lease('house', 'somebody', 60_000)
  const mine = await draft.lease('house', 'me', 60_000)
  await draft.commit([appeared('new')], { fence: { sync: 'house', token: mine!.token } })
  await base.commit([appeared('other')], { fence: held! })
  assert.notEqual(await draft.get(entries, { sync: 'house', scope: '', key: 'new' }), null)
})

test('what the ledger learns meanwhile shows through where the draft wrote nothing', async () => {
  const { base, draft } = await someLedger()
  await draft.commit([appeared('a', { label: 'mine' })])
  await base.commit([appeared('a', { label: 'theirs' }), appeared('b', { label: 'theirs' })])
  const labels = (await draft.select(entries, { order: ['key'], limit: 2 })).map(({ label }) => label)
  assert.deepEqual(labels, ['mine', 'theirs'])
})

test('commits that come together are taken one after the other', async () => {
  const { draft } = await someLedger()
  const results = await Promise.all(['x', 'y', 'z'].map((key) => draft.commit([appeared(key)])))
  assert.deepEqual(results, [[6], [7], [8]])
  assert.equal((await draft.count(entries))[0]!.count, 8)
})

test('closing, dropping history and a full disk are the ledger’s own affair', async () => {
  const { base, draft } = await someLedger()
  await draft.commit([put(syncs, sync('house'), { type: 'sync.appeared' })])
  assert.deepEqual(await draft.retain(clock.now() + 1e12), { segments: 0, events: 0 })
  await draft.close()
  assert.equal((await base.events({})).length, keys.length)
  assert.deepEqual(draft.condition(), { is: 'ok' })
})
