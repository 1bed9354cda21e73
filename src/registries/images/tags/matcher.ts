/**
 * Matches many globs at once in one walk over the tag, each character read once (and the last one before): the Shift-And automaton of Baeza-Yates
 * and Gonnet, with a loop where there is a star. A bit for each place in a glob says whether the text so far can have
 * brought us there. There is nothing to go back to, so no pattern can make it slow: a character costs one step for each
 * 32 places, at most `words`.
 */
import type { Alternative, Piece } from './glob.ts'

export interface Matcher {
  /** Index of the first alternative that matches all of the text; -1: none. */
  match(text: Readable): number
  /** Steps for each character of a text. */
  readonly words: number
}

/** What is read of a text, so that tests can count how often. */
export type Readable = Pick<string, 'length' | 'charCodeAt'>

/** The alphabet of tags, and one more for all that is beyond it. */
const beyond = 128

export function createMatcher(alternatives: readonly Alternative[], foldsCase: boolean): Matcher {
  const places = alternatives.reduce((sum, { pieces }) => sum + lengthOf(pieces) + 1, 0)
  const words = Math.ceil(places / 32)
  const bits = () => new Int32Array(words)
  const begin = bits()
  const loops = bits()
  const ends = new Map<number, number>()
  const steps = Array.from({ length: beyond + 1 }, bits)
  let place = 0
  for (const [index, { pieces }] of alternatives.entries()) {
    set(begin, place)
    for (const piece of pieces) {
      if (piece.is === 'star') {
        set(loops, place)
        continue
      }
      place += 1
      for (let code = 0; code <= beyond; code += 1) if (admits(piece, code, foldsCase)) set(steps[code]!, place)
    }
    ends.set(place, index)
    place += 1
  }
  // What a text may end with: most that do not match are told apart by that.
  const endings = steps.map((step) => [...ends.keys()].some((end) => has(loops, end) || has(step, end)))
  const run = words === 1 ? runOne(begin[0]!, loops[0]!, steps) : runMany(begin, loops, steps)
  return {
    words,
    match(text) {
      if (text.length > 0 && !endings[Math.min(text.charCodeAt(text.length - 1), beyond)]) return -1
      const reached = run(text)
      if (reached === null) return -1
      for (const [end, index] of ends) if (has(reached, end)) return index
      return -1
    },
  }
}

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.filter(({ is }) => is !== 'star').length
}

function set(bits: Int32Array, at: number): void {
  bits[at >>> 5]! |= 1 << (at & 31)
}

function has(bits: Int32Array, at: number): boolean {
  return (bits[at >>> 5]! & (1 << (at & 31))) !== 0
}

type Run = (text: Readable) => Int32Array | null

/** All places in one word: most patterns. */
function runOne(begin: number, loops: number, steps: readonly Int32Array[]): Run {
  const table = Int32Array.from(steps, (step) => step[0]!)
  const reached = new Int32Array(1)
  return (text) => {
    let places = begin
    for (let at = 0; at < text.length; at += 1) {
      places = ((places << 1) & table[Math.min(text.charCodeAt(at), beyond)]!) | (places & loops)
      if (places === 0) return null
    }
    reached[0] = places
    return reached
  }
}

function runMany(begin: Int32Array, loops: Int32Array, steps: readonly Int32Array[]): Run {
  const places = new Int32Array(begin.length)
  return (text) => {
    places.set(begin)
    for (let at = 0; at < text.length; at += 1) {
      const step = steps[Math.min(text.charCodeAt(at), beyond)]!
      let carry = 0
      let any = 0
      for (let word = 0; word < places.length; word += 1) {
        const before = places[word]!
        const after = (((before << 1) | carry) & step[word]!) | (before & loops[word]!)
        carry = before >>> 31
        places[word] = after
        any |= after
      }
      if (any === 0) return null
    }
    return places
  }
}

function admits(piece: Exclude<Piece, { is: 'star' }>, code: number, foldsCase: boolean): boolean {
  if (piece.is === 'any') return true
  if (code === beyond) return piece.is === 'set' && piece.except
  const char = String.fromCharCode(code)
  const forms = foldsCase ? [char, char.toLowerCase(), char.toUpperCase()] : [char]
  if (piece.is === 'one') return forms.includes(piece.char)
  const listed = piece.ranges.some(([from, to]) => forms.some((form) => from <= form && form <= to))
  return listed !== piece.except
}
