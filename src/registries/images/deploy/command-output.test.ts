import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cleaned, createOutput } from './command-output.ts'

function textOf(most: number, secrets: Record<string, string>, ...chunks: readonly (string | Uint8Array)[]): string {
  const output = createOutput(most, new Map(Object.entries(secrets)))
  const stream = output.stream()
  for (const chunk of chunks) stream.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  stream.end()
  return output.text()
}

test('keeps the end, and says that there was more', () => {
  assert.equal(textOf(5, {}, 'abc', 'defgh'), '…defgh')
  assert.equal(textOf(8, {}, 'abc', 'defgh'), 'abcdefgh')
  assert.equal(textOf(0, {}, 'abc'), '')
  assert.equal(textOf(5, {}, 'aäöü'), '…öü')
  const many = textOf(1000, {}, ...Array.from({ length: 5000 }, (_, n) => `line ${n}\n`))
  assert.ok(many.endsWith('line 4999') && Buffer.byteLength(many) <= 1003)
})

test('takes out what terminals are told, and lines that were overwritten', () => {
  assert.equal(textOf(100, {}, '\u001b[1;31mred\u001b[0m \u001b]0;title\u0007x\u0008y\u0000'), 'red xy')
  assert.equal(textOf(100, {}, ' 10%\r 50%\r100%\r\ndone\r\n'), '100%\ndone')
  assert.equal(textOf(100, {}, 'a\u202eb\tc'), 'ab\tc')
})

test('a character that comes in two pieces is one', () => {
  const bytes = Buffer.from('ä😀')
  assert.equal(textOf(100, {}, ...[...bytes].map((byte) => Uint8Array.of(byte))), 'ä😀')
})

test('a secret is taken out in whatever form and pieces it comes', () => {
  const secret = 'p@ss "word"/ü'
  const forms = [secret, JSON.stringify(secret), encodeURIComponent(secret), Buffer.from(secret).toString('base64')]
  for (const form of forms) {
    const text = textOf(1000, { PASSWORD: secret }, `before ${form} after`)
    assert.match(text, /^before "?\[PASSWORD\]=*"? after$/, form)
  }
  assert.equal(textOf(1000, { KEY: 'begin\nmiddle-part\nend' }, 'x middle-part y'), 'x [KEY] y')
  assert.equal(textOf(1000, { A: 'secret', B: 'secret-longer' }, 'secret-longer secret'), '[B] [A]')
  assert.equal(textOf(1000, { A: 'secret', B: 'secret-longer' }, 'x secret', '-longer'), 'x [B]')
  assert.equal(textOf(1000, { KEY: 'secret' }, 'sec\u001b[0mret'), '[KEY]')
  assert.equal(textOf(1000, { FLAG: 'true', N: '1' }, 'true 1'), 'true 1')
})

test('no part of a secret is left where the end is cut off, in any pieces', () => {
  // Long enough that what came first is dropped before the end is known.
  const secret = 'abcdefghijklmnop'
  const parts = fc.array(fc.oneof(fc.constant(secret), fc.constantFrom(' ', '.', '\n', 'Z')), { maxLength: 400 })
  fc.assert(
    fc.property(
      parts,
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.nat(400), { maxLength: 20 }),
      (given, most, sizes) => {
        const whole = given.join('')
        const chunks: string[] = []
        let from = 0
        for (const size of sizes) {
          chunks.push(whole.slice(from, from + size))
          from += size
        }
        const text = textOf(most, { KEY: secret }, ...chunks, whole.slice(from))
        assert.doesNotMatch(text, /[a-p]/)
        assert.ok(Buffer.byteLength(text) <= most + 3)
      },
    ),
    { numRuns: 300 },
  )
})

test('a secret that comes in two pieces just when what came first is dropped', () => {
  for (let before = 1000; before < 1100; before += 1) {
    const text = textOf(4, { KEY: 'abcdefghijklmnop' }, 'Z'.repeat(before), 'abcdefgh', 'ijklmnop')
    assert.equal(text, '…KEY]', String(before))
  }
})

test('while more may come, lines that have ended are shown, and no beginning of a secret', () => {
  const output = createOutput(100, new Map([['KEY', 'abcdefghijklmnop']]))
  const stream = output.stream()
  stream.push(Buffer.from('one\nabcdefghijklmnop\nabcdefgh'))
  assert.equal(output.text(), 'one\n[KEY]')
  stream.end()
  assert.equal(output.text(), 'one\n[KEY]\nabcdefgh')
})

test('a megabyte without an end of line, or of the same sign, takes no longer than any other', () => {
  // What takes the square of its length would not come to its end here.
  for (const piece of ['a', '\r', '\u001b', '\u001b]', '\u001b[1', '\r\n', 'a\r']) {
    const long = piece.repeat(1 << 20)
    assert.ok(cleaned(long).length <= long.length)
  }
  assert.equal(cleaned('a'.repeat(1 << 20)).length, 1 << 20)
})
