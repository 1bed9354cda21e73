import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManifestError } from './problem.ts'
import { pythonJson } from './python-json.ts'
import { readYaml } from './yaml.ts'

type Vector = readonly [text: string, outcome: 'ok' | 'syntax' | 'content' | 'value', detail?: string]

/** What json.dumps(yaml.safe_load(text)) gave with PyYAML 6.0.3 on CPython, Nov 2026. */
const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, 'testing/pyyaml-vectors.json'), 'utf8'),
) as readonly Vector[]

function outcomeOf(text: string): Vector {
  try {
    return [text, 'ok', pythonJson(readYaml(text, 'f.yaml'))]
  } catch (thrown) {
    assert.ok(thrown instanceof ManifestError, `${JSON.stringify(text)} threw ${(thrown as Error).stack}`)
    assert.notEqual(thrown.message, '')
    return thrown.kind === 'value' ? [text, 'value', thrown.message] : [text, thrown.kind as 'syntax' | 'content']
  }
}

test('reads and refuses what PyYAML reads and refuses, byte for byte', () => {
  assert.ok(vectors.length > 250)
  for (const vector of vectors) assert.deepEqual(outcomeOf(vector[0]), vector)
})

test('any JSON of text, integers, booleans and null reads back as itself', () => {
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('tree'), { maxLength: 5 }),
      fc.dictionary(fc.string({ unit: 'binary', minLength: 1 }), tie('tree'), { maxKeys: 5 }),
    ),
  }))
  fc.assert(
    fc.property(tree, (value) => {
      // JSON leaves DEL and C1 as they are; YAML forbids them outside escapes.
      // oxlint-disable-next-line no-control-regex -- these are what is escaped
      const text = JSON.stringify(value).replace(/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g, escape)
      assert.deepEqual(JSON.parse(pythonJson(readYaml(text, 'f.yaml'))), JSON.parse(JSON.stringify(value)))
    }),
    { numRuns: 300 },
  )
})

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

test('names of JavaScript objects are names like others, and keep their place', () => {
  const text = '{b: 1, __proto__: {x: 1}, constructor: 2, "10": 3, "9": 4, toString: 5}'
  const json = '{"b": 1, "__proto__": {"x": 1}, "constructor": 2, "10": 3, "9": 4, "toString": 5}'
  assert.equal(pythonJson(readYaml(text, 'f.yaml')), json)
})

test('aliases that multiply end at a bound, at once', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 12; level++) {
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`)
  }
  const began = performance.now()
  assert.deepEqual(outcomeOf(lines.join('\n')).slice(1, 2), ['value'])
  const merges = ['m0: &m0 {k0: 1}']
  for (let level = 1; level < 30; level++) merges.push(`m${level}: &m${level} {<<: [*m${level - 1}, *m${level - 1}]}`)
  assert.deepEqual(outcomeOf(merges.join('\n')).slice(1), ['content'])
  assert.ok(performance.now() - began < 2000)
})

test('depth ends at a bound, not in a crash', () => {
  for (const depth of [90, 1000, 100_000]) {
    const text = `${'['.repeat(depth)}${']'.repeat(depth)}`
    assert.equal(outcomeOf(text)[1], depth < 100 ? 'ok' : 'syntax')
  }
})

test('says where', () => {
  assert.throws(() => readYaml('a: 1\nb: [x\nc: 2\n', 'some/f.yaml'), /\n {2}in "some\/f.yaml", line \d+, column \d+$/)
  assert.throws(() => readYaml('a: 1\nb: !odd x\n', 'f.yaml'), /'!odd'\n {2}in "f.yaml", line 2, column 4$/)
})
