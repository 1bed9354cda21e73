/** The original's defects and the registry's invariants have a test each, under their number. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { titledTests } from './parts/services-promises.ts'

const titles = [...titledTests().values()].flat()
const numbers = (word: RegExp) =>
  new Set(titles.flatMap((title) => [...title.matchAll(word)].map(([, number]) => Number(number))))

test('every defect of the original but those of packages, and of a route that is not there, has a test', () => {
  const without = new Set([13, 15, 16])
  const wanted = Array.from({ length: 19 }, (_, index) => index + 1).filter((number) => !without.has(number))
  const found = numbers(/\bdefect (\d+)\b/g)
  assert.deepEqual(
    wanted.filter((number) => !found.has(number)),
    [],
  )
})

test('every invariant but that of packages has a test', () => {
  const wanted = Array.from({ length: 12 }, (_, index) => index + 1)
  const found = numbers(/\bI(\d+)\b/g)
  assert.deepEqual(
    wanted.filter((number) => !found.has(number)),
    [],
  )
})
