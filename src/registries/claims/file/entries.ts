/** Entries of a list of claims: what they say, and whether they can be edited alone. */
import { settable, type RegistryClaim } from './claim.ts'
import { isPlain, target, textOf, type ListNode, type MapNode, type Node, type Pair, type Tree } from './tree.ts'

export interface ClaimList {
  /** Of the map that holds the list. */
  readonly pair: Pair
  /** null: nothing is there. */
  readonly node: ListNode | null
  readonly entries: readonly Entry[]
}

export interface Entry {
  readonly claim: RegistryClaim
  /** As it stands in the list: an entry, or an alias of one. */
  readonly item: Node
  /** null: an alias, which has no place of its own. */
  readonly node: MapNode | null
  /** Its own fields by name; those it merges are not among them. */
  readonly fields: ReadonlyMap<string, Pair>
}

/** `above`: why nothing in the list can be edited; null: it can. What is no map is no entry, and left alone. */
export function readList(tree: Tree, pair: Pair, cluster: string | null, above: string | null): ClaimList {
  const list = target(pair.value)
  if (list.is !== 'list') return { pair, node: null, entries: [] }
  const sharing =
    above ?? (pair.value.is === 'alias' || isShared(tree, list) ? 'its list is shared by an alias (*)' : null)
  const entries = list.items.flatMap((item) => {
    const node = target(item)
    return node.is === 'map' ? [readEntry(tree, item, node, cluster, sharing)] : []
  })
  return { pair, node: list, entries }
}

function readEntry(tree: Tree, item: Node, node: MapNode, cluster: string | null, above: string | null): Entry {
  const { fields, twice } = ownFields(tree, node)
  const text = (name: string) => fieldText(tree, node, name, new Set())
  const odd = twice === null ? null : `its field ${twice} is there twice`
  const shared = item.is === 'alias' || isShared(tree, node) ? 'it is shared by an alias (*)' : null
  const locked = above ?? shared ?? odd
  return {
    item,
    node: item.is === 'map' ? item : null,
    fields,
    claim: {
      cluster: cluster ?? text('cluster'),
      name: text('name') ?? '',
      namespace: text('namespace') ?? '',
      claimRef: text('claimRef'),
      template: text('template'),
      path: text('path'),
      status: text('status'),
      statusMessage: text('statusMessage'),
      lastCheckedAt: text('lastCheckedAt'),
      line: tree.line(item.is === 'scalar' ? 0 : item.at),
      locked: {
        set: locked ?? whyNotSet(tree, node, fields),
        remove: locked ?? (holdsShared(tree, node) ? 'something in it is shared by an alias (*)' : null),
      },
    },
  }
}

export function ownFields(tree: Tree, node: MapNode): { fields: Map<string, Pair>; twice: string | null } {
  const fields = new Map<string, Pair>()
  let twice: string | null = null
  for (const pair of node.pairs) {
    if (pair.key.is !== 'scalar') continue
    const name = textOf(tree, pair.key)
    if (fields.has(name)) twice = name
    fields.set(name, pair)
  }
  return { fields, twice }
}

/** Maps that are merged into one entry, the merges of merges included: none that people write by hand has more. */
const mostMerged = 20

/** Its own, else what it merges (`<<`). null: not there, null, or no text. `seen`: maps that do not have it. */
function fieldText(tree: Tree, node: MapNode, name: string, seen: Set<Node>): string | null {
  let merged: Node | null = null
  for (const { key, value } of node.pairs) {
    if (key.is !== 'scalar') continue
    const said = textOf(tree, key)
    if (said === name) return scalarText(tree, value)
    if (said === '<<' && isPlain(key)) merged = target(value)
  }
  seen.add(node)
  if (merged === null) return null
  for (const from of merged.is === 'list' ? merged.items.map(target) : [merged]) {
    if (from.is !== 'map' || seen.has(from) || seen.size > mostMerged) continue
    const found = fieldText(tree, from, name, seen)
    if (found !== null) return found
  }
  return null
}

export function scalarText(tree: Tree, node: Node): string | null {
  const scalar = target(node)
  if (scalar.is !== 'scalar') return null
  const text = textOf(tree, scalar)
  return isPlain(scalar) && scalar.tag === null && nulls.has(text) ? null : text
}

const nulls: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL'])

function isShared(tree: Tree, node: Node): boolean {
  return node.anchor !== null && tree.aliased.has(node.anchor)
}

function holdsShared(tree: Tree, node: Node): boolean {
  if (tree.aliased.size === 0) return false
  if (isShared(tree, node)) return true
  if (node.is === 'list') return node.items.some((item) => holdsShared(tree, item))
  return node.is === 'map' && node.pairs.some(({ key, value }) => holdsShared(tree, key) || holdsShared(tree, value))
}

function whyNotSet(tree: Tree, node: MapNode, fields: ReadonlyMap<string, Pair>): string | null {
  for (const name of settable) {
    const pair = fields.get(name)
    if (pair === undefined) continue
    const { value } = pair
    if (value.is === 'list' || value.is === 'map') return `its ${name} is no text`
    if (isShared(tree, value)) return `its ${name} is shared by an alias (*)`
    // PyYAML takes what has the tag ! for whatever it looks like, quotes or not.
    if (value.tag !== null && value.tag !== '!!str') return `its ${name} has the tag ${value.tag}`
    if (value.is === 'scalar' && value.at < 0 && placeOfValue(tree, pair) < 0)
      return `its ${name} has no place for a value`
  }
  if (settable.every((name) => fields.has(name)) || lastSimple(tree, node) !== null) return null
  return 'no field of it stands on a line of its own'
}

/** Where a value can be put of which nothing is written; -1: nowhere. */
export function placeOfValue({ source }: Tree, { key, value }: Pair): number {
  if (value.propsEnd >= 0) return value.propsEnd
  if (key.is !== 'scalar' || key.at < 0) return -1
  const colon = /[ \t]*:/y
  colon.lastIndex = key.end
  return colon.test(source) ? colon.lastIndex : -1
}

/** The last field whose key and value are one line that nothing else shares: what follows it is put there. */
export function lastSimple(tree: Tree, node: MapNode): Pair | null {
  if (node.flow && tree.source[node.at] !== '{') return null
  return node.pairs.findLast((pair) => isSimple(tree, node, pair)) ?? null
}

function isSimple({ source }: Tree, { at, flow }: MapNode, { key, value }: Pair): boolean {
  if (key.is !== 'scalar' || key.at < 0 || key.propsEnd >= 0) return false
  if ((value.is !== 'scalar' && value.is !== 'alias') || value.at < 0) return false
  if (/[\r\n]/.test(source.slice(key.at, value.end))) return false
  if (flow) return true
  const start = lineStart(source, key.at)
  const before = source.slice(start, key.at)
  const column = at - lineStart(source, at)
  return before.length === column && /^ *$/.test(key.at === at ? before.replaceAll('-', ' ') : before)
}

export function lineStart(source: string, at: number): number {
  let start = at
  while (start > 0 && source[start - 1] !== '\n' && source[start - 1] !== '\r') start--
  return start
}

/** Before the line break. */
export function lineEnd(source: string, at: number): number {
  let end = at
  while (end < source.length && source[end] !== '\n' && source[end] !== '\r') end++
  return end
}
