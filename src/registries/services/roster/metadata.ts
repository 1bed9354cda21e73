/**
 * What search needs of the metadata of each slot: keys by number, and the beginnings of values as bytes, in one arena
 * of blocks in the order of the slots. A list of entries is walked by their lengths: where nothing fits, a million
 * services of three entries each take 20 ms, while looking for bytes in their whole text took 30 to 300 (2026-11-21).
 *
 * A record: slot (4 bytes), length of what follows (2), then of each entry its key (3), length of its value (2), value.
 */
import type { Json } from '../../../kernel/json.ts'
import { takeFlat } from './flat-json.ts'
import type { Slot } from './roster.ts'
import { createWords } from './words.ts'

export interface MetadataIndex {
  set(slot: Slot, metadata: Json): void
  /** The same from the text of it: a load reads a million of them. */
  setText(slot: Slot, json: string): void
  clear(slot: Slot): void
  /** Whether a value begins with this, or the value of one key does: `site=ber`. */
  searcher(q: string): (slot: Slot) => boolean
  /** Its value of this key, cut at 1,024 bytes; null: it has none. */
  valueOf(slot: Slot, key: string): string | null
  /** Memory that is used. */
  bytes(): number
}

/** A key by its number, and how its value begins. */
interface Wanted {
  readonly key: number
  readonly value: Buffer
}

/** Bytes of a value that are kept; what is asked for is shorter. */
const longestValue = 1_024
/** Bytes of all entries of a service: what comes after is not found. */
const longestRecord = 0xffff
const header = 6
const entryHeader = 5
const mostKeys = 0xffffff

