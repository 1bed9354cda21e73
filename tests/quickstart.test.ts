import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newcomer } from './parts/newcomer.ts'

test('the quickstart is synced and served, and an edit shows in the history of a second process', async () => {
  const { seenAfter, ...story } = await newcomer()
  assert.deepEqual(story, { entries: 6, keys: 24, version: '9.9.9', code: 0 })
  assert.ok(Number.isFinite(seenAfter), 'the edit was never shown')
})
