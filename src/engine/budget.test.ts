import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { capacity, refill, standardBudget, type Bucket } from './budget.ts'

const budget = fc.record({
  least: fc.integer({ min: 0, max: 20 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  over: fc.integer({ min: 1, max: 100_000 }),
})
const keys = fc.integer({ min: 0, max: 200 })
const settings = { numRuns: 1_000, seed: 1 }

test('at once: five, or 30 % of the keys where that is more', () => {
  assert.deepEqual(
    [0, 5, 16, 17, 20, 1_000].map((held) => capacity(standardBudget, held)),
    [5, 5, 5, 5, 6, 300],
  )
})

test('a bucket that was never used is full', () => {
  assert.deepEqual(refill(null, standardBudget, 100, 7), { left: 30, at: 7 })
})

test('an empty bucket is half full after half its time, and full after all of it', () => {
  const empty = { left: 0, at: 0 }
  assert.equal(refill(empty, standardBudget, 100, 1_800_000).left, 15)
  assert.equal(refill(empty, standardBudget, 100, 3_600_000).left, 30)
  assert.equal(refill(empty, standardBudget, 100, 36_000_000).left, 30)
})

test('time never takes anything away, and never makes it more than full', () => {
  const step = fc.record({ ms: fc.integer({ min: 0, max: 200_000 }), left: fc.integer({ min: 0, max: 20 }) })
  fc.assert(
    fc.property(budget, keys, step, (rule, held, { ms, left }) => {
      const before = Math.min(left, capacity(rule, held))
      const after = refill({ left: before, at: 0 }, rule, held, ms)
      assert.ok(after.left >= before && after.left <= capacity(rule, held))
    }),
    settings,
  )
})

test('in any stretch of time no more is spent than a full bucket and what flows in meanwhile', () => {
  const times = fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(budget, keys, times, (rule, held, waits) => {
      const most = capacity(rule, held)
      const spent: number[] = []
      let bucket: Bucket | null = null
      let now = 0
      for (const wait of waits) {
        now += wait
        bucket = refill(bucket, rule, held, now)
        if (bucket.left < 1) continue
        bucket = { ...bucket, left: bucket.left - 1 }
        spent.push(now)
      }
      for (const [at, from] of spent.entries()) {
        for (const [last, to] of spent.entries()) {
          if (last < at) continue
          assert.ok(last - at + 1 <= most * (1 + (to - from) / rule.over) + 1e-6)
        }
      }
    }),
    settings,
  )
})

test('a clock that goes back refills nothing', () => {
  fc.assert(
    fc.property(budget, keys, fc.integer({ min: 0, max: 1e9 }), (rule, held, back) => {
      const before = { left: Math.min(1, capacity(rule, held)), at: 1e9 }
      assert.equal(refill(before, rule, held, 1e9 - back).left, before.left)
    }),
    settings,
  )
})

test('fewer keys make a smaller bucket at once', () => {
  assert.equal(refill({ left: 30, at: 0 }, standardBudget, 10, 0).left, 5)
})
