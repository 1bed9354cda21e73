import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { createDirty } from './dirty.ts'
import { createWheel } from './wheel.ts'

it('hands everybody out at their tick, whatever was set and unset before, some at a time', () => {
  const slot = fc.nat({ max: 12 })
  const step = fc.oneof(
    fc.record({
      is: fc.constant('set' as const),
      slot,
      in: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20_000 })),
    }),
    fc.record({ is: fc.constant('unset' as const), slot }),
    fc.record({
      is: fc.constant('turn' as const),
      by: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 9_000 })),
      most: fc.integer({ min: 1, max: 4 }),
    }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000 }), fc.array(step, { maxLength: 60 }), (start, steps) => {
      const wheel = createWheel(1)
      const model = new Map<number, number>()
      let now = start
      wheel.resume(start)
      for (const one of steps) {
        if (one.is === 'set') {
          wheel.set(one.slot, now + one.in)
          model.set(one.slot, now + one.in)
        } else if (one.is === 'unset') {
          wheel.unset(one.slot)
          model.delete(one.slot)
        } else {
          now += one.by
          let calls = 0
          const due: number[] = []
          const take = (up: number) => {
            calls += 1
            // Further than a turn of the wheel: it comes up early, and is set again.
            if (model.get(up)! > now) wheel.set(up, model.get(up)!)
            else due.push(up)
          }
          for (let done = false; !done;) {
            calls = 0
            done = wheel.turn(now, one.most, take)
            assert.ok(calls <= one.most)
          }
          const expected = [...model].filter(([, tick]) => tick <= now).map(([up]) => up)
          assert.deepEqual(
            due.toSorted((a, b) => a - b),
            expected.toSorted((a, b) => a - b),
          )
          for (const up of due) model.delete(up)
        }
      }
    }),
    { numRuns: 300 },
  )
})

it('does not hand out in the same turn what is set again while it goes on', () => {
  const wheel = createWheel()
  wheel.set(7, 3)
  let calls = 0
  assert.equal(
    wheel.turn(3, 100, (slot) => {
      calls += 1
      wheel.set(slot, 0)
      wheel.set(8, 100_000)
    }),
    true,
  )
  assert.equal(calls, 1)
  const seen: number[] = []
  wheel.turn(4, 100, (slot) => void seen.push(slot))
  assert.deepEqual(seen, [7])
})

it('keeps those marked, in order, and takes back what could not be written', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.nat({ max: 70_000 }), { maxLength: 40 }), { maxLength: 6 }),
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      (rounds, fails) => {
        const dirty = createDirty()
        let model = new Set<number>()
        rounds.forEach((slots, n) => {
          for (const slot of slots) {
            dirty.mark(slot)
            model.add(slot)
          }
          assert.equal(dirty.count, model.size)
          const taken = dirty.take()
          const got: number[] = []
          for (let slot = taken?.next(0) ?? -1; slot !== -1; slot = taken!.next(slot + 1)) got.push(slot)
          assert.deepEqual(
            got,
            [...model].toSorted((a, b) => a - b),
          )
          const half = fails[n] === true ? (got[got.length >> 1] ?? Infinity) : Infinity
          if (half !== Infinity) taken?.giveBack(half)
          model = new Set(got.filter((slot) => slot >= half))
        })
      },
    ),
  )
})
