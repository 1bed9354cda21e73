import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pythonJson } from './python-json.ts'
import { emptyMap, floatText, setField, type PythonValue } from './python-value.ts'

test('floats as CPython repr writes them', () => {
  const vectors: [number, string][] = [
    [0, '0.0'],
    [-0, '-0.0'],
    [1, '1.0'],
    [-1.5, '-1.5'],
    [0.1, '0.1'],
    [100, '100.0'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [123456789012345680, '1.2345678901234568e+17'],
    [9007199254740992, '9007199254740992.0'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [0.000012345, '1.2345e-05'],
    [1e-7, '1e-07'],
    [1e100, '1e+100'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [1234.5678, '1234.5678'],
    [-12345678.9, '-12345678.9'],
  ]
  for (const [value, text] of vectors) assert.equal(floatText(value), text)
})

test('every float has a point or an exponent and reads back as itself', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = floatText(value)
      assert.match(text, /^-?\d+(\.\d+)?(e[+-]\d{2,})?$/)
      assert.match(text, /[.e]/)
      assert.ok(Object.is(Number(text), value), text)
    }),
    { numRuns: 2000 },
  )
})

test('text is printable ASCII and reads back as itself, lone surrogates too', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
      const text = String.fromCharCode(...units)
      const json = pythonJson(text)
      assert.match(json, /^[ -~]*$/)
      assert.equal(JSON.parse(json), text)
    }),
  )
})

test('separators, key order, bare constants, exact integers, stringified keys', () => {
  const map = emptyMap()
  const fields: [PythonValue, PythonValue][] = [
    ['b', [1n, 2.5, null]],
    [2n, true],
    [1n, false],
    ['a', {} as never],
    [1.5, 12345678901234567890n],
    [null, NaN],
    [true, -Infinity],
  ]
  for (const [key, value] of fields) setField(map, key, value)
  map.fields.get('sa')!.value = '/\\"\u007fé😀'
  assert.equal(
    pythonJson(map),
    '{"b": [1, 2.5, null], "2": true, "1": -Infinity, "a": "/\\\\\\"\\u007f\\u00e9\\ud83d\\ude00", ' +
      '"1.5": 12345678901234567890, "null": NaN}',
  )
})

test('refuses with the words of Python', () => {
  const circle: PythonValue[] = []
  circle.push(circle)
  const dated = emptyMap()
  setField(dated, { is: 'date', text: '2025-01-01' }, 1n)
  assert.throws(() => pythonJson(circle), /^ManifestError: Circular reference detected$/)
  assert.throws(() => pythonJson([{ is: 'date', text: '' }]), /Object of type date is not JSON serializable/)
  assert.throws(() => pythonJson(dated), /keys must be str, int, float, bool or None, not datetime.date$/)
})
