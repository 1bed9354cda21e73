/** What the registry of images was to be shown to do has a test each, under its number. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbersIn, titledTests } from './parts/named-tests.ts'

test('every item of the list of acceptance has a test', () => {
  const titles = titledTests({ registry: 'images', promise: /\bacceptance \d+\b/ })
  const found = [...numbersIn(titles.values(), 'acceptance ')].toSorted((a, b) => a - b)
  assert.deepEqual(
    found,
    Array.from({ length: 14 }, (_, index) => index + 1),
  )
})
