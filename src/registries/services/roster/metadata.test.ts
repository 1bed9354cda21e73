/** Search by metadata against a plain Map, through blocks that fill up and are vacated. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { takeFlat } from './flat-json.ts'
import { createMetadataIndex } from './metadata.ts'

const text = fc.constantFrom('', 'a', 'ab', 'b', 'é', 'éa', '漢', '=', 'a=b', 'site', '"', '\\', 'x'.repeat(300))
const metadata = fc.dictionary(text, text, { maxKeys: 5 })
const step = fc.record({
  slot: fc.nat({ max: 12 }),
  metadata: fc.oneof(metadata, fc.constant(null)),
  asText: fc.boolean(),
})

describe('metadata index', () => {
  it('finds who has a value that begins so', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), text, text, (steps, a, b) => {
        // Blocks of 8 KiB, which a few services fill.
        const index = createMetadataIndex(13)
        const model = new Map<number, Record<string, string>>()
        for (const { slot, metadata: given, asText } of steps) {
          const json = JSON.stringify(given)
          if (given === null) index.clear(slot)
          else if (asText) index.setText(slot, json)
          else index.set(slot, given)
          if (given === null) model.delete(slot)
          // As it is read, not as it was: V8 may read a key that is one escaped character as a backslash (nodejs/node#63785).
          else model.set(slot, asText ? (JSON.parse(json) as Record<string, string>) : given)
        }
        for (const q of [a, b, a + b, `${a}=${b}`]) {
          const search = index.searcher(q)
          for (let slot = 0; slot <= 20; slot++) {
            const entries = Object.entries(model.get(slot) ?? {})
            const fits = entries.some(([key, value]) => value.startsWith(q) || begins(`${key}=${value}`, `${key}=`, q))
            assert.equal(search(slot), fits, `${slot} ${q}`)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('gives room back that edits left behind', () => {
    const index = createMetadataIndex()
    const value = 'v'.repeat(1_000)
    for (let n = 0; n < 2_000; n++) index.set(n, { value })
    const first = index.bytes()
    for (let round = 0; round < 10; round++) for (let n = 0; n < 2_000; n++) index.set(n, { value, n: `${round}` })
    assert.ok(index.bytes() <= 3 * first, `${first} → ${index.bytes()}`)
    const [old, young] = [index.searcher('n=8'), index.searcher('n=9')]
    for (let n = 0; n < 2_000; n++) assert.deepEqual([old(n), young(n)], [false, true])
  })

  it('gives back the value of a key', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.constantFrom('site', 'a', 'ключ'), fc.string({ unit: 'grapheme' }))),
        (all) => {
          const index = createMetadataIndex()
          for (const [slot, one] of all.entries()) index.set(slot, one)
          for (const [slot, one] of all.entries()) {
            for (const key of ['site', 'a', 'ключ', 'other']) assert.equal(index.valueOf(slot, key), one[key] ?? null)
          }
          assert.equal(index.valueOf(all.length, 'site'), null)
        },
      ),
    )
  })

  it('keeps the beginnings of what is too large', () => {
    const index = createMetadataIndex()
    index.set(3, { long: `start${'漢'.repeat(2_000)}` })
    assert.ok(index.searcher('start漢')(3) && index.searcher('long=start')(3))
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, `${n}.${'x'.repeat(1_000)}`]))
    index.set(4, many)
    assert.ok(index.searcher('k7=7.')(4) && !index.searcher('k499=')(4))
    assert.ok(index.searcher('long=')(3) && !index.searcher('long=')(4))
  })
})

describe('flat JSON', () => {
  it('is what JSON.parse makes of it, or not said to be flat', () => {
    fc.assert(
      fc.property(fc.oneof(metadata, fc.jsonValue({ maxDepth: 1 })), fc.array(text), (value, usual) => {
        const json = JSON.stringify(value)
        const taken: [string, string][] = []
        const flat = takeFlat(json, usual.filter(isPlain), (key, one) => taken.push([key, one]))
        if (flat) assert.deepEqual(Object.fromEntries(taken), JSON.parse(json))
        else assert.ok(json.includes('\\') || !isFlat(value), json)
      }),
    )
  })
})

function begins(entry: string, key: string, q: string): boolean {
  return q.startsWith(key) && entry.startsWith(q)
}

/** As keys are that were taken. */
function isPlain(key: string): boolean {
  return JSON.stringify(key) === `"${key}"`
}

function isFlat(value: unknown): boolean {
  return (
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => typeof one === 'string')
  )
}
