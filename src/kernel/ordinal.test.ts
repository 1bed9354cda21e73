import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareOrdinals, type Ordinal } from './ordinal.ts'

const part = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom('', 'a', 'b', '10', '9'))
const ordinal: fc.Arbitrary<Ordinal> = fc.array(part, { maxLength: 4 })
const settings = { numRuns: 2_000, seed: 1 }

test('numbers by value, text by code unit, numbers before text, the longer of two that agree is newer', () => {
  const ascending: Ordinal[] = [[], [-1], [2], [2, 0], [2, 1], [10], [10, ''], ['10'], ['9'], ['9', 0]]
  for (const [at, one] of ascending.entries()) {
    for (const [other, two] of ascending.entries()) {
      assert.equal(
        Math.sign(compareOrdinals(one, two)),
        Math.sign(at - other),
        `${JSON.stringify(one)} ${JSON.stringify(two)}`,
      )
    }
  }
})

test('an order: equal only to itself, the other way round with the other sign, and transitive', () => {
  fc.assert(
    fc.property(ordinal, ordinal, ordinal, (a, b, c) => {
      assert.equal(compareOrdinals(a, b) === 0, JSON.stringify(a) === JSON.stringify(b))
      assert.equal(Math.sign(compareOrdinals(a, b)) + Math.sign(compareOrdinals(b, a)), 0)
      if (compareOrdinals(a, b) <= 0 && compareOrdinals(b, c) <= 0) assert.ok(compareOrdinals(a, c) <= 0)
    }),
    settings,
  )
})

test('the beginning decides', () => {
  fc.assert(
    fc.property(ordinal, part, part, ordinal, ordinal, (start, a, b, restA, restB) => {
      if (a === b) return
      const sign = Math.sign(compareOrdinals([...start, a, ...restA], [...start, b, ...restB]))
      assert.equal(sign, Math.sign(compareOrdinals([a], [b])))
    }),
    settings,
  )
})
