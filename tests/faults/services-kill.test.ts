/** The short form of prove/services-kill.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killServices } from '../parts/services-kill.ts'

test('I9: registrations and transitions that were acknowledged outlive kill -9, and the chain verifies', async () => {
  const { kills, registrations } = await killServices(4, Math.random)
  assert.equal(kills, 4)
  assert.ok(registrations >= kills)
})
