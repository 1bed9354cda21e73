/**
 * Whether an edit changed what it was meant to change and nothing else: the new text is read again, and both trees are
 * compared node by node, with anchors, tags and styles. Throws `source.invalid`; then the edit must not be used.
 */
import { AppError } from '../../../kernel/errors.ts'
import type { ClaimFields } from './claim.ts'
import { ownFields, scalarText } from './entries.ts'
import { plainTextIsText } from './scalar.ts'
import { isBlock, isPlain, textOf, type MapNode, type Node, type Pair, type ScalarNode, type Tree } from './tree.ts'

/** What is meant, by the nodes of the tree before. */
export interface Intent {
  readonly set: ReadonlyMap<Node, ClaimFields>
  readonly removed: ReadonlySet<Node>
  /** How many entries a list gains; what they say is looked at by whoever adds them. */
  readonly added: ReadonlyMap<Node, readonly Readonly<Record<string, string>>[]>
}

export function checkEdit(before: Tree, after: Tree, intent: Intent): void {
  const differs = (at: number): never => {
    const line = before.line(Math.max(0, at))
    throw new AppError(
      'source.invalid',
      `line ${line}: an edit would change more than it should; nothing was changed`,
      {
        data: { line },
      },
    )
  }
  const touched = touchedBy(before, intent)
  const changed = new Map<Node, boolean>()
  if (before.documents.length !== after.documents.length) differs(0)
  for (const [index, old] of before.documents.entries()) {
    const now = after.documents[index]!
    if (old === null || now === null) {
      if (old !== now) differs(0)
    } else compare(old, now, 0)
  }

  function compare(old: Node, now: Node, near: number): void {
    const at = old.at < 0 ? near : old.at
    const added = intent.added.get(old)
    if (added) return compareAdded(old, now, added, at)
    if (old.is !== now.is || old.anchor !== now.anchor || old.tag !== now.tag) return differs(at)
    if (old.is === 'scalar') return sameScalar(old, now as ScalarNode) ? undefined : differs(at)
    if (old.is === 'alias') return old.name === (now as typeof old).name && !changes(old.to) ? undefined : differs(at)
    if (old.is === 'list') return compareItems(old, now as typeof old, at)
    if (old.flow !== (now as MapNode).flow) return differs(at)
    const set = intent.set.get(old)
    if (set) return compareEntry(old, now as MapNode, set, at)
    comparePairs(old.pairs, (now as MapNode).pairs, at)
  }

  function compareItems(old: Node & { is: 'list' }, now: Node & { is: 'list' }, at: number): void {
    const kept = intent.removed.size === 0 ? old.items : old.items.filter((item) => !intent.removed.has(item))
    if (kept.length !== now.items.length) return differs(at)
    // A block list that lost its last entry becomes [ ].
    if (old.flow !== now.flow && kept.length > 0) return differs(at)
    for (const [index, item] of kept.entries()) compare(item, now.items[index]!, at)
  }

  function comparePairs(old: readonly Pair[], now: readonly Pair[], at: number): void {
    if (old.length !== now.length) return differs(at)
    for (const [index, { key, value }] of old.entries()) {
      compare(key, now[index]!.key, at)
      compare(value, now[index]!.value, key.at)
    }
  }

  /** Fields that were set say what they should, once and as text; all others are as they were, in their order. */
  function compareEntry(old: MapNode, now: MapNode, set: ClaimFields, at: number): void {
    const others = (tree: Tree, { pairs }: MapNode) =>
      pairs.filter(({ key }) => key.is !== 'scalar' || !Object.hasOwn(set, textOf(tree, key)))
    comparePairs(others(before, old), others(after, now), at)
    const { fields, twice } = ownFields(after, now)
    const was = ownFields(before, old).fields
    if (twice !== null) differs(at)
    for (const [name, text] of Object.entries(set)) {
      const value = fields.get(name)?.value
      const anchor = was.get(name)?.value.anchor ?? null
      if (value?.is !== 'scalar' || value.anchor !== anchor || !saysText(after, value, text)) differs(at)
    }
  }

  function compareAdded(old: Node, now: Node, added: readonly Readonly<Record<string, string>>[], at: number): void {
    if (now.is !== 'list' || now.flow) return differs(at)
    const wanted = new Set(added.map((fields) => JSON.stringify(Object.entries(fields))))
    const gained = new Set(now.items.filter((item) => wanted.delete(JSON.stringify(textsOf(after, item)))))
    const kept = old.is === 'list' ? old.items.filter((item) => !intent.removed.has(item)) : []
    const rest = now.items.filter((item) => !gained.has(item))
    if (wanted.size > 0 || rest.length !== kept.length) return differs(at)
    for (const [index, item] of kept.entries()) compare(item, rest[index]!, at)
  }

  /** Whether something that was edited is part of this node: then it changed wherever an alias repeats it. */
  function changes(node: Node): boolean {
    let known = changed.get(node)
    if (known === undefined) {
      changed.set(node, false)
      known = touched.has(node) || partsOf(node).some(changes)
      changed.set(node, known)
    }
    return known
  }

  function sameScalar(old: ScalarNode, now: ScalarNode): boolean {
    if (old.event.style !== now.event.style) return false
    // Below other indentation or other line breaks, a block's lines are other text; nothing else moves.
    if (isBlock(old)) return textOf(before, old) === textOf(after, now)
    return before.source.slice(old.at, old.end) === after.source.slice(now.at, now.end)
  }
}

function saysText(tree: Tree, node: ScalarNode, text: string): boolean {
  if (textOf(tree, node) !== text) return false
  return !isPlain(node) || plainTextIsText(text)
}

function textsOf(tree: Tree, item: Node): [string, string | null][] {
  if (item.is !== 'map') return []
  return item.pairs.map(({ key, value }) => [scalarText(tree, key) ?? '', scalarText(tree, value)])
}

/** Nodes of the old tree that are not what they were: entries, lists that lost some, and values. */
function touchedBy(tree: Tree, { set, removed }: Intent): Set<Node> {
  const touched = new Set<Node>(removed)
  for (const [entry, fields] of set) {
    touched.add(entry)
    if (entry.is !== 'map') continue
    for (const { key, value } of entry.pairs) {
      if (key.is === 'scalar' && Object.hasOwn(fields, textOf(tree, key))) touched.add(value)
    }
  }
  return touched
}

function partsOf(node: Node): readonly Node[] {
  if (node.is === 'list') return node.items
  if (node.is === 'alias') return [node.to]
  return node.is === 'map' ? node.pairs.flatMap(({ key, value }) => [key, value]) : []
}
