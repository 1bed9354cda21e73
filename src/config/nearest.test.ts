import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { distance, nearest } from './nearest.ts'

test('the nearest name wins, spelling of word breaks aside', () => {
  assert.equal(nearest('lisen', ['hosts', 'listen', 'tls']), 'listen')
  assert.equal(nearest('firstSight', ['first_sight', 'drift']), 'first_sight')
  assert.equal(nearest('frist_sight', ['first_sight']), 'first_sight')
})

test('what is not near is not suggested', () => {
  assert.equal(nearest('port', ['listen', 'hosts', 'auth']), null)
  assert.equal(nearest('x', []), null)
})

test('property: distance is a symmetric measure, zero only for equals', () => {
  const word = fc.string({ maxLength: 8 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(distance(a, b), distance(b, a))
      assert.equal(distance(a, b) === 0, a === b)
      assert.ok(distance(a, b) <= Math.max(a.length, b.length))
    }),
  )
})
