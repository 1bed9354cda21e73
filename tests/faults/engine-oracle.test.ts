/** The engine before the oracle: random worlds, random histories, and nothing may go that truth still holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutants } from '../../src/engine/testing/mutants.ts'
import { onMemory, search } from './engine-worlds.ts'

test('1,000 histories end as truth says, and nothing is deleted on the way that is still there', async () => {
  const { failure } = await search({ runs: 1_000, seed: 20_261_121 })
  assert.equal(failure, null)
})

test('rows and events tell the same story, also over a crash', async () => {
  const { failure } = await search({ grounds: { ...onMemory, audit: true }, runs: 150, seed: 7, killed: true })
  assert.equal(failure, null)
})

for (const mutant of mutants) {
  test(`the oracle gives away an engine that ${mutant.name}`, async () => {
    const grounds = { ...onMemory, makeEngine: mutant.lens(onMemory.makeEngine), audit: mutant.audited ?? false }
    const { setting, charges, killed = false } = mutant
    const { failure } = await search({ grounds, setting, charges, killed, runs: 3_000, seed: 1, shrink: false })
    assert.notEqual(failure, null, 'it passed for a sound one')
  })
}
