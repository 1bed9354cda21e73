import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Clock } from '../../kernel/clock.ts'
import { createRateLimit } from './rate.ts'

function timed() {
  let now = 0
  const clock: Clock = { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() }
  return { clock, pass: (ms: number) => (now += ms) }
}

test('never more than the burst and what time has refilled', () => {
  const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 3000 }), tries: fc.integer({ min: 0, max: 8 }) }))
  fc.assert(
    fc.property(steps, (each) => {
      const { clock, pass } = timed()
      const limit = createRateLimit({ perSecond: 2, burst: 5 }, clock)
      let taken = 0
      for (const { wait, tries } of each) {
        pass(wait)
        for (let one = 0; one < tries; one += 1) if (limit.take('a') === 0) taken += 1
        assert.ok(taken <= 5 + (clock.monotonic() * 2) / 1000 + 1e-6)
      }
    }),
  )
})

test('after the time it says, it lets the caller in; others were never held up', () => {
  const { clock, pass } = timed()
  const limit = createRateLimit({ perSecond: 2, burst: 1 }, clock)
  assert.equal(limit.take('a'), 0)
  const wait = limit.take('a')
  assert.equal(wait, 500)
  assert.equal(limit.take('b'), 0)
  pass(wait - 1)
  assert.ok(limit.take('a') > 0)
  pass(1)
  assert.equal(limit.take('a'), 0)
})

test('many callers cost bounded memory, and the newest keep their count', () => {
  const { clock } = timed()
  const limit = createRateLimit({ perSecond: 1, burst: 1 }, clock)
  const before = process.memoryUsage().heapUsed
  for (let each = 0; each < 300_000; each += 1) limit.take(`caller ${each}`)
  assert.ok(limit.take('caller 299999') > 0)
  const grown = process.memoryUsage().heapUsed - before
  assert.ok(grown < 60_000_000, `${grown} bytes for callers that are gone`)
})
