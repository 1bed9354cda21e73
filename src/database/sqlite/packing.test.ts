import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { Commit } from '../apply-facts.ts'
import { pack, unpack } from './packing.ts'

const text = fc.string({ unit: 'grapheme' })
const cell = fc.oneof(
  text,
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => one + 0),
  fc.constant(null),
  fc.uint8Array(),
)
const cells = fc.array(cell)
const row = { table: text, key: fc.option(cells), cells: fc.option(cells), columns: fc.option(fc.array(fc.nat())) }
const event = fc.tuple(text, fc.option(text), fc.option(text))
const when = fc.constantFrom(null, 'absent' as const, 'newer-ordinal' as const, { seq: 7 })
const commit: fc.Arbitrary<Commit> = fc.record({
  facts: fc.array(fc.record({ ...row, event, when })),
  quiet: fc.array(fc.record(row)),
  atomic: fc.boolean(),
  fence: fc.option(fc.record({ sync: text, token: fc.nat() })),
})

/** fast-check makes records without a prototype, and minus zero, which no journal tells from zero. */
const plain = (value: unknown): unknown => {
  if (value === 0) return 0
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

it('brings commits over as they were', () => {
  fc.assert(
    fc.property(fc.array(commit), (commits) => {
      assert.deepEqual(plain(unpack(structuredClone(pack(commits)))), plain(commits))
    }),
  )
})

it('keeps the values apart from the memory that they came from', () => {
  const value = Buffer.from('before')
  const packed = pack([
    {
      facts: [{ table: 't', key: ['k'], cells: [value], columns: null, event: ['t.put'], when: null }],
      quiet: [],
      atomic: false,
      fence: null,
    },
  ])
  value.fill(0)
  assert.equal(packed.bytes.length, 6)
  assert.equal(Buffer.from(unpack(packed)[0]!.facts[0]!.cells![0] as Uint8Array).toString(), 'before')
})
