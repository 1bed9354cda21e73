/** Entries taken out of a list, or put into one. */
import { settable, type ClaimFields, type ClaimNames, type Settable } from './claim.ts'
import { lineEnd, lineStart, placeOfValue, type ClaimList } from './entries.ts'
import { writeScalar } from './scalar.ts'
import { breakOf, type Splice } from './splice.ts'
import type { ListNode, Node, Tree } from './tree.ts'

/** `gone`: items of this list, none of them locked. Throws where they cannot be told from what surrounds them. */
export function spliceRemovals(tree: Tree, list: ClaimList, gone: ReadonlySet<Node>): Splice[] {
  const { node } = list
  if (node === null) return []
  if (node.flow) return removeFromFlow(tree, node, gone)
  const splices = [...gone].map((item) => {
    const { from, to } = linesOf(tree, item)
    return { from, to, text: '' }
  })
  if (gone.size < node.items.length) return splices
  const at = placeOfValue(tree, list.pair)
  if (at < 0) throw new Error('the list has no place for [ ]')
  return [...splices, { from: at, to: at, text: ' []' }]
}

/** From the dash to the line break behind the last value. */
function linesOf(tree: Tree, item: Node): { readonly from: number; readonly to: number } {
  const { source } = tree
  const end = endOf(tree, item)
  const from = dashLine(source, item.at)
  // Text in a block ends with its last line, blank ones that follow it included.
  if (end === source.length || /[\r\n]/.test(source[end - 1]!)) return { from, to: end }
  const rest = /[ \t]*(?:#[^\r\n]*)?(?:\r\n?|\n|$)/y
  rest.lastIndex = end
  if (!rest.test(source)) throw new Error('something follows the entry on its line')
  return { from, to: rest.lastIndex }
}

function dashLine(source: string, at: number): number {
  let start = lineStart(source, at)
  if (/^ *- +$/.test(source.slice(start, at).replace(props, ''))) return start
  while (start > 0) {
    const end = start - (source[start - 1] === '\n' && source[start - 2] === '\r' ? 2 : 1)
    start = lineStart(source, end)
    const line = source.slice(start, end)
    if (/^ *-(?:[ \t]+[&!]\S*)*[ \t]*(?:#[^\r\n]*)?$/.test(line)) return start
    if (!/^[ \t]*(?:[&!]\S*[ \t]*)*(?:#[^\r\n]*)?$/.test(line)) break
  }
  throw new Error('the entry does not begin on a line of its own')
}

const props = /(?<=^ *- +)(?:[&!]\S* +)*/

function removeFromFlow(tree: Tree, { items }: ListNode, gone: ReadonlySet<Node>): Splice[] {
  const { source } = tree
  const startOf = (node: Node) => propsStart(source, node)
  const cut = (from: number, to: number): Splice => {
    if (source.slice(from, to).includes('#')) throw new Error('a comment may stand between the entries')
    return { from, to, text: '' }
  }
  if (items.every((item) => gone.has(item))) {
    const end = endOf(tree, items.at(-1)!)
    const comma = /\s*,/y
    comma.lastIndex = end
    return [cut(startOf(items[0]!), comma.test(source) ? comma.lastIndex : end)]
  }
  let kept = false
  return items.flatMap((item, index) => {
    if (!gone.has(item)) {
      kept = true
      return []
    }
    if (kept) return [cut(endOf(tree, items[index - 1]!), endOf(tree, item))]
    return [cut(startOf(item), startOf(items[index + 1]!))]
  })
}

/** With anchor and tag, which stand before it. */
function propsStart(source: string, { is, at, propsEnd }: Node & { at: number }): number {
  if (propsEnd < 0) return at
  const found = /(?:[&!]\S*\s+)+$/.exec(source.slice(Math.max(0, at - 1000), at))
  if (!found) throw new Error(`${is} without its anchor`)
  return at - found[0].length
}

/** Behind the last character of a node. */
export function endOf(tree: Tree, node: Node): number {
  if (node.is === 'alias') return node.end
  if (node.is === 'scalar') return node.at < 0 ? node.propsEnd : node.end
  let end = node.at
  const children = node.is === 'list' ? node.items : node.pairs.flatMap(({ key, value }) => [key, value])
  for (const child of children) end = Math.max(end, endOf(tree, child))
  if (!node.flow) {
    // A last key without a value ends with its colon.
    const colon = /[ \t]*:/y
    colon.lastIndex = end
    const last = node.is === 'map' ? node.pairs.at(-1)?.value : undefined
    return last?.is === 'scalar' && last.at < 0 && colon.test(tree.source) ? colon.lastIndex : end
  }
  // A single pair in a list has no brackets of its own.
  if (node.is === 'map' && tree.source[node.at] !== '{') return end
  if (children.length === 0) end += 1
  const closer = /(?:[\s,:?]|(?<=\s)#[^\r\n]*)*[\]}]/y
  closer.lastIndex = end
  if (!closer.test(tree.source)) throw new Error('a bracket without its end')
  return closer.lastIndex
}

export interface Addition {
  readonly add: ClaimNames
  readonly set: ClaimFields
}

const order = ['cluster', 'namespace', 'name', 'claimRef'] as const

/** In the order of names, so that two writers make one file. `additions` is not empty. */
export function spliceAdditions(tree: Tree, list: ClaimList, additions: readonly Addition[]): Splice[] {
  const { source } = tree
  const { node, entries, pair } = list
  const lineBreak = breakOf(source, 0)
  const column = node === null || node.flow ? 2 : node.at - lineStart(source, node.at)
  const write = ({ add, set }: Addition) => {
    const lines = Object.entries(fieldsOf({ add, set })).map(
      ([name, text]) => `${name}: ${writeScalar(text, { quotes: 'none', flow: false })}`,
    )
    return lines.map((line, index) => `${' '.repeat(column)}${index === 0 ? '- ' : '  '}${line}${lineBreak}`).join('')
  }
  const sorted = additions.toSorted((a, b) => compareNames(a.add, b.add))
  if (node === null || entries.length === 0) {
    const from = placeOfValue(tree, pair)
    const to = node === null ? Math.max(from, endOf(tree, pair.value)) : endOf(tree, node)
    const rest = source.slice(to, lineEnd(source, to))
    if (from < 0 || rest.trim() !== '') throw new Error('the list has no place for entries')
    const text = `${lineBreak}${sorted.map(write).join('')}`
    return [{ from, to: lineEnd(source, to), text: text.slice(0, -lineBreak.length) }]
  }
  if (node.flow) throw new Error('the list is written in brackets')
  return sorted.map((addition) => {
    const before = entries.find(({ claim }) => compareNames(claim, addition.add) > 0)
    const lines = linesOf(tree, (before ?? entries.at(-1)!).item)
    const at = before ? lines.from : lines.to
    const open = at === source.length && !/[\r\n]$/.test(source)
    const text = write(addition)
    return { from: at, to: at, text: open ? lineBreak + text.slice(0, -lineBreak.length) : text }
  })
}

/** What an entry of a sidecar says, in this order. */
export function fieldsOf({ add, set }: Addition): Readonly<Record<string, string>> {
  const names = order.map((name) => [name, add[name]] as const)
  const said = settable.map((name) => [name, set[name]] as const)
  return Object.fromEntries(
    [...names, ...said].filter((field): field is [Settable, string] => typeof field[1] === 'string'),
  )
}

export function compareNames(a: ClaimNames, b: ClaimNames): number {
  for (const name of order) {
    const [left, right] = [a[name] ?? '', b[name] ?? '']
    if (left !== right) return left < right ? -1 : 1
  }
  return 0
}
