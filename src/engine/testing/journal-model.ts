/** Random groups of commits against a model that does one thing after the other. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { AppError } from '../../kernel/errors.ts'
import { drop, patch, put, quietPatch, quietly, quietlyDrop, type Fact, type Journal, type Quiet } from '../journal.ts'
import { entries, type EntryRow } from '../tables.ts'
import { entry } from './journal-rows.ts'

interface Step {
  readonly op: 'put' | 'patch' | 'drop'
  readonly key: string
  readonly label: string
  readonly ordinal: number
  /** `current`: the position that the row has by then. */
  readonly when: 'none' | 'absent' | 'current' | 'stale' | 'newer-ordinal'
}

interface Bookkeeping {
  readonly op: 'put' | 'patch' | 'drop'
  readonly key: string
  readonly misses: number
}

interface Commit {
  readonly steps: readonly Step[]
  readonly quiet: readonly Bookkeeping[]
  readonly atomic: boolean
  readonly fence: 'none' | 'held' | 'lost'
}

interface ModelRow {
  readonly row: EntryRow
  readonly seq: number
}

const key = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom('put', 'put', 'patch', 'patch', 'drop'),
  key,
  label: fc.constantFrom('x', 'y'),
  ordinal: fc.integer({ min: 0, max: 3 }),
  when: fc.constantFrom('none', 'none', 'absent', 'current', 'stale', 'newer-ordinal'),
})
const bookkeeping: fc.Arbitrary<Bookkeeping> = fc.record({
  op: fc.constantFrom('put', 'patch', 'drop'),
  key,
  misses: fc.integer({ min: 0, max: 2 }),
})
const commit: fc.Arbitrary<Commit> = fc.record({
  steps: fc.array(step, { maxLength: 5 }),
  quiet: fc.array(bookkeeping, { maxLength: 2 }),
  atomic: fc.boolean(),
  fence: fc.constantFrom('none', 'none', 'held', 'lost'),
})

export function journalModel(journal: () => Journal, runs: number): void {
  it('does what one commit after the other would do', { timeout: 300_000 }, async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(commit, { minLength: 1, maxLength: 6 }), { maxLength: 6 }), async (rounds) => {
        run += 1
        await agrees(journal(), `model.${run}`, rounds)
      }),
      { numRuns: runs },
    )
    assert.equal((await journal().verify()).ok, true)
  })
}

async function agrees(journal: Journal, name: string, rounds: readonly (readonly Commit[])[]): Promise<void> {
  const lease = (await journal.lease(name, 'model', 3_600_000))!
  const model = createModel(name, (await journal.head()).seq)
  const before = model.seq()
  for (const round of rounds) {
    // Positions for `current` are those at the start of the round; the model judges them the same way.
    const planned = round.map((one) => ({ one, ...model.plan(one) }))
    const results = await Promise.allSettled(
      planned.map(({ one, facts, quiet }) => {
        const token = lease.token + (one.fence === 'lost' ? 1 : 0)
        const fence = one.fence === 'none' ? {} : { fence: { sync: name, token } }
        return journal.commit(facts, { quiet, atomic: one.atomic, ...fence })
      }),
    )
    for (const [at, { one, facts, quiet }] of planned.entries()) {
      const result = results[at]!
      if (one.fence === 'lost') {
        assert.ok(result.status === 'rejected' && (result.reason as AppError).code === 'journal.fenced')
        continue
      }
      const expected = model.apply(facts, quiet, one.atomic)
      assert.deepEqual(result, { status: 'fulfilled', value: expected })
    }
    const rows = await journal.select(entries, { where: { sync: name } })
    assert.deepEqual(rows, model.rows())
  }
  const events = await journal.events({ after: before })
  assert.deepEqual(
    events.map(({ at: _at, ...event }) => event),
    model.events,
  )
}

