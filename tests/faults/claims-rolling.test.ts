/** A tenth of a tenth of what `npm run prove -- claims` runs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rollOn, sayAgain } from '../parts/claims-rolling.ts'

test('many passes make one request, also where people merge, the forge fails and processes die', async () => {
  for (const every of [null, 3]) {
    const seen = await rollOn({ claims: 1000, changing: 50, passes: 24, seed: 7, every })
    assert.deepEqual(seen.wrong, [])
    assert.deepEqual([seen.open, seen.branches], [1, 1])
    assert.equal(seen.requests, seen.merged + 1)
    assert.ok(seen.calls <= 8, `${seen.calls} calls`)
  }
})

test('the same again, and claims that nobody knows, make nothing', async () => {
  const { commits, requests, branches, unmatched, calls } = await sayAgain({ claims: 1000, passes: 5, seed: 7 })
  assert.deepEqual([commits, requests, branches], [0, 0, 0])
  assert.ok(unmatched > 0 && calls <= 3)
})
