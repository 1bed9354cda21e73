import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodePost } from './decode.ts'

const plain = { cluster: 'c', claimRef: 'r', statusMessage: 'm' }
const read = (text: string | Uint8Array) => {
  const found = decodePost(Buffer.from(text as string))
  return found && { cluster: found.cluster, claimRef: found.claimRef, statusMessage: found.statusMessage }
}
const rest = '"claimRef":"r","statusMessage":"m"'

describe('a posted status', () => {
  it('is read as the original reads it', () => {
    const same = [
      `{"cluster":"c",${rest}}`,
      `\t\r\n {"CLUSTER" : "c" , "claimref":"r","StatusMessage":"m"} \n`,
      `{"clu\\u0073ter":"c",${rest}}`,
      `{"clu\u017fter":"c","claimRef":"r","\u017ftatusMessage":"m"}`,
      `{"cluster":"x","cluster":"c",${rest}}`,
      `{"cluster":"x",${rest},"CLUSTER":"c"}`,
      `{"cluster":"x","CLUSTER":"y",${rest},"cluster":"c"}`,
      `{"cluster":"c","cluster":null,${rest}}`,
      `{"cluster":"c",${rest}}trailing`,
      `{"cluster":"c",${rest}}{"cluster":"d"}`,
      `{"a":{"b":[1,-2.5e+3,true,false,null,"}\\""]},"cluster":"c",${rest},"z":[]}`,
    ]
    for (const text of same) assert.deepEqual(read(text), plain, text)
  })

  it('is empty where it says nothing', () => {
    for (const text of ['null', 'nullx', ' null', '{}', '{ }', '{"cluster":null}', '{"clusters":"c"}']) {
      assert.deepEqual(read(text), { cluster: '', claimRef: '', statusMessage: '' }, text)
    }
  })

  it('is refused where the original refuses it', () => {
    const wrong = [
      '',
      ' ',
      '[]',
      '"text"',
      '1',
      'true',
      '{',
      '{"cluster":"c"',
      '{"cluster":"c",}',
      '{cluster:"c"}',
      "{'cluster':'c'}",
      '{"cluster":1}',
      '{"cluster":1,"cluster":"c"}',
      '{"cluster":["c"]}',
      '{"cluster":{}}',
      '{"cluster":true}',
      '{"cluster":"a\nb"}',
      '{"cluster":"a\\x"}',
      '{"cluster":"a',
      '{"cluster":"a\\"}',
      '{"x":01}',
      '{"x":+1}',
      '{"x":nul}',
      '{"x":[1,]}',
      '{"x":{"y"}}',
      '{"x":"a\tb"}',
      '\ufeff{}',
      `{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    ]
    for (const text of wrong) assert.equal(read(text), null, text.slice(0, 40))
    assert.notEqual(read(`{"x":${'['.repeat(9_999)}${']'.repeat(9_999)}}`), null)
  })

  it('has U+FFFD for each byte that is no UTF-8, and for half a surrogate pair', () => {
    const message = (bytes: number[]) => {
      const body = Buffer.concat([Buffer.from('{"statusMessage":"'), Buffer.from(bytes), Buffer.from('"}')])
      return decodePost(body)?.statusMessage
    }
    assert.equal(message([0xff]), '\ufffd')
    assert.equal(message([0xe2, 0x82, 0x78]), '\ufffd\ufffdx')
    assert.equal(message([0xed, 0xa0, 0x80]), '\ufffd\ufffd\ufffd')
    assert.equal(message([0xf0, 0x9f, 0x98, 0x80, 0xf0, 0x9f]), '\u{1f600}\ufffd\ufffd')
    assert.equal(message([0xef, 0xbf, 0xbd]), '\ufffd')
    assert.equal(decodePost(Buffer.from('{"statusMessage":"a\\ud800b"}'))?.statusMessage, 'a\ufffdb')
    assert.equal(decodePost(Buffer.from('{"statusMessage":"\\ud83d\\ude00"}'))?.statusMessage, '\u{1f600}')
  })

  it('keeps what else was said, as JSON', () => {
    const found = decodePost(Buffer.from(`{"kind":"X","n":{"a":[1]},"kind":"Y",${rest}}`))
    assert.deepEqual(
      [...found!.others!],
      [
        ['kind', '"Y"'],
        ['n', '{"a":[1]}'],
      ],
    )
    assert.equal(decodePost(Buffer.from(`{${rest}}`))?.others, null)
  })

  it('agrees with JSON.parse on all JSON with distinct keys', () => {
    const text = fc.string({ unit: 'binary' }).map((one) => one.toWellFormed())
    const document = fc.record({ cluster: text, claimRef: text, statusMessage: text }, { noNullPrototype: true })
    const property = fc.property(document, fc.jsonValue(), fc.nat(3), (given, other, indent) => {
      const body = JSON.stringify({ ...given, other }, null, indent)
      assert.deepEqual(read(body), given)
      assert.deepEqual(
        JSON.parse(decodePost(Buffer.from(body))!.others!.get('other')!),
        JSON.parse(JSON.stringify(other)),
      )
    })
    fc.assert(property)
  })

  it('never throws, and takes objects exactly where JSON.parse does', () => {
    const pieces = ['{', '}', '"', ':', ',', '"cluster"', '"a"', 'null', '1', '[', ']', '\\', ' ', 'x', '\u0001', '-']
    const property = fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => {
      const text = parts.join('')
      const found = read(text)
      try {
        const parsed: unknown = JSON.parse(text)
        if (typeof parsed === 'object' && !Array.isArray(parsed) && !/"cluster"\s*:\s*[^"n]/.test(text)) {
          assert.notEqual(found, null, text)
        }
      } catch {
        // The first value may be whole all the same.
        if (found !== null) assert.match(text, /^\s*(?:\{[^]*\}|null)/)
      }
    })
    fc.assert(property, { numRuns: 2000 })
  })
})
