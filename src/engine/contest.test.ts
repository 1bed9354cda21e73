import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contestAfter, waitOf, type Contest } from './contest.ts'

test('two repairs at once, then 5 s, doubling up to an hour', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 13, 200].map(waitOf), [0, 0, 5_000, 10_000, 20_000, 3_600_000, 3_600_000])
})

test('whoever is undone right after each repair waits ever longer; after peace it is the first time again', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300_000 }), { minLength: 1, maxLength: 30 }), (pauses) => {
      let now = 1_000_000
      let contest: Contest | null = null
      for (const [n, pause] of pauses.entries()) {
        // The repair waits, and is undone some time after that.
        now += waitOf(contest?.times ?? 0) + pause
        contest = contestAfter(contest, now)
        assert.equal(contest.times, n + 1)
      }
      const calm = Math.max(600_000, 4 * waitOf(contest!.times)) + 1
      assert.equal(contestAfter(contest, now + calm).times, 1)
    }),
  )
})
