/**
 * Ids of all slots, as bytes in one arena of blocks, and the index that finds them: no string and no object per
 * service. An id whose characters all fit into a byte takes one byte each, any other two (UTF-16).
 *
 * The index is open addressing with linear probing over pairs of (place in the arena + 1, hash), and the slot stands
 * before the id: finding one of a million is two cache misses, and was a third slower by way of a column of places. A
 * probe touches the arena only where the whole hash fits, growing touches nothing but the index, and removing shifts
 * back in place of leaving tombstones.
 */
import { noSlot } from './roster.ts'
import type { Slot } from './roster.ts'

/** 32 bits of a type's index and an id; signed. */
export type IdHash = (type: number, id: string) => number

export interface Ids {
  find(type: number, id: string): Slot
  /** In two steps, for many at once: see find-all.ts. */
  hash: IdHash
  findHashed(hashed: number, type: number, id: string): Slot
  /** Brings near what `findHashed` will read; `scratch` holds as many. */
  bringHashed(hashes: Int32Array, count: number, scratch: Int32Array): void
  /** Brings near what `is` will read. noSlot is left out. */
  bring(slots: Int32Array, count: number): void
  /** Slots come in order, each once. */
  add(slot: Slot, type: number, id: string): void
  /** It is found no more. */
  remove(slot: Slot): void
  /** These two also of those removed. */
  typeOf(slot: Slot): number
  textOf(slot: Slot): string
  is(slot: Slot, id: string): boolean
  startsWith(slot: Slot, prefix: string): boolean
  /** See roster.ts. */
  writeTo(slot: Slot, into: Uint8Array, at: number): number
  isIn(slot: Slot, bytes: Uint8Array, at: number): boolean
  /** By UTF-16 units, as strings compare. */
  compare(a: Slot, b: Slot): number
  compareTo(slot: Slot, id: string): number
  /** Memory that is used. */
  bytes(): number
}

const blockBits = 20
const blockSize = 1 << blockBits
/** Before each id: its slot (4 bytes), its length (15 bits, the highest bit says two bytes each) and its type. */
const header = 7
const wideBit = 0x8000
const longest = 0x7fff

