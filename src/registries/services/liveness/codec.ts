/**
 * A blob of the liveness log: what was known of some services at one time. 20 to 30 bytes each.
 *
 *   0   format, 1
 *   1   CRC-32 of all that follows
 *   5   how many services
 *   9   lease clock, and at 17 wall clock, of the writer then; both float64
 *   25  for each: flags; length and characters of its id (a byte each, or two); how long before the wall clock it was
 *       last seen (zigzag: it may be ahead by the skew); how long before the next tick of the lease clock it was heard
 *       of; hash of its boot (float64) and last sequence, where it says them
 *
 * Numbers are little-endian, those without a size varints (LEB128).
 */
import { crc32 } from 'node:zlib'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { tickLength } from './lease-clock.ts'

const format = 1
const headerSize = 25
/** Beside an id: flags, lengths, times, boot, sequence. */
const mostBeside = 64

const typeMask = 3
const healthShift = 2
const wide = 16
const hasBoot = 32
const neverSeen = 64

export type Health = 0 | 1 | 2
export const healthUnsaid: Health = 0
export const healthGood: Health = 1

export interface Encoder {
  begin(lease: Ms, wall: Instant): void
  /** As columns.ts has them; boot 0: none. */
  add(type: number, id: string, health: number, lastSeen: Instant, heard: Ms, boot: number, sequence: number): void
  readonly count: number
  /** A copy: the encoder goes on. */
  end(): Uint8Array
}

/** One for all blobs: its buffer is kept. */
export function createEncoder(): Encoder {
  let bytes = Buffer.alloc(1 << 16)
  let at = 0
  let count = 0
  let lease: Ms = 0
  let wall: Instant = 0

  function grow(by: number): void {
    const more = Buffer.alloc(Math.max(2 * bytes.length, at + by))
    bytes.copy(more, 0, 0, at)
    bytes = more
  }

  function varint(number: number): void {
    let left = number
    while (left >= 0x8000_0000) {
      bytes[at++] = (left % 128) | 128
      left = Math.floor(left / 128)
    }
    while (left >= 128) {
      bytes[at++] = (left & 127) | 128
      left >>>= 7
    }
    bytes[at++] = left
  }

  /** Whether all characters fit into a byte each; otherwise it is to be done anew. */
  function narrow(id: string): boolean {
    for (let i = 0; i < id.length; i += 1) {
      const unit = id.charCodeAt(i)
      if (unit > 0xff) return false
      bytes[at + i] = unit
    }
    at += id.length
    return true
  }

  return {
    begin(leaseNow, wallNow) {
      at = headerSize
      count = 0
      lease = leaseNow
      wall = wallNow
    },
    add(type, id, health, lastSeen, heard, boot, sequence) {
      if (at + 2 * id.length + mostBeside > bytes.length) grow(2 * id.length + mostBeside)
      const flagsAt = at++
      let flags = type | (health << healthShift) | (boot === 0 ? 0 : hasBoot) | (lastSeen === 0 ? neverSeen : 0)
      varint(id.length)
      if (!narrow(id)) {
        flags |= wide
        at += bytes.write(id, at, 'utf16le')
      }
      bytes[flagsAt] = flags
      if (lastSeen !== 0) {
        const before = Math.round(wall - lastSeen)
        varint(before < 0 ? -2 * before - 1 : 2 * before)
      }
      varint(Math.max(0, Math.round(lease + tickLength - heard)))
      if (boot !== 0) {
        bytes.writeDoubleLE(boot, at)
        at += 8
        varint(sequence)
      }
      count += 1
    },
    get count() {
      return count
    },
    end() {
      bytes[0] = format
      bytes.writeUInt32LE(count, 5)
      bytes.writeDoubleLE(lease, 9)
      bytes.writeDoubleLE(wall, 17)
      bytes.writeUInt32LE(crc32(bytes.subarray(5, at)), 1)
      return new Uint8Array(bytes.subarray(0, at))
    },
  }
}

/** What a blob says of one service; `heard` by the lease clock of its writer. */
export type Each = (
  type: number,
  id: string,
  health: number,
  lastSeen: Instant,
  heard: Ms,
  boot: number,
  sequence: number,
) => void

export interface BlobHead {
  readonly count: number
  readonly lease: Ms
  readonly wall: Instant
}

/** null: it is damaged, or of a format that is not ours. Nothing of it is to be used then. */
export function blobHead(body: Uint8Array): BlobHead | null {
  if (body.length < headerSize || body[0] !== format) return null
  const bytes = bufferOf(body)
  if (crc32(bytes.subarray(5)) !== bytes.readUInt32LE(1)) return null
  return { count: bytes.readUInt32LE(5), lease: bytes.readDoubleLE(9), wall: bytes.readDoubleLE(17) }
}

/** Of a blob that has a head. False: what follows the head makes no sense; what was read until then was handed out. */
export function decodeBlob(body: Uint8Array, { count, lease, wall }: BlobHead, each: Each): boolean {
  const bytes = bufferOf(body)
  const end = bytes.length
  let at = headerSize

  function varint(): number {
    let number = 0
    for (let scale = 1; at < end; scale *= 128) {
      const byte = bytes[at++]!
      number += (byte & 127) * scale
      if (byte < 128) return number
    }
    return number
  }

  for (let i = 0; i < count; i += 1) {
    if (at >= end) return false
    const flags = bytes[at++]!
    const length = varint()
    const from = at
    at += (flags & wide) === 0 ? length : 2 * length
    if (at > end) return false
    const id = (flags & wide) === 0 ? bytes.toString('latin1', from, at) : bytes.toString('utf16le', from, at)
    let lastSeen = 0
    if ((flags & neverSeen) === 0) {
      const zigzag = varint()
      lastSeen = wall - (zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2)
    }
    const heard = lease + tickLength - varint()
    let boot = 0
    let sequence = 0
    if ((flags & hasBoot) !== 0) {
      if (at + 8 > end) return false
      boot = bytes.readDoubleLE(at)
      at += 8
      sequence = varint()
    }
    each(flags & typeMask, id, (flags >> healthShift) & 3, lastSeen, heard, boot, sequence)
  }
  return at === end
}

function bufferOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
