/**
 * A blob of the liveness log: what was known of some services at one time. About 22 bytes each.
 *
 *   0   format, 1
 *   1   CRC-32 of all that follows
 *   5   how many services
 *   9   lease clock, and at 17 wall clock, of the writer then; both float64
 *   25  for each, in the order of the roster: flags; how many slots after the one before; id, as the roster writes it;
 *       how long before the wall clock it was last seen (zigzag: it may be ahead by the skew); how long before the next
 *       tick of the lease clock it was heard of; hash of its boot (float64) and last sequence, where it says them
 *
 * Numbers are little-endian, those without a size varints (LEB128). Slots mean nothing to another process; yet its
 * roster has nearly the same order, and a guess is a third of a look-up.
 */
import { crc32 } from 'node:zlib'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import { tickLength } from './lease-clock.ts'

const format = 1
const headerSize = 25
/** The longest id that a roster holds, and all beside it. */
const mostPerService = 0x1_0000 + 64

const typeMask = 3
const healthShift = 2
const hasBoot = 16
const neverSeen = 32
const wideBit = 0x8000

/** In the place of `healthy`: it did not say; it is; it is not. */
export const healthUnsaid = 0
export const healthGood = 1
export const healthBad = 2

export interface Encoder {
  /** `logged`: what the log has for this time of the lease clock. */
  begin(lease: Ms, logged: Ms, wall: Instant): void
  /** As columns.ts has them; boot 0: none. Slots ascend. */
  add(slot: Slot, type: number, health: number, lastSeen: Instant, heard: Ms, boot: number, sequence: number): void
  readonly count: number
  /** A copy: the encoder goes on. */
  end(): Uint8Array
}

/** One for all blobs: its buffer is kept. */
export function createEncoder(roster: Pick<Roster, 'writeId'>): Encoder {
  let bytes = Buffer.alloc(2 * mostPerService)
  let at = 0
  let count = 0
  let lease: Ms = 0
  let logged: Ms = 0
  let wall: Instant = 0
  let before: Slot = 0

  function grow(): void {
    const more = Buffer.alloc(2 * bytes.length)
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

  return {
    begin(leaseNow, loggedNow, wallNow) {
      at = headerSize
      count = 0
      lease = leaseNow
      logged = loggedNow
      wall = wallNow
      before = 0
    },
    add(slot, type, health, lastSeen, heard, boot, sequence) {
      if (at + mostPerService > bytes.length) grow()
      bytes[at++] = type | (health << healthShift) | (boot === 0 ? 0 : hasBoot) | (lastSeen === 0 ? neverSeen : 0)
      varint(slot - before)
      before = slot
      at = roster.writeId(slot, bytes, at)
      if (lastSeen !== 0) {
        const ago = Math.round(wall - lastSeen)
        varint(ago < 0 ? -2 * ago - 1 : 2 * ago)
      }
      varint(Math.max(0, Math.round(lease + tickLength - heard)))
      if (boot !== 0) {
        at = bytes.writeDoubleLE(boot, at)
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
      bytes.writeDoubleLE(logged, 9)
      bytes.writeDoubleLE(wall, 17)
      bytes.writeUInt32LE(crc32(bytes.subarray(5, at)), 1)
      return new Uint8Array(bytes.subarray(0, at))
    },
  }
}

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

/** Whose id stands there; `step`: so many slots after the one before. noSlot: nobody's. */
export type Locate = (type: number, step: number, bytes: Buffer, idAt: number) => Slot

/** What a blob says of one service; `heard` by the lease clock of its writer. */
export type Each = (slot: Slot, health: number, lastSeen: Instant, heard: Ms, boot: number, sequence: number) => void

/** Of a blob that has a head. False: what follows the head makes no sense; what was read until then was handed out. */
export function decodeBlob(body: Uint8Array, { count, lease, wall }: BlobHead, locate: Locate, each: Each): boolean {
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
    const flags = bytes[at++]!
    const step = varint()
    const idAt = at
    at += idLength(bytes, idAt)
    // The longest of what follows an id is less than an id: one look at the end is enough.
    if (at > end) return false
    const slot = locate(flags & typeMask, step, bytes, idAt)
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
    if (slot >= 0) each(slot, (flags >> healthShift) & 3, lastSeen, heard, boot, sequence)
  }
  return at === end
}

/** Of an id as the roster writes it. */
export function idText(bytes: Buffer, at: number): string {
  const wide = (bytes[at + 1]! & 0x80) !== 0
  return bytes.toString(wide ? 'utf16le' : 'latin1', at + 2, at + idLength(bytes, at))
}

function idLength(bytes: Buffer, at: number): number {
  const length = bytes[at]! | (bytes[at + 1]! << 8)
  return 2 + ((length & wideBit) === 0 ? length : 2 * (length & ~wideBit))
}

function bufferOf(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