export function createMetadataIndex(blockBits = 20): MetadataIndex {
  const blockSize = 1 << blockBits
  const keys = createWords()
  /** null: free. */
  const blocks: (Buffer | null)[] = []
  /** Bytes of records that still count, by block. */
  const live: number[] = []
  let current = -1
  let used = blockSize
  /** Place + 1; 0: none. */
  let at = new Uint32Array(1_024)
  const draft = Buffer.alloc(longestRecord)
  let drafted = 0
  const usualKeys: string[] = []

  function set(slot: Slot, metadata: Json): void {
    drafted = 0
    writeAll(metadata)
    keep(slot)
  }

  function setText(slot: Slot, json: string): void {
    drafted = 0
    if (!takeFlat(json, usualKeys, write)) {
      drafted = 0
      writeAll(JSON.parse(json) as Json)
    }
    keep(slot)
  }

  /** The draft is what there is of this slot; nearly always it is what there was. */
  function keep(slot: Slot): void {
    const old = at[slot] ?? 0
    if (old !== 0) {
      const block = blocks[(old - 1) >>> blockBits]!
      const from = (old - 1) & (blockSize - 1)
      if (block.readUInt16LE(from + 4) === drafted) {
        draft.copy(block, from + header, 0, drafted)
        return
      }
    }
    clear(slot)
    if (drafted > 0) place(slot, draft, 0, drafted)
  }

  function writeAll(metadata: Json): void {
    if (metadata === null || typeof metadata !== 'object') return
    for (const [key, value] of Object.entries(metadata)) if (typeof value === 'string') write(key, value)
  }

  /** Puts an entry behind those of the draft. */
  function write(key: string, value: string): void {
    const from = drafted + entryHeader
    const room = Math.min(longestValue, longestRecord - from)
    if (room < 0) return
    let length = 0
    for (; length < value.length && length < room; length++) {
      const unit = value.charCodeAt(length)
      if (unit > 0x7f) break
      draft[from + length] = unit
    }
    if (length < value.length && length < room) length = draft.write(value, from, room, 'utf8')
    const number = keys.numberOf(key)
    draft.writeUIntLE(number > mostKeys ? 0 : number, drafted, 3)
    draft.writeUInt16LE(length, drafted + 3)
    drafted = from + length
  }

  function place(slot: Slot, from: Buffer, begin: number, length: number): void {
    if (used + header + length > blockSize) openBlock()
    const block = blocks[current]!
    block.writeUInt32LE(slot, used)
    block.writeUInt16LE(length, used + 4)
    from.copy(block, used + header, begin, begin + length)
    if (slot >= at.length) at = grown(at, slot)
    at[slot] = current * blockSize + used + 1
    live[current]! += header + length
    used += header + length
  }

  function openBlock(): void {
    const free = blocks.indexOf(null)
    current = free < 0 ? blocks.length : free
    blocks[current] = Buffer.alloc(blockSize)
    live[current] = 0
    used = 0
  }

  function clear(slot: Slot): void {
    const place = at[slot] ?? 0
    if (place === 0) return
    at[slot] = 0
    const number = (place - 1) >>> blockBits
    const from = (place - 1) & (blockSize - 1)
    live[number]! -= header + blocks[number]!.readUInt16LE(from + 4)
    if (number !== current && live[number]! < blockSize / 4) vacate(number)
  }

  /** Moves what still counts out of a block of which most does not: one at a time, a third of a millisecond. */
  function vacate(number: number): void {
    const block = blocks[number]!
    let left = live[number]!
    for (let from = 0; left > 0;) {
      const slot = block.readUInt32LE(from)
      const length = block.readUInt16LE(from + 4)
      if (at[slot] === number * blockSize + from + 1) {
        place(slot, block, from + header, length)
        left -= header + length
      }
      from += header + length
    }
    blocks[number] = null
    live[number] = 0
  }

  function searcher(q: string): (slot: Slot) => boolean {
    const any = Buffer.from(q)
    const ofKey: Wanted[] = []
    for (let i = q.indexOf('='); i >= 0; i = q.indexOf('=', i + 1)) {
      const key = keys.find(q.slice(0, i))
      if (key !== 0 && key <= mostKeys) ofKey.push({ key, value: Buffer.from(q.slice(i + 1)) })
    }
    return (slot) => {
      const place = at[slot] ?? 0
      return place !== 0 && holds(blocks[(place - 1) >>> blockBits]!, (place - 1) & (blockSize - 1), any, ofKey)
    }
  }

  function valueOf(slot: Slot, key: string): string | null {
    const place = at[slot] ?? 0
    const number = keys.find(key)
    if (place === 0 || number === 0 || number > mostKeys) return null
    const block = blocks[(place - 1) >>> blockBits]!
    const record = (place - 1) & (blockSize - 1)
    const end = record + header + block.readUInt16LE(record + 4)
    for (let from = record + header; from < end;) {
      const begin = from + entryHeader
      const after = begin + block.readUInt16LE(from + 3)
      if (block.readUIntLE(from, 3) === number) return block.toString('utf8', begin, after)
      from = after
    }
    return null
  }

  return {
    set,
    setText,
    clear,
    searcher,
    valueOf,
    bytes: () => 4 * at.length + blocks.reduce((sum, block) => sum + (block?.length ?? 0), 0),
  }
}

/** Whether any value of this record begins so, or that of a key does. */
function holds(block: Buffer, record: number, any: Buffer, ofKey: readonly Wanted[]): boolean {
  let from = record + header
  const end = from + (block[record + 4]! | (block[record + 5]! << 8))
  while (from < end) {
    const begin = from + entryHeader
    const after = begin + (block[from + 3]! | (block[from + 4]! << 8))
    if (begins(block, begin, after, any)) return true
    for (let n = 0; n < ofKey.length; n++) {
      const { key, value } = ofKey[n]!
      const its = block[from]! | (block[from + 1]! << 8) | (block[from + 2]! << 16)
      if (its === key && begins(block, begin, after, value)) return true
    }
    from = after
  }
  return false
}

function begins(block: Buffer, begin: number, end: number, prefix: Buffer): boolean {
  const { length } = prefix
  if (end - begin < length) return false
  for (let i = 0; i < length; i++) if (block[begin + i] !== prefix[i]) return false
  return true
}

function grown(array: Uint32Array<ArrayBuffer>, slot: Slot): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(Math.max(2 * array.length, slot + 1))
  more.set(array)
  return more
}
