import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectorAway } from './parts/claims-informer.ts'

for (const knows of ['batches', 'old'] as const) {
  test(`a collector that was away (${knows}) gets the newest status of each claim, once`, async () => {
    const { sent, wrong } = await collectorAway({ knows, claims: 50, events: 200, away: 600_000, seed: 3 })
    assert.deepEqual(wrong, [])
    // 200 events leave hardly one of 50 untouched.
    assert.ok(sent > 40 && sent <= 50, `${sent} sent`)
  })
}
