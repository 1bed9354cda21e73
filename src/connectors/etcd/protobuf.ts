/**
 * The part of the protobuf wire format (protobuf.dev/programming-guides/encoding) that etcd's unary
 * calls use: varints and length-delimited fields. By hand, because the messages are few and frozen
 * since etcd 3.0, while a .proto loader costs 30 ms and 10 MB at start.
 */

/** A message as its encoded fields, in order; `Buffer.concat` of them is the message. */
export type Fields = Uint8Array[]

const varintType = 0
const fixed64Type = 1
const bytesType = 2
const fixed32Type = 5

export function addNumber(fields: Fields, field: number, value: number): void {
  if (value !== 0) fields.push(varint(field * 8 + varintType), varint(value))
}

export function addBool(fields: Fields, field: number, value: boolean): void {
  addNumber(fields, field, value ? 1 : 0)
}

export function addBytes(fields: Fields, field: number, value: Uint8Array | string): void {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  if (bytes.length > 0) fields.push(varint(field * 8 + bytesType), varint(bytes.length), bytes)
}

/** Unlike the scalars, a message is written when it is empty too: it says which kind of a choice it is. */
export function addMessage(fields: Fields, field: number, message: Fields): void {
  let length = 0
  for (const part of message) length += part.length
  fields.push(varint(field * 8 + bytesType), varint(length))
  for (const part of message) fields.push(part)
}

/** Exact up to 2^53: revisions grow by one a write and never get there. */
function varint(value: number): Uint8Array {
  if (value < 0x80) return small[value]!
  const bytes: number[] = []
  let left = value
  while (left >= 0x80) {
    bytes.push((left % 0x80) + 0x80)
    left = Math.floor(left / 0x80)
  }
  bytes.push(left)
  return Uint8Array.from(bytes)
}

const small = Array.from({ length: 0x80 }, (_, value) => Uint8Array.of(value))

export interface Field {
  readonly field: number
  /** The value of a varint; 0n for other types. */
  readonly number: bigint
  /** The content of a length-delimited field, a view of the message; empty for other types. */
  readonly bytes: Uint8Array
}

const none = new Uint8Array(0)

/** Reads the fields of a message in order. Throws RangeError when it ends too early. */
export function* readFields(message: Uint8Array): Generator<Field> {
  let at = 0

  function readVarint(): bigint {
    // Nearly all are short: plain numbers first, BigInt beyond 28 bits.
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = next()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return BigInt(value)
    }
    let long = BigInt(value)
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = next()
      long |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return long & 0xffffffffffffffffn
    }
    throw new RangeError('varint is longer than 10 bytes')
  }

  function next(): number {
    if (at >= message.length) throw new RangeError('message ends within a field')
    return message[at++]!
  }

  function skip(length: number): Uint8Array {
    if (at + length > message.length) throw new RangeError('message ends within a field')
    at += length
    return message.subarray(at - length, at)
  }

  while (at < message.length) {
    const tag = Number(readVarint())
    const field = tag >>> 3
    const type = tag & 7
    if (type === varintType) yield { field, number: readVarint(), bytes: none }
    else if (type === bytesType) yield { field, number: 0n, bytes: skip(Number(readVarint())) }
    else if (type === fixed64Type) skip(8)
    else if (type === fixed32Type) skip(4)
    else throw new RangeError(`wire type ${type} is not known`)
  }
}
