import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { root, scopeOf, scopesAbove, segmentsOf, stray } from './scope.ts'

const segment = fc.oneof(
  fc.constantFrom('', '/', '%', '*', '%2F', '//', '..', 'ünï', '%25', 'a/b', ' '),
  fc.string({ unit: 'grapheme' }),
)
const path = fc.array(segment, { maxLength: 5 })
const settings = { numRuns: 1_000, seed: 1 }

test('segments of any text come back as they were', () => {
  fc.assert(
    fc.property(path, (segments) => assert.deepEqual(segmentsOf(scopeOf(...segments)), segments)),
    settings,
  )
})

test('no two paths are one scope, and none but the empty one is the root or the strays', () => {
  fc.assert(
    fc.property(path, path, (one, two) => {
      const same = JSON.stringify(one) === JSON.stringify(two)
      assert.equal(scopeOf(...one) === scopeOf(...two), same)
      assert.equal(scopeOf(...one) === root, one.length === 0)
      assert.notEqual(scopeOf(...one), stray)
    }),
    settings,
  )
})

test('above a scope are its beginnings, nearest first, down to the root', () => {
  fc.assert(
    fc.property(path, (segments) => {
      const above = segments.map((_, at) => scopeOf(...segments.slice(0, at))).toReversed()
      assert.deepEqual(scopesAbove(scopeOf(...segments)), above)
    }),
    settings,
  )
})

test('nothing is above the root', () => {
  assert.deepEqual(scopesAbove(root), [])
})
