/** The image as it stands when all its layers are unpacked, as far as it can matter to the archive. */
import type { Filter } from './filter.ts'
import { foldersOf } from './paths.ts'
import { factsOf, type Fact, type Slice } from './slice.ts'

/** What is not a directory. */
export type Leaf =
  | { readonly is: 'file'; readonly slice: Slice; readonly at: number; readonly size: number }
  | { readonly is: 'unread' }
  | { readonly is: 'symlink'; readonly to: string }
  /** A hard link that led nowhere in what is known. */
  | { readonly is: 'link'; readonly to: string }
  | { readonly is: 'other' }

/** A directory that may be empty, unless it has a leaf. */
export interface Node {
  readonly children: Map<string, Node>
  leaf: Leaf | null
  /** Index of the layer that the leaf came with. */
  layer: number
}

export interface Tree {
  readonly root: Node
  /** What the tree can tell of: a path that is not in here may well be in the image. */
  readonly interest: ReadonlySet<string>
  readonly filter: Filter
}

const newNode = (): Node => ({ children: new Map(), leaf: null, layer: -1 })

/** `slices`: the lowest first. */
export async function growTree(slices: readonly Slice[], filter: Filter): Promise<Tree> {
  const interest = await interestOf(slices, filter)
  const root = newNode()
  for (const [layer, slice] of slices.entries()) {
    const unpacking = createUnpacking(root, interest, layer, slice)
    for await (const found of factsOf(slice)) for (const [fact, at] of found) unpacking.take(fact, at)
    unpacking.end()
  }
  return { root, interest, filter }
}

/**
 * The paths where something to keep may stand, and the folders above them. With the substring filter a slice names
 * every entry of its layer; only what can decide about these is held in memory.
 */
async function interestOf(slices: readonly Slice[], filter: Filter): Promise<ReadonlySet<string>> {
  const interest = new Set<string>()
  const add = (path: string) => {
    interest.add(path)
    for (const folder of foldersOf(path)) interest.add(folder)
  }
  for (const name of filter.named) add(name)
  for (const slice of slices) {
    for await (const found of factsOf(slice)) for (const [fact] of found) if (mayBeKept(fact, filter)) add(fact.path)
  }
  return interest
}

function mayBeKept(fact: Fact, filter: Filter): boolean {
  switch (fact.is) {
    case 'file':
    case 'link':
    case 'symlink':
    case 'other':
      return filter.keeps(fact.path)
    default:
      return false
  }
}

/** Does to the tree what unpacking one layer does to a disk, entry by entry. */
function createUnpacking(root: Node, interest: ReadonlySet<string>, layer: number, slice: Slice) {
  const hanging: { node: Node; leaf: Leaf & { is: 'link' } }[] = []

  function put(path: string, leaf: Leaf | null): void {
    const node = makeWay(root, path, interest)
    if (node === null) return
    node.leaf = leaf
    node.layer = layer
    // A file takes the place of a whole directory.
    if (leaf !== null) node.children.clear()
    if (leaf?.is === 'link') hanging.push({ node, leaf })
  }

  function hide(path: string, itself: boolean): void {
    const node = find(root, path)
    if (node === null) return
    if (itself && node.leaf !== null && node.layer < layer) node.leaf = null
    hideBelow(node, layer)
  }

  return {
    take(fact: Fact, at: number): void {
      switch (fact.is) {
        case 'file':
          return put(fact.path, { is: 'file', slice, at, size: fact.size })
        case 'link':
          return put(fact.path, linked(root, fact.to) ?? { is: 'link', to: fact.to })
        case 'symlink':
          return put(fact.path, { is: 'symlink', to: fact.to })
        case 'unread':
        case 'other':
          return put(fact.path, { is: fact.is })
        case 'directory':
          return put(fact.path, null)
        case 'whiteout':
          return hide(fact.path, true)
        case 'opaque':
          return hide(fact.path, false)
      }
    },
    /** Images that were put together again by other tools have hard links before what they link to. */
    end(): void {
      for (const { node, leaf } of hanging) if (node.leaf === leaf) node.leaf = linked(root, leaf.to) ?? leaf
    },
  }
}

/** The node at a path, with directories above it, whatever stood there; null: of no interest. */
function makeWay(root: Node, path: string, interest: ReadonlySet<string>): Node | null {
  let node = root
  for (const at of stepsOf(path)) {
    // Somebody unpacks into it: it is a directory, if a file or a link was here before.
    node.leaf = null
    let child = node.children.get(at.name)
    if (child === undefined) {
      if (!interest.has(at.path)) return null
      child = newNode()
      node.children.set(at.name, child)
    }
    node = child
  }
  return node
}

function* stepsOf(path: string): Generator<{ name: string; path: string }> {
  let from = 0
  for (const folder of foldersOf(path)) {
    yield { name: folder.slice(from), path: folder }
    from = folder.length + 1
  }
  yield { name: path.slice(from), path }
}

function find(root: Node, path: string): Node | null {
  if (path === '') return root
  let node: Node | undefined = root
  for (const name of path.split('/')) {
    node = node.children.get(name)
    if (node === undefined) return null
  }
  return node
}

/** Whiteouts may come after entries of their own layer, and leave those alone. */
function hideBelow(node: Node, layer: number): void {
  for (const child of node.children.values()) {
    if (child.leaf !== null && child.layer < layer) child.leaf = null
    hideBelow(child, layer)
  }
}

/** What a hard link to `path` is the same file as; null: nothing there that is known. */
function linked(root: Node, path: string): Leaf | null {
  const leaf = find(root, path)?.leaf ?? null
  return leaf === null || leaf.is === 'unread' ? null : leaf
}
