import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { blobHead, createEncoder, decodeBlob, idText } from './codec.ts'

describe('a blob', () => {
  const one = fc.record({
    type: fc.nat({ max: 2 }),
    step: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 2 ** 31 })),
    id: fc.oneof(
      fc.string({ minLength: 1, maxLength: 40 }),
      fc.string({ minLength: 1, unit: 'binary', maxLength: 300 }),
    ),
    health: fc.nat({ max: 2 }),
    lastSeen: fc.option(fc.integer({ min: 1, max: 2 ** 45 }), { nil: 0 }),
    silence: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 40 })),
    boot: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: 0 }),
    sequence: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  })
  const all = fc.array(one, { maxLength: 50 })

  const encoded = (items: readonly (typeof all extends fc.Arbitrary<(infer T)[]> ? T : never)[]) => {
    let next = 0
    const writeId = (_: number, into: Uint8Array, at: number) => {
      const { id } = items[next++]!
      const bytes = Buffer.from(id, 'utf16le')
      into[at] = id.length & 0xff
      into[at + 1] = (id.length >> 8) | 0x80
      into.set(bytes, at + 2)
      return at + 2 + bytes.length
    }
    const encoder = createEncoder({ writeId })
    encoder.begin(2 ** 41, 2 ** 42, 2 ** 44)
    let slot = 0
    for (const { step, type, health, lastSeen, silence, boot, sequence } of items) {
      slot += step
      encoder.add(slot, type, health, lastSeen, 2 ** 41 - silence, boot, boot === 0 ? 0 : sequence)
    }
    return encoder.end()
  }

  it('says what was put in', () => {
    fc.assert(
      fc.property(all, (items) => {
        const body = encoded(items)
        const head = blobHead(body)!
        assert.deepEqual(head, { count: items.length, lease: 2 ** 42, wall: 2 ** 44 })
        const got: unknown[] = []
        let about: object = {}
        const whole = decodeBlob(
          body,
          head,
          (type, step, bytes, at) => {
            about = { type, step, id: idText(bytes, at) }
            return 0
          },
          (_, health, lastSeen, heard, boot, sequence) => {
            got.push({ ...about, health, lastSeen, silence: 2 ** 42 - heard, boot, sequence })
          },
        )
        assert.equal(whole, true)
        assert.deepEqual(
          got,
          items.map((item) => ({ ...item, sequence: item.boot === 0 ? 0 : item.sequence })),
        )
      }),
    )
  })

  it('is refused when a byte of it is another, or it is cut', () => {
    fc.assert(
      fc.property(all, fc.nat(), fc.integer({ min: 1, max: 255 }), (items, place, by) => {
        const body = encoded(items)
        assert.equal(blobHead(body.subarray(0, place % body.length)), null)
        body[place % body.length]! ^= by
        assert.equal(blobHead(body), null)
      }),
    )
  })

  it('is never read beyond its end, whatever it says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 50 }), (bytes, count) => {
        const head = { count, lease: 0, wall: 0 }
        const body = new Uint8Array([...new Uint8Array(25), ...bytes])
        decodeBlob(
          body,
          head,
          (_, __, all_, at) => (assert.ok(idText(all_, at).length <= 200), 0),
          () => {},
        )
      }),
    )
  })
})
