import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addBytes, addMessage, addNumber, readFields, type Fields } from './protobuf.ts'

test('reads back what it wrote, for every number up to 2^53', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 300 }), (number, bytes) => {
      const inner: Fields = []
      addNumber(inner, 3, number)
      addBytes(inner, 16, bytes)
      const outer: Fields = []
      addMessage(outer, 1, inner)
      const [message, ...rest] = readFields(Buffer.concat(outer))
      assert.equal(rest.length, 0)
      const found = new Map([...readFields(message!.bytes)].map((field) => [field.field, field]))
      assert.equal(Number(found.get(3)?.number ?? 0n), number)
      assert.deepEqual(Buffer.from(found.get(16)?.bytes ?? []), Buffer.from(bytes))
    }),
  )
})

test('writes the bytes of the specification: field 1, varint 150', () => {
  const fields: Fields = []
  addNumber(fields, 1, 150)
  assert.equal(Buffer.concat(fields).toString('hex'), '089601')
})

test('reads 64-bit numbers whole and skips fields of fixed length', () => {
  const message = Buffer.from(`08ffffffffffffffffff0111${'00'.repeat(8)}1d${'00'.repeat(4)}2001`, 'hex')
  const read = [...readFields(message)].map(({ field, number }) => [field, number])
  assert.deepEqual(read, [
    [1, 0xffffffffffffffffn],
    [4, 1n],
  ])
})

test('refuses a message that ends within a field', () => {
  for (const hex of ['08', '0896', '0a05aabb', '11aa']) {
    assert.throws(() => [...readFields(Buffer.from(hex, 'hex'))], RangeError, hex)
  }
})
