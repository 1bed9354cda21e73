import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../kernel/clock.ts'
import { createTidier } from './gitops-sync-memory.ts'

test('tidies up after the first pass and after large ones, and only when all is quiet', async () => {
  const wakes: (() => void)[] = []
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: () => new Promise<void>((resolve) => wakes.push(resolve)),
  }
  let tidied = 0
  const tidier = createTidier(clock, new AbortController().signal, () => (tidied += 1))
  const pass = async (written: number, then: () => Promise<void> = () => Promise.resolve()) => {
    const done = tidier.passed(written)
    await then()
    wakes.shift()?.()
    await done
    return tidied
  }
  assert.equal(await pass(0), 1)
  assert.equal(await pass(499), 1)
  assert.equal(await pass(1), 2)
  // Another pass ends before it is quiet: that one tidies up.
  const second = () => void tidier.passed(0)
  assert.equal(await pass(1000, () => Promise.resolve(second())), 2)
  wakes.shift()!()
  await new Promise(setImmediate)
  assert.equal(tidied, 3)
})
