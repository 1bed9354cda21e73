import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Stored } from './journal.ts'
import { wishOf } from './plan.ts'
import type { EntryRow } from './tables.ts'

const ranks: Readonly<Record<string, number>> = { 'a': 2, 'b': 1, 'c': 1, '*': 0 }
const rankOf = (scope: string) => ranks[scope] ?? 0

function row(scope: string, state: EntryRow['state']): Stored<EntryRow> {
  const blank = { item: null, stamp: null, note: null, origin: null, ordinal: null, missedAt: null, misses: 0 }
  return { sync: 'house', scope, key: 'k', state, digest: `d${scope}`, label: `v${scope}`, seq: 1, ...blank }
}

const rows = fc
  .tuple(
    fc.subarray(['a', 'b', 'c']),
    fc.array(fc.constantFrom('live' as const, 'gone' as const), { minLength: 3, maxLength: 3 }),
    fc.constantFrom(null, 'stray' as const, 'gone' as const),
  )
  .map(([scopes, states, left]) => [
    ...scopes.map((scope, at) => row(scope, states[at]!)),
    ...(left === null ? [] : [row('*', left)]),
  ])

test('the live row of the lowest rank is wanted, then the one whose scope comes first by name', () => {
  fc.assert(
    fc.property(rows, (all) => {
      const live = all.filter((one) => one.state === 'live')
      const wish = wishOf(all, rankOf)
      const best = live.toSorted((x, y) => rankOf(x.scope) - rankOf(y.scope) || (x.scope < y.scope ? -1 : 1))[0]
      assert.equal(wish.row, best ?? null)
      if (best) assert.deepEqual(wish.desired, { is: 'put', digest: best.digest, label: best.label })
    }),
    { seed: 1 },
  )
})

test('a stray keeps the key unclear, as long as no scope holds it live', () => {
  fc.assert(
    fc.property(rows, (all) => {
      if (all.some((one) => one.state === 'live')) return
      const { desired } = wishOf(all, rankOf)
      if (all.some((one) => one.state === 'stray')) assert.equal(desired.is, 'keep')
      else assert.deepEqual(desired, { is: 'none', known: all.length > 0 })
    }),
    { seed: 1 },
  )
})

test('the order in which rows are read does not matter', () => {
  fc.assert(
    fc.property(rows, (all) => assert.deepEqual(wishOf(all.toReversed(), rankOf), wishOf(all, rankOf))),
    { seed: 1 },
  )
})
