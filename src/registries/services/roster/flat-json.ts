/**
 * Entries of an object of texts, from its JSON. What JSON.parse would make of it costs twice as much, and a load reads a
 * million of them.
 */
const quote = 34
const backslash = 92

/**
 * False, and some entries may have been taken, where it is not of the plain form `{"a":"b","c":"d"}`. `usual` are the
 * keys of the object before, and then of this one: they are nearly always the same, and the text that is there already
 * has its hash.
 */
export function takeFlat(json: string, usual: string[], take: (key: string, value: string) => void): boolean {
  if (json === '{}') return true
  let at = 1
  for (let n = 0; ; n++) {
    const key = keyAt(json, at, usual[n])
    if (key === null) return false
    usual[n] = key
    const begin = at + key.length + 2
    const value = json.charCodeAt(begin) === 58 ? textEnd(json, begin + 1) : -1
    if (value < 0) return false
    take(key, json.slice(begin + 2, value))
    if (value === json.length - 2) return json.charCodeAt(value + 1) === 125 && json.charCodeAt(0) === 123
    if (json.charCodeAt(value + 1) !== 44) return false
    at = value + 2
  }
}

function keyAt(json: string, at: number, usual: string | undefined): string | null {
  if (usual !== undefined && json.charCodeAt(at) === quote && json.startsWith(usual, at + 1)) {
    if (json.charCodeAt(at + 1 + usual.length) === quote) return usual
  }
  const end = textEnd(json, at)
  return end < 0 ? null : json.slice(at + 1, end)
}

/** Place of the closing quote of a text that begins here and needs no decoding; -1: there is none. */
function textEnd(json: string, at: number): number {
  if (json.charCodeAt(at) !== quote) return -1
  for (let i = at + 1; i < json.length; i++) {
    const unit = json.charCodeAt(i)
    if (unit === quote) return i
    if (unit === backslash) return -1
  }
  return -1
}