export function createIds(hash: IdHash = hashOf): Ids {
  const blocks: Buffer[] = []
  let used = 0
  let at = new Uint32Array(1_024)
  let capacity = 2_048
  let mask = capacity - 1
  let table = new Int32Array(2 * capacity)
  let size = 0
  /** What was read only to bring it near has to end somewhere, or the compiler leaves it out. */
  const brought = new Float64Array(1)

  function find(type: number, id: string): Slot {
    return findHashed(hash(type, id), type, id)
  }

  function findHashed(wanted: number, type: number, id: string): Slot {
    for (let i = wanted & mask; ; i = (i + 1) & mask) {
      const place = table[2 * i]! - 1
      if (place < 0) return noSlot
      if (table[2 * i + 1] !== wanted) continue
      const block = blocks[place >>> blockBits]!
      const from = place & (blockSize - 1)
      if (block[from + 6] !== type || !holds(block, from, id)) continue
      return block[from]! | (block[from + 1]! << 8) | (block[from + 2]! << 16) | (block[from + 3]! << 24)
    }
  }

  function bringHashed(hashes: Int32Array, count: number, scratch: Int32Array): void {
    let sum = 0
    for (let n = 0; n < count; n++) scratch[n] = table[2 * (hashes[n]! & mask)]! - 1
    for (let n = 0; n < count; n++) sum += byteAt(scratch[n]!)
    brought[0] = sum
  }

  function bring(slots: Int32Array, count: number): void {
    let sum = 0
    for (let n = 0; n < count; n++) if (slots[n] !== noSlot) sum += at[slots[n]!]!
    for (let n = 0; n < count; n++) if (slots[n] !== noSlot) sum += byteAt(at[slots[n]!]!)
    brought[0] = sum
  }

  function byteAt(place: number): number {
    return place < 0 ? 0 : blocks[place >>> blockBits]![(place & (blockSize - 1)) + header]!
  }

  function typeOf(slot: Slot): number {
    const place = at[slot]!
    return blocks[place >>> blockBits]![(place & (blockSize - 1)) + 6]!
  }

  function is(slot: Slot, id: string): boolean {
    const place = at[slot]!
    return holds(blocks[place >>> blockBits]!, place & (blockSize - 1), id)
  }

  function holds(block: Buffer, from: number, id: string): boolean {
    const length = lengthAt(block, from)
    if (length === id.length) {
      for (let i = 0; i < length; i++) if (block[from + header + i] !== id.charCodeAt(i)) return false
      return true
    }
    return length === (id.length | wideBit) && begins(block, from + header, id)
  }

  /** Of an id of two bytes each. */
  function begins(block: Buffer, from: number, prefix: string): boolean {
    for (let i = 0; i < prefix.length; i++) {
      const unit = block[from + 2 * i]! | (block[from + 2 * i + 1]! << 8)
      if (unit !== prefix.charCodeAt(i)) return false
    }
    return true
  }

  function startsWith(slot: Slot, prefix: string): boolean {
    const place = at[slot]!
    const block = blocks[place >>> blockBits]!
    const from = place & (blockSize - 1)
    const length = lengthAt(block, from)
    if ((length & longest) < prefix.length) return false
    if ((length & wideBit) !== 0) return begins(block, from + header, prefix)
    for (let i = 0; i < prefix.length; i++) if (block[from + header + i] !== prefix.charCodeAt(i)) return false
    return true
  }

  function writeTo(slot: Slot, into: Uint8Array, to: number): number {
    const place = at[slot]!
    const block = blocks[place >>> blockBits]!
    const from = place & (blockSize - 1)
    const end = from + header + bytesAt(block, from)
    into[to] = block[from + 4]!
    into[to + 1] = block[from + 5]!
    let next = to + 2
    for (let i = from + header; i < end; i++) into[next++] = block[i]!
    return next
  }

  function isIn(slot: Slot, bytes: Uint8Array, start: number): boolean {
    const place = at[slot]!
    const block = blocks[place >>> blockBits]!
    const from = place & (blockSize - 1)
    if (bytes[start] !== block[from + 4] || bytes[start + 1] !== block[from + 5]) return false
    const end = from + header + bytesAt(block, from)
    for (let i = from + header, j = start + 2; i < end; i++, j++) if (bytes[j] !== block[i]) return false
    return true
  }

  function add(slot: Slot, type: number, id: string): void {
    if (id.length > longest) throw new RangeError(`an id of ${id.length} characters`)
    const wide = isWide(id)
    const length = wide ? 2 * id.length : id.length
    if ((used & (blockSize - 1)) + header + length > blockSize || used === blocks.length * blockSize) {
      used = blocks.length * blockSize
      blocks.push(Buffer.alloc(blockSize))
    }
    const block = blocks[used >>> blockBits]!
    const from = used & (blockSize - 1)
    block.writeUInt32LE(slot, from)
    block.writeUInt16LE(wide ? id.length | wideBit : id.length, from + 4)
    block[from + 6] = type
    if (wide) block.write(id, from + header, 'utf16le')
    else for (let i = 0; i < length; i++) block[from + header + i] = id.charCodeAt(i)
    if (slot >= at.length) at = grown(at, slot)
    at[slot] = used

    size += 1
    if (size > capacity * 0.6) double()
    put(used + 1, hash(type, id))
    used += header + length
  }

  function put(entry: number, hashed: number): void {
    let i = hashed & mask
    while (table[2 * i] !== 0) i = (i + 1) & mask
    table[2 * i] = entry
    table[2 * i + 1] = hashed
  }

  function double(): void {
    const old = table
    capacity *= 2
    mask = capacity - 1
    table = new Int32Array(2 * capacity)
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) put(old[i]!, old[i + 1]!)
  }

  function remove(slot: Slot): void {
    let hole = hash(typeOf(slot), textOf(slot)) & mask
    while (table[2 * hole] !== at[slot]! + 1) {
      if (table[2 * hole] === 0) return
      hole = (hole + 1) & mask
    }
    for (let i = (hole + 1) & mask; table[2 * i] !== 0; i = (i + 1) & mask) {
      // What lies behind the hole may fill it unless that is before its own place.
      if (((i - table[2 * i + 1]!) & mask) < ((i - hole) & mask)) continue
      table[2 * hole] = table[2 * i]!
      table[2 * hole + 1] = table[2 * i + 1]!
      hole = i
    }
    table[2 * hole] = 0
    table[2 * hole + 1] = 0
    size -= 1
  }

  function textOf(slot: Slot): string {
    const place = at[slot]!
    const block = blocks[place >>> blockBits]!
    const from = place & (blockSize - 1)
    const length = lengthAt(block, from)
    const begin = from + header
    return (length & wideBit) === 0
      ? block.toString('latin1', begin, begin + length)
      : block.toString('utf16le', begin, begin + 2 * (length & longest))
  }

  function compare(a: Slot, b: Slot): number {
    const left = at[a]!
    const right = at[b]!
    const ours = blocks[left >>> blockBits]!
    const theirs = blocks[right >>> blockBits]!
    const from = left & (blockSize - 1)
    const to = right & (blockSize - 1)
    const length = lengthAt(ours, from)
    const other = lengthAt(theirs, to)
    if (((length | other) & wideBit) !== 0) return compareTo(a, textOf(b))
    for (let i = header; i < header + length && i < header + other; i++) {
      const difference = ours[from + i]! - theirs[to + i]!
      if (difference !== 0) return difference
    }
    return length - other
  }

  function compareTo(slot: Slot, id: string): number {
    const text = textOf(slot)
    return text < id ? -1 : text > id ? 1 : 0
  }

  return {
    find,
    hash,
    findHashed,
    bringHashed,
    bring,
    add,
    remove,
    typeOf,
    textOf,
    is,
    startsWith,
    writeTo,
    isIn,
    compare,
    compareTo,
    bytes: () => used + 4 * at.length + table.byteLength,
  }
}

function lengthAt(block: Buffer, from: number): number {
  return block[from + 4]! | (block[from + 5]! << 8)
}

function bytesAt(block: Buffer, from: number): number {
  const length = lengthAt(block, from)
  return (length & wideBit) === 0 ? length : 2 * (length & longest)
}

function isWide(id: string): boolean {
  for (let i = 0; i < id.length; i++) if (id.charCodeAt(i) > 0xff) return true
  return false
}

function grown(array: Uint32Array<ArrayBuffer>, slot: Slot): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(Math.max(2 * array.length, slot + 1))
  more.set(array)
  return more
}

/** Two characters a step, each step mixed downwards: ids often differ in their last digits only. */
function hashOf(type: number, id: string): number {
  const { length } = id
  let h = (type + 1) * 0x9e3779b1 + length
  let i = 0
  for (; i + 1 < length; i += 2) {
    h = Math.imul(h ^ (id.charCodeAt(i) | (id.charCodeAt(i + 1) << 16)), 0x85ebca6b)
    h ^= h >>> 15
  }
  if (i < length) {
    h = Math.imul(h ^ id.charCodeAt(i), 0x85ebca6b)
    h ^= h >>> 15
  }
  h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f)
  return (h ^ (h >>> 16)) | 0
}
