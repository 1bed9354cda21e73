import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, type Json } from './json.ts'

const name = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 3 }),
  fc.constantFrom('a', 'b', '10', '9', '1a', '__proto__', '\ufffd', '😀', 'toJSON', ''),
)
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 0, -1.5, 1e21, '', 'text "quoted"\n'),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.uniqueArray(fc.tuple(name, tie('value')), { maxLength: 5, selector: ([key]) => key }).map(ownFields),
  ),
}))

function ownFields(fields: readonly (readonly [string, Json])[]): Json {
  return JSON.parse(`{${fields.map(([key, field]) => `${JSON.stringify(key)}:${JSON.stringify(field)}`).join(',')}}`)
}

/** The definition: names by code unit, everything else as JSON writes it. */
function expected(one: Json): string {
  if (one === null || typeof one !== 'object') return JSON.stringify(one)
  if (Array.isArray(one)) return `[${one.map(expected).join(',')}]`
  const fields = Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${expected(field)}`).join(',')}}`
}

it('writes equal values alike, and loses nothing', () => {
  fc.assert(
    fc.property(value, (one) => {
      const text = canonicalJson(one)
      assert.equal(text, expected(one))
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(one)))
    }),
    { numRuns: 2000 },
  )
})

it('leaves out what is undefined', () => {
  assert.equal(canonicalJson({ b: 1, a: undefined, 9: undefined } as unknown as Json), '{"b":1}')
})
