/** The order of lists, whenever it is asked for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRoster } from './create.ts'
import { noSlot } from './roster.ts'
import { serviceRow } from '../testing.ts'

const step = fc.record({
  id: fc.constantFrom('a', 'b', 'ä', '漢', 'c1', 'c2', 'c3'),
  at: fc.integer({ min: 1, max: 5 }),
  next: fc.constantFrom('nothing', 'settle', 'slots', 'forget'),
})

test('rows come in any order, and stand in theirs', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const roster = createRoster()
      const { order } = roster
      const rows = new Map<string, number>()
      for (const [n, { id, at, next }] of steps.entries()) {
        roster.learn(serviceRow({ id, registeredAt: at, seq: n + 1 }))
        rows.set(id, at)
        if (next === 'settle') order.settle()
        if (next === 'slots') order.slots()
        if (next === 'forget') roster.forget(roster.find('poller', id))
        if (next === 'forget') rows.delete(id)
      }
      const there = [...order.slots()].filter((slot) => roster.find('poller', roster.idOf(slot)) === slot)
      const expected = [...rows].toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([id]) => id)
      assert.deepEqual(
        there.map((slot) => roster.idOf(slot)),
        expected,
      )
      for (const slot of order.slots()) {
        const standing = order.standingOf(slot)
        assert.ok(order.before(standing) < order.upTo(standing))
        assert.equal(order.compareTo(order.slots()[order.before(standing)]!, standing), 0)
      }
    }),
  )
})

test('what would move many is left until it is asked for', () => {
  const roster = createRoster()
  const { order } = roster
  const many = 30_000
  for (let n = 0; n < many; n++) roster.learn(serviceRow({ id: `s${n}`, registeredAt: 1_000 + n, seq: n + 1 }))
  assert.equal(order.settle(), true)
  roster.learn(serviceRow({ id: 'near', registeredAt: many - 1_000.5, seq: many + 1 }))
  assert.equal(order.settle(), true)
  roster.learn(serviceRow({ id: 'far', registeredAt: 1, seq: many + 2 }))
  assert.equal(order.settle(), false)
  const slots = order.slots()
  assert.deepEqual([slots.length, slots[0]], [many + 2, roster.find('poller', 'far')])
  assert.notEqual(slots[0], noSlot)
  for (let n = 1; n < slots.length; n++) assert.ok(order.compare(slots[n - 1]!, slots[n]!) < 0)
})

test('most of those that are gone are left out', () => {
  const roster = createRoster()
  for (let n = 0; n < 3_000; n++) roster.learn(serviceRow({ id: `s${n}`, registeredAt: n, seq: n + 1 }))
  assert.equal(roster.order.slots().length, 3_000)
  for (let n = 0; n < 2_900; n++) roster.forget(n)
  assert.deepEqual(
    [...roster.order.slots()],
    Array.from({ length: 100 }, (_, n) => 2_900 + n),
  )
})
