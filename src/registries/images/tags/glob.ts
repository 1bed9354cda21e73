/**
 * One glob, read into its alternatives: `*`, `?`, `[a-z]`, `[!a-z]` or `[^a-z]`, `\x`, and `{a,b}` that is not in
 * another one. What other globs make of parentheses, `**` and ranges in braces is not read here.
 */

/** What one character of a tag may be, or any number of any characters. */
export type Piece =
  | { readonly is: 'star' }
  | { readonly is: 'any' }
  | { readonly is: 'one'; readonly char: string }
  | { readonly is: 'set'; readonly except: boolean; readonly ranges: readonly (readonly [from: string, to: string])[] }

/** A glob without braces. Several stars in a row are one. */
export interface Alternative {
  readonly pieces: readonly Piece[]
  /** The one text that it matches; null: it has wildcards. */
  readonly fixed: string | null
  /** What every match begins and ends with; where it is fixed, all of it and nothing. */
  readonly head: string
  readonly tail: string
  /** All that it says by letter, wildcards as `*`. */
  readonly literal: string
}

/** What is wrong, and the next step. */
export interface Fault {
  readonly fault: string
}

export const mostAlternatives = 64

/** All alternatives of a glob; more than `mostAlternatives` are not written out. */
export function readGlob(text: string): readonly Alternative[] | Fault {
  const parts = readParts(text)
  if ('fault' in parts) return parts
  let written: readonly (readonly Piece[])[] = [[]]
  for (const choices of parts.parts) {
    if (written.length * choices.length > mostAlternatives) return tooMany
    written = written.flatMap((before) => choices.map((choice) => [...before, ...choice]))
  }
  return written.map(toAlternative)
}

export const tooMany: Fault = {
  fault: `has more than ${mostAlternatives} alternatives\nwrite what they have in common with * or [a-z]`,
}

function toAlternative(all: readonly Piece[]): Alternative {
  const pieces = all.filter(({ is }, at) => is !== 'star' || all[at - 1]?.is !== 'star')
  const texts = pieces.map((piece) => (piece.is === 'one' ? piece.char : null))
  const first = texts.indexOf(null)
  const literal = texts.map((char) => char ?? '*').join('')
  if (first === -1) return { pieces, fixed: literal, head: literal, tail: '', literal }
  const last = texts.lastIndexOf(null)
  return { pieces, fixed: null, head: literal.slice(0, first), tail: literal.slice(last + 1), literal }
}

/** A place in the text, and the pieces that may stand there: one list for what is outside of braces. */
type Choices = readonly (readonly Piece[])[]

function readParts(text: string): { readonly parts: readonly Choices[] } | Fault {
  const parts: Choices[] = []
  let choices: Piece[][] | null = null
  for (let at = 0; at < text.length;) {
    const char = text[at]!
    if (char === '{') {
      if (choices !== null) return { fault: 'has braces in braces\nwrite them out: {a,b-c,b-d} for {a,b-{c,d}}' }
      choices = [[]]
      at += 1
    } else if (char === '}') {
      if (choices === null) return { fault: 'has a } without a { before it\nadd the {, or write \\}' }
      parts.push(choices)
      choices = null
      at += 1
    } else if (char === ',' && choices !== null) {
      choices.push([])
      at += 1
    } else {
      const read = readPiece(text, at)
      if ('fault' in read) return read
      if (choices === null) parts.push([[read.piece]])
      else choices.at(-1)!.push(read.piece)
      at = read.next
    }
  }
  return choices === null ? { parts } : { fault: 'has a { that is not closed\nadd the }, or write \\{' }
}

function readPiece(text: string, at: number): { readonly piece: Piece; readonly next: number } | Fault {
  const char = text[at]!
  if (char === '*') return { piece: { is: 'star' }, next: at + 1 }
  if (char === '?') return { piece: { is: 'any' }, next: at + 1 }
  if (char === '[') return readSet(text, at)
  if (char === ']') return { fault: 'has a ] without a [ before it\nadd the [, or write \\]' }
  if (char !== '\\') return { piece: { is: 'one', char }, next: at + 1 }
  if (at + 1 === text.length) return { fault: 'ends with a \\ that escapes nothing\nremove it' }
  return { piece: { is: 'one', char: text[at + 1]! }, next: at + 2 }
}

/** `[a-z_]`. A `-` that is first or last stands for itself. */
function readSet(text: string, open: number): { readonly piece: Piece; readonly next: number } | Fault {
  const except = text[open + 1] === '!' || text[open + 1] === '^'
  const members: { readonly char: string; readonly escaped: boolean }[] = []
  let at = open + (except ? 2 : 1)
  for (; at < text.length && text[at] !== ']'; at += 1) {
    const escaped = text[at] === '\\'
    if (escaped) at += 1
    if (at < text.length) members.push({ char: text[at]!, escaped })
  }
  if (at >= text.length) return { fault: 'has a [ that is not closed\nadd the ], or write \\[' }
  if (members.length === 0) return { fault: 'has an empty []\nname the characters, or write \\[\\]' }
  const ranges: [string, string][] = []
  for (let n = 0; n < members.length; n += 1) {
    const { char: from } = members[n]!
    const between = members[n + 1]
    const to = members[n + 2]
    if (between?.char !== '-' || between.escaped || to === undefined) ranges.push([from, from])
    else if (from > to.char) return { fault: `has a range that ends before it begins\nwrite [${to.char}-${from}]` }
    else {
      ranges.push([from, to.char])
      n += 2
    }
  }
  return { piece: { is: 'set', except, ranges }, next: at + 1 }
}
