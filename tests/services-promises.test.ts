/** The original's defects and the registry's invariants have a test each, under their number. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbersIn, titledTests } from './parts/named-tests.ts'

const titles = titledTests({ registry: 'services', promise: /\b(?:defect \d+|I\d+)\b/ })

function missing(word: string, last: number): number[] {
  const found = numbersIn(titles.values(), word)
  return Array.from({ length: last }, (_, index) => index + 1).filter((number) => !found.has(number))
}

test('every defect of the original but those of packages has a test', () => {
  assert.deepEqual(missing('defect ', 19), [15, 16])
})

test('every invariant but that of packages has a test', () => {
  assert.deepEqual(missing('I', 12), [])
})
