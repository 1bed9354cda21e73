/**
 * Reads a posted status as the original does (reference: Go 1.22 encoding/json, `Decoder.Decode` into a struct of
 * three strings, observed against the original program): keys match whatever their case, the last of two counts, null
 * changes nothing, only the first value is read, and what is no UTF-8 becomes U+FFFD byte by byte.
 *
 * A scanner of its own, for JSON.parse tells neither of two equal keys nor of what follows the value; for the three
 * fields it is no slower.
 */
import { isUtf8 } from 'node:buffer'

export interface PostedFields {
  readonly cluster: string
  readonly claimRef: string
  readonly statusMessage: string
  /** Members of other names, as JSON text, the last of two: what newer informers say besides. null: none. */
  readonly others: ReadonlyMap<string, string> | null
}

/** null: no JSON, or no such struct. Absent fields are ''. */
export function decodePost(bytes: Uint8Array): PostedFields | null {
  try {
    return readStruct(textOf(bytes))
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null
    throw thrown
  }
}

/** As Go reads strings: each byte that cannot be read becomes one U+FFFD. */
function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  return !text.includes('\ufffd') || isUtf8(buffer) ? text : decodeBroken(buffer)
}

const sequence =
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g

function decodeBroken(buffer: Buffer): string {
  return buffer.toString('latin1').replace(sequence, (one) => {
    if (one.length === 1) return one < '\x80' ? one : '\ufffd'
    return Buffer.from(one, 'latin1').toString('utf8')
  })
}

const quote = 0x22
const backslash = 0x5c

/** Go gives up on what is nested deeper. */
const deepest = 10_000

const literal = /null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

function readStruct(text: string): PostedFields {
  const scanner = createScanner(text)
  scanner.space()
  // What follows it is not looked at, be it more of a word.
  if (text.startsWith('null', scanner.at())) return { cluster: '', claimRef: '', statusMessage: '', others: null }
  scanner.expect('{')
  let cluster = ''
  let claimRef = ''
  let statusMessage = ''
  let others: Map<string, string> | null = null
  let fits = true
  scanner.space()
  if (scanner.takes('}')) return { cluster, claimRef, statusMessage, others }
  for (;;) {
    scanner.space()
    const name = scanner.string()
    scanner.space()
    scanner.expect(':')
    scanner.space()
    const field = fieldOf(name)
    if (field === null) {
      const from = scanner.at()
      scanner.skip()
      ;(others ??= new Map()).set(name, text.slice(from, scanner.at()))
    } else if (text.charCodeAt(scanner.at()) === quote) {
      const value = scanner.string()
      if (field === 'cluster') cluster = value
      else if (field === 'claimRef') claimRef = value
      else statusMessage = value
    } else {
      const from = scanner.at()
      scanner.skip()
      // The rest is read all the same: it may not even be JSON, which is answered alike.
      if (!text.startsWith('null', from)) fits = false
    }
    scanner.space()
    if (scanner.takes('}')) break
    scanner.expect(',')
  }
  if (!fits) throw new SyntaxError('a field is no string')
  return { cluster, claimRef, statusMessage, others }
}

const fields = ['cluster', 'claimRef', 'statusMessage'] as const
const folded = new Map(fields.map((name) => [name.toLowerCase(), name]))

/** Unicode folds two more letters onto those of ASCII. */
function fieldOf(name: string): (typeof fields)[number] | null {
  if (name === 'cluster' || name === 'claimRef' || name === 'statusMessage') return name
  return folded.get(name.replaceAll('\u017f', 's').replaceAll('\u212a', 'k').toLowerCase()) ?? null
}

interface Scanner {
  at(): number
  space(): void
  takes(char: string): boolean
  /** Throws SyntaxError, as the others do. */
  expect(char: string): void
  string(): string
  /** Over a value of any kind. */
  skip(): void
}

function createScanner(text: string): Scanner {
  let at = 0

  function fail(): never {
    throw new SyntaxError(`unexpected at ${at}`)
  }

  /** Where the string that begins at `from` ends: the place of its closing quote. */
  function endOfString(from: number): number {
    let end = text.indexOf('"', from + 1)
    for (; end !== -1; end = text.indexOf('"', end + 1)) {
      let before = end - 1
      while (text.charCodeAt(before) === backslash) before -= 1
      if ((end - before) % 2 === 1) return end
    }
    return fail()
  }

  function takes(char: string): boolean {
    if (text[at] !== char) return false
    at += 1
    return true
  }

  function endOfNested(): number {
    let depth = 0
    for (let place = at; place < text.length; place += 1) {
      const char = text[place]
      if (char === '"') place = endOfString(place)
      else if (char === '{' || char === '[') depth += 1
      else if (char === '}' || char === ']') depth -= 1
      // The struct itself is one level.
      if (depth >= deepest) return fail()
      if (depth === 0) return place + 1
    }
    return fail()
  }

  function string(): string {
    if (text.charCodeAt(at) !== quote) return fail()
    const end = endOfString(at)
    const raw = text.slice(at + 1, end)
    at = end + 1
    // Escapes, and what may not stand unescaped, are for JSON.parse to judge.
    // oxlint-disable-next-line no-control-regex -- JSON forbids exactly these
    if (!/[\\\u0000-\u001f]/.test(raw)) return raw
    return (JSON.parse(`"${raw}"`) as string).toWellFormed()
  }

  return {
    at: () => at,
    space() {
      for (;;) {
        const code = text.charCodeAt(at)
        if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
        at += 1
      }
    },
    takes,
    expect(char) {
      if (!takes(char)) fail()
    },
    string,
    skip() {
      const char = text[at]
      if (char === '"') {
        string()
      } else if (char === '{' || char === '[') {
        const end = endOfNested()
        JSON.parse(text.slice(at, end))
        at = end
      } else {
        literal.lastIndex = at
        if (!literal.test(text)) fail()
        at = literal.lastIndex
      }
    },
  }
}
