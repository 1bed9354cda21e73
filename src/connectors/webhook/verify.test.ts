import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { signatureOf } from './sign.ts'
import { isAgreed, isSigned, isStandardSigned } from './verify.ts'

const [old, fresh] = ['the old secret that is known', 'the fresh secret that follows']
const macOf = (body: string | Buffer, secret: string) => createHmac('sha256', secret).update(body).digest('hex')
const body = Buffer.from([0x7b, 0xff, 0x0a, 0x7d])

test('takes a signature under either secret, in either case, among others', () => {
  for (const secret of [old, fresh]) assert.equal(isSigned(body, [macOf(body, secret)], [old, fresh]), true)
  assert.equal(isSigned(body, [macOf(body, old).toUpperCase()], [old]), true)
  assert.equal(isSigned(body, ['', 'sha1', macOf(body, old)], [old]), true)
  assert.equal(isSigned(body, [macOf(body, old)], [fresh]), false)
})

test('an empty signature or secret never passes', () => {
  for (const signatures of [[], [''], ['', '']]) assert.equal(isSigned(body, signatures, [old]), false)
  assert.equal(isSigned(body, [createHmac('sha256', '').update(body).digest('hex')], ['']), false)
  assert.equal(isSigned(body, [macOf(body, old)], []), false)
})

test('no other text, body or length passes', () => {
  const right = macOf(body, old)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{64}$/)), (text) => {
      fc.pre(text.toLowerCase() !== right)
      assert.equal(isSigned(body, [text], [old]), false)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 40 }), (bytes) => {
      fc.pre(Buffer.compare(bytes, body) !== 0)
      assert.equal(isSigned(bytes, [right], [old]), false)
    }),
  )
  for (const text of [right.slice(1), `${right}0`, ` ${right}`, `${right}\n`]) {
    assert.equal(isSigned(body, [text], [old]), false, text)
  }
})

test('looks at four signatures and no more', () => {
  const wrong = macOf(body, 'wrong')
  assert.equal(isSigned(body, [wrong, wrong, wrong, macOf(body, old)], [old]), true)
  assert.equal(isSigned(body, [wrong, wrong, wrong, wrong, macOf(body, old)], [old]), false)
})

test('a header is one of those agreed on, and not empty', () => {
  assert.equal(isAgreed('Bearer a', ['Bearer b', 'Bearer a']), true)
  for (const given of ['Bearer A', 'Bearer', 'Bearer a ', '', undefined]) {
    assert.equal(isAgreed(given, ['Bearer a', '']), false, String(given))
  }
})

test('verifies what Standard Webhooks sign, for five minutes', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const now = 1_700_000_000_000
  const [id, timestamp] = ['msg_1', String(now / 1000)]
  const text = '{"a":"ä"}'
  const sent = { id, timestamp, signature: signatureOf(id, now / 1000, text, [secret]) }
  const verify = (more: Partial<typeof sent> = {}, at = now, of = text) =>
    isStandardSigned(Buffer.from(of), { ...sent, ...more }, [old, secret], at)
  assert.equal(verify(), true)
  assert.equal(verify({ signature: `v1,${'A'.repeat(43)}= v2,x ${sent.signature}` }), true)
  assert.equal(verify({}, now + 299_000), true)
  assert.equal(verify({}, now + 301_000), false)
  assert.equal(verify({}, now - 301_000), false)
  assert.equal(verify({ id: 'msg_2' }), false)
  assert.equal(verify({ id: '' }), false)
  assert.equal(verify({ timestamp: `${timestamp}x` }), false)
  assert.equal(verify({ signature: '' }), false)
  assert.equal(verify({ signature: 'v1,' }), false)
  assert.equal(verify({}, now, `${text} `), false)
})
