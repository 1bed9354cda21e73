import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { afterPrefix, compareText } from './text-order.ts'

const text = fc.string({ unit: 'binary', maxLength: 6 })
const byBytes = (a: string, b: string) => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))

it('sorts text as its UTF-8 bytes sort', () => {
  fc.assert(fc.property(text, text, (a, b) => assert.equal(Math.sign(compareText(a, b)), byBytes(a, b))))
  assert.ok(compareText('\ufffd', '😀') < 0)
})

it('finds the end of a prefix', () => {
  fc.assert(
    fc.property(text, text, text, (prefix, rest, other) => {
      const end = afterPrefix(prefix)
      const within = (key: string) => compareText(key, prefix) >= 0 && (end === null || compareText(key, end) < 0)
      assert.ok(within(prefix + rest))
      assert.equal(within(other), other.startsWith(prefix))
    }),
  )
  assert.equal(afterPrefix('a\ud7ff'), 'a\ue000')
  assert.equal(afterPrefix('a\u{10ffff}'), 'b')
  assert.equal(afterPrefix('\u{10ffff}'), null)
})
