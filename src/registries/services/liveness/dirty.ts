/**
 * Which slots were heard of since they were last written: a bit each, so that a heartbeat touches one of 125 KB in a
 * million services, and they are written in their order.
 */
import type { Slot } from '../roster/roster.ts'

export interface Dirty {
  mark(slot: Slot): void
  readonly count: number
  /** Those marked, which then are no longer; null: none. */
  take(): Taken | null
}

export interface Taken {
  /** The next of them from here on; −1: no more. */
  next(from: Slot): Slot
  /** These, from here on, could not be written: they are marked again. */
  giveBack(from: Slot): void
}

export function createDirty(): Dirty {
  let bits = new Uint32Array(1_024)
  let spare = new Uint32Array(1_024)
  let count = 0

  function mark(slot: Slot): void {
    const word = slot >>> 5
    if (word >= bits.length) bits = grown(bits, word)
    const bit = 1 << (slot & 31)
    if ((bits[word]! & bit) !== 0) return
    bits[word]! |= bit
    count += 1
  }

  function take(): Taken | null {
    if (count === 0) return null
    const taken = bits
    if (spare.length < taken.length) spare = new Uint32Array(taken.length)
    else spare.fill(0)
    bits = spare
    spare = taken
    count = 0
    const next = (from: Slot): Slot => nextOf(taken, from)
    return {
      next,
      giveBack(from) {
        for (let slot = next(from); slot !== -1; slot = next(slot + 1)) mark(slot)
      },
    }
  }

  return {
    mark,
    take,
    get count() {
      return count
    },
  }
}

function nextOf(bits: Uint32Array, from: Slot): Slot {
  let word = from >>> 5
  if (word >= bits.length) return -1
  let rest = (bits[word]! >>> (from & 31)) << (from & 31)
  while (rest === 0) {
    word += 1
    if (word >= bits.length) return -1
    rest = bits[word]!
  }
  return word * 32 + 31 - Math.clz32(rest & -rest)
}

function grown(old: Uint32Array<ArrayBuffer>, word: number): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(Math.max(2 * old.length, word + 1))
  more.set(old)
  return more
}
