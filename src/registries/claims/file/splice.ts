/** Edits as replacements of text. Nothing is written anew: what no replacement covers stays byte for byte. */
import { settable, type ClaimFields } from './claim.ts'
import { lastSimple, lineEnd, lineStart, placeOfValue } from './entries.ts'
import { writeScalar, type Quotes } from './scalar.ts'
import { isBlock, isPlain, type MapNode, type Pair, type ScalarNode, type Tree } from './tree.ts'

export interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** `file`: the text that the tree was read from. */
export function applySplices(file: string, { original }: Tree, splices: readonly Splice[]): string {
  const sorted = splices
    .map(({ from, to, text }) => ({ from: original(from), to: original(to), text }))
    .toSorted((a, b) => a.from - b.from || a.to - b.to)
  const parts: string[] = []
  let done = 0
  for (const { from, to, text } of sorted) {
    if (from < done) throw new Error('two edits of one place')
    parts.push(file.slice(done, from), text)
    done = to
  }
  parts.push(file.slice(done))
  return parts.join('')
}

/** Of an entry that is not locked. */
export function spliceFields(tree: Tree, node: MapNode, fields: ReadonlyMap<string, Pair>, set: ClaimFields): Splice[] {
  const splices: Splice[] = []
  const missing: (readonly [name: string, text: string])[] = []
  for (const name of settable) {
    const text = set[name]
    if (text === undefined) continue
    const pair = fields.get(name)
    if (pair) splices.push(...spliceValue(tree, pair, text, node.flow))
    else missing.push([name, text])
  }
  return missing.length === 0 ? splices : [...splices, spliceNew(tree, node, missing)]
}

function spliceValue(tree: Tree, pair: Pair, text: string, flow: boolean): Splice[] {
  const { value } = pair
  if (value.is === 'alias')
    return [{ from: value.at, to: value.end, text: writeScalar(text, { quotes: 'none', flow }) }]
  if (value.is !== 'scalar') throw new Error('not an entry that can be set')
  const quotes = quotesOf(tree, pair)
  const written = writeScalar(text, { quotes, flow })
  if (value.at < 0) {
    const at = placeOfValue(tree, pair)
    return [{ from: at, to: at, text: ` ${written}` }]
  }
  if (isBlock(value)) return spliceBlock(tree, pair, value, written)
  return [{ from: value.at, to: value.end, text: written }]
}

/** JSON has double quotes only: a value beside a key in them gets them, too. */
function quotesOf({ source }: Tree, { key, value }: Pair): Quotes {
  const first = value.is === 'scalar' && value.at >= 0 && !isPlain(value) ? source[value.at] : ''
  if (first === "'") return 'single'
  return first === '"' || (key.is === 'scalar' && source[key.at] === '"') ? 'double' : 'none'
}

/** The header becomes the value, a comment behind it stays; so do blank lines at the end. */
function spliceBlock({ source }: Tree, { key }: Pair, { at, end }: ScalarNode, written: string): Splice[] {
  const headerEnd = beforeBreak(source, at)
  const header = /[|>][-+0-9]*(?=[ \t]*(?:[ \t]#[^\r\n]*)?$)/
  const from = Math.max(lineStart(source, headerEnd), key.is === 'scalar' ? key.end : 0)
  const found = header.exec(source.slice(from, headerEnd))
  if (!found) throw new Error('a block scalar without a header')
  const [start, length] = [from + found.index, found[0].length]
  let contentEnd = end
  while (contentEnd > at && ' \t\r\n'.includes(source[contentEnd - 1]!)) contentEnd--
  const splices = [{ from: start, to: start + length, text: written }]
  return contentEnd === at ? splices : [...splices, { from: headerEnd, to: contentEnd, text: '' }]
}

function spliceNew(tree: Tree, node: MapNode, missing: readonly (readonly [string, string])[]): Splice {
  const after = lastSimple(tree, node)
  if (after?.key.is !== 'scalar' || after.value.is === 'list' || after.value.is === 'map') {
    throw new Error('not an entry that can be set')
  }
  const { source } = tree
  const quoted = source[after.key.at] === '"'
  const quotes = quoted ? 'double' : 'none'
  const pairs = missing.map(([name, text]) => {
    return `${quoted ? `"${name}"` : name}: ${writeScalar(text, { quotes, flow: node.flow })}`
  })
  if (node.flow) return insertion(after.value.end, pairs.map((pair) => `, ${pair}`).join(''))
  const at = lineEnd(source, after.value.end)
  const indent = ' '.repeat(node.at - lineStart(source, node.at))
  return insertion(at, pairs.map((pair) => `${breakOf(source, at)}${indent}${pair}`).join(''))
}

const insertion = (at: number, text: string): Splice => ({ from: at, to: at, text })

/** Where the line before `at` ends, if a new one begins there. */
function beforeBreak(source: string, at: number): number {
  if (source[at - 1] === '\n') return source[at - 2] === '\r' ? at - 2 : at - 1
  return source[at - 1] === '\r' ? at - 1 : at
}

/** The line break at this place, else as the file has them. */
export function breakOf(source: string, at: number): string {
  const found = /\r\n?|\n/g
  found.lastIndex = at
  return (found.exec(source) ?? /\r\n?|\n/.exec(source))?.[0] ?? '\n'
}
