import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { load, YAML11_SCHEMA } from 'js-yaml'
import { parse } from 'yaml'
import { awkwardTexts } from '../../../../tests/parts/claims-files.ts'
import { writeScalar, type ScalarPlace } from './scalar.ts'

const places: readonly ScalarPlace[] = (['none', 'single', 'double'] as const).flatMap((quotes) =>
  [false, true].map((flow) => ({ quotes, flow })),
)

/** What readers of YAML 1.1 take for something else than text, or break lines at: beyond 1.2, and told by no library here. */
const words11 =
  'y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE ~ null Null NULL << ='
const numbers11 =
  '0 1 -1 +1 0b11 -0b1 017 0o17 0x1F 1_000 1,000 1.0 1. .5 1e3 1.5e+3 1e-3 .inf -.INF +.Inf .nan .NaN 1:30 190:20:30 12:30:45'
const times11 = [
  '2026-02-14',
  '2026-2-4',
  '2026-02-14T16:09:55Z',
  '2001-12-14 21:59:43.10 -5',
  '2001-12-14t21:59:43.10-05:00',
]
const breaks11 = /[\r\n\u0085\u2028\u2029]/

function check(text: string, place: ScalarPlace): void {
  const written = writeScalar(text, place)
  const well = text.toWellFormed()
  const about = `${JSON.stringify(text)} as ${written}`
  const file = place.flow ? `[{a: ${written}, b: [${written}]}] # c\n` : `- a: ${written} # c\n  b:\n  - ${written}\n`
  const wanted = [{ a: well, b: [well] }]
  assert.deepEqual(load(file, { schema: YAML11_SCHEMA }), wanted, about)
  assert.deepEqual(load(file), wanted, about)
  for (const version of ['1.1', '1.2'] as const) assert.deepEqual(parse(file, { version }), wanted, about)
  // yaml.v3 reads no other characters raw.
  assert.match(written, /^[\x20-\x7e\u00a1-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u, about)
  assert.doesNotMatch(written, breaks11, about)
}

test('awkward texts stay texts in every place', () => {
  const texts = [...awkwardTexts, ...words11.split(' '), ...numbers11.split(' '), ...times11]
  assert.ok(texts.length > 100)
  for (const text of texts) for (const place of places) check(text, place)
})

test('words, numbers and times of YAML 1.1 stand in quotes', () => {
  for (const text of [...words11.split(' '), ...numbers11.split(' '), ...times11, '']) {
    assert.equal(writeScalar(text, { quotes: 'none', flow: false }), `"${text}"`)
  }
})

test('plain where it was plain and can be, else in the quotes that were there', () => {
  const cases: [text: string, quotes: ScalarPlace['quotes'], written: string][] = [
    ['Ready=True', 'none', 'Ready=True'],
    ['Waiting for the disk (3 of 4), see a/b:c', 'none', 'Waiting for the disk (3 of 4), see a/b:c'],
    ['Ready: True', 'none', "'Ready: True'"],
    ["it's", 'none', "it's"],
    ["it's", 'single', "'it''s'"],
    ['say "a"', 'double', '"say \\"a\\""'],
    ['two\nlines', 'single', '"two\\nlines"'],
    ['\u{1f600} \u200d\u{e0001}', 'single', '"\u{1f600} \\u200d\\U000e0001"'],
  ]
  for (const [text, quotes, written] of cases) assert.equal(writeScalar(text, { quotes, flow: false }), written)
})

test('any text at all', () => {
  const unit = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom(...awkwardTexts),
    fc.constantFrom(' ', ':', '#', '\n'),
  )
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 4 }), fc.constantFrom(...places), (parts, place) =>
      check(parts.join(''), place),
    ),
    { numRuns: 800 },
  )
})