function createModel(name: string, start: number) {
  const rows = new Map<string, ModelRow>()
  const events: object[] = []
  let seq = start

  const plan = (one: Commit): { facts: Fact[]; quiet: Quiet[] } => ({
    facts: one.steps.map((planned): Fact => {
      const { op, label, ordinal, when: kind } = planned
      const row = entry(name, planned.key, { label, ordinal: [ordinal] })
      const at = rows.get(planned.key)?.seq ?? 0
      const event = { type: `entry.${op}`, key: planned.key, data: { label } }
      const when =
        kind === 'none' ? undefined : kind === 'current' ? { seq: at } : kind === 'stale' ? { seq: at - 1 } : kind
      if (op === 'put') return put(entries, row, event, when)
      const named = { sync: name, scope: '', key: planned.key }
      // An even ordinal is left as it is.
      const fields = ordinal % 2 === 0 ? { label } : { label, ordinal: row.ordinal }
      if (op === 'patch') return { ...patch(entries, { ...named, ...fields }, event), ...(when && { when }) }
      return drop(entries, named, event, when)
    }),
    quiet: one.quiet.map(({ op, key: rowKey, misses }) => {
      if (op === 'put') return quietly(entries, entry(name, rowKey, { misses }))
      if (op === 'patch') return quietPatch(entries, { sync: name, scope: '', key: rowKey, misses })
      return quietlyDrop(entries, { sync: name, scope: '', key: rowKey })
    }),
  })

  const one = (fact: Fact): number | 'unchanged' | 'conflict' => {
    const row = ('put' in fact ? fact.put : 'patch' in fact ? fact.patch : fact.drop) as EntryRow
    const now = rows.get(row.key)
    // As a put of the whole row that it makes, where there is one.
    if ('patch' in fact) return now ? one(put(entries, { ...now.row, ...row }, fact.event, fact.when)) : 'conflict'
    const same = 'put' in fact ? now !== undefined && isSame(now.row, row) : now === undefined
    if (fact.when === 'absent' && now) return 'conflict'
    if (typeof fact.when === 'object' && now?.seq !== fact.when.seq) return 'conflict'
    if (fact.when === 'newer-ordinal' && !same && now && 'put' in fact && !isNewer(row, now.row)) return 'conflict'
    if (same) return 'unchanged'
    seq += 1
    events.push({ seq, ...fact.event })
    if ('put' in fact) rows.set(row.key, { row, seq })
    else rows.delete(row.key)
    return seq
  }

  const quietly1 = (quiet: Quiet) => {
    const row = ('put' in quiet ? quiet.put : 'patch' in quiet ? quiet.patch : quiet.drop) as EntryRow
    const now = rows.get(row.key)
    if ('drop' in quiet) rows.delete(row.key)
    else if ('put' in quiet) rows.set(row.key, { row, seq: now?.seq ?? 0 })
    else if (now) rows.set(row.key, { row: { ...now.row, ...row }, seq: now.seq })
  }

  const apply = (facts: readonly Fact[], quiet: readonly Quiet[], atomic: boolean) => {
    const saved = { rows: new Map(rows), events: events.length, seq }
    const results = facts.map(one)
    if (atomic && results.includes('conflict')) {
      rows.clear()
      for (const [rowKey, row] of saved.rows) rows.set(rowKey, row)
      events.length = saved.events
      seq = saved.seq
      return results.map(() => 'conflict' as const)
    }
    quiet.forEach(quietly1)
    return results
  }

  return {
    plan,
    apply,
    events,
    seq: () => seq,
    rows: () =>
      [...rows.values()].map(({ row, seq: at }) => ({ ...row, seq: at })).toSorted((a, b) => (a.key < b.key ? -1 : 1)),
  }
}

function isSame(a: EntryRow, b: EntryRow): boolean {
  return JSON.stringify({ ...entry('', ''), ...a }) === JSON.stringify({ ...entry('', ''), ...b })
}

function isNewer(row: EntryRow, than: EntryRow): boolean {
  const of = (one: EntryRow) => (one.ordinal as number[] | null)?.[0] ?? -1
  return of(row) > of(than)
}
