import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { serviceTypes, type ServiceRef } from '../model.ts'
import { createRoster } from './create.ts'
import { mostAtOnce } from './find-all.ts'
import { serviceRow } from '../testing.ts'

const ref: fc.Arbitrary<ServiceRef> = fc.record({
  type: fc.constantFrom(...serviceTypes),
  id: fc.oneof(
    fc.integer({ min: 0, max: 60 }).map((n) => `id-${n}`),
    fc.constantFrom('ä', '日本', 'a'),
  ),
})

test('many are found as each of them is, also where hashes meet, and after some are gone', () => {
  const hashes = [undefined, () => 7, (type: number, id: string) => type + id.length]
  fc.assert(
    fc.property(
      fc.constantFrom(...hashes),
      fc.uniqueArray(ref, { selector: ({ type, id }) => `${type}/${id}`, maxLength: 80 }),
      fc.array(ref, { minLength: 1, maxLength: mostAtOnce }),
      fc.nat(1_000),
      (hash, known, asked, seed) => {
        const roster = createRoster({ room: 1, ...(hash && { hash }) })
        for (const [at, one] of known.entries()) roster.learn(serviceRow({ ...one, seq: at + 1 }))
        for (const [at, one] of known.entries()) if ((at + seed) % 3 === 0) roster.forget(roster.find(one.type, one.id))
        const from = seed % asked.length
        const found = new Int32Array(mostAtOnce)
        roster.findAll(asked, from, asked.length - from, found)
        const expected = asked.slice(from).map(({ type, id }) => roster.find(type, id))
        assert.deepEqual([...found.subarray(0, asked.length - from)], expected)
      },
    ),
  )
})
