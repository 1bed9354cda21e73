import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './clock.ts'
import { createSweeper, createTidier } from './memory.ts'

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

test('sweeps after each eight megabytes, however they come', () => {
  let swept = 0
  const passed = createSweeper(() => (swept += 1))
  for (let piece = 0; piece < 4 * 1024; piece++) passed(4096)
  assert.equal(swept, 2)
  passed(100 * 1024 * 1024)
  assert.equal(swept, 3)
})

test('V8 can be asked', () => {
  const passed = createSweeper()
  assert.doesNotThrow(() => passed(8 * 1024 * 1024))
})
