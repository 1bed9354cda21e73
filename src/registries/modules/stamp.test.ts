import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { markText, readMark, readStamp, stampText, type Stamp } from './stamp.ts'

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: 64, maxLength: 64 })
const digest = hex.map((text) => `sha256:${text}`)
const version = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/)
const stamp: fc.Arbitrary<Stamp> = fc.record(
  { release: digest, version, archive: digest, size: fc.nat() },
  { noNullPrototype: true },
)
const channel = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?$/)

test('what is written is what is read, and other rules read nothing', () => {
  fc.assert(
    fc.property(stamp, (one) => {
      assert.deepEqual(readStamp('1', stampText('1', one)), one)
      assert.equal(readStamp('2', stampText('1', one)), null)
    }),
  )
})

test('a mark tells of all channels, whatever their order', () => {
  fc.assert(
    fc.property(fc.dictionary(channel, stamp, { noNullPrototype: true }), (stamps) => {
      const map = new Map(Object.entries(stamps))
      const mark = markText('1', map)
      assert.deepEqual(new Map(readMark('1', mark)), map)
      assert.equal(markText('1', new Map([...map].toReversed())), mark)
      assert.equal(readMark('1c', mark), null)
    }),
  )
})

test('what is nothing of ours is read as nothing', () => {
  for (const text of ['', ' ', '1', '1 a b c', '1 a b c d', '1 a b c 5 e', '1 a b c -5']) {
    assert.equal(readStamp('1', text), null, text)
  }
  assert.equal(readStamp('1', null), null)
  assert.equal(readMark('1', '1\nalpha'), null)
})
