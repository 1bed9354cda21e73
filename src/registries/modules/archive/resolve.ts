/** Which regular file a path of the image stands for, links followed, never leading outside. */
import type { Filter } from './filter.ts'
import type { Leaf, Node, Tree } from './tree.ts'

export type Content = Leaf & { is: 'file' }

/** Why an entry is not in the archive: builders refuse whatever is neither a file nor a directory. */
export type Why = 'dangling-link' | 'link-loop' | 'link-to-directory' | 'not-a-file'

export type Resolved =
  | { readonly is: 'file'; readonly content: Content }
  | { readonly is: 'left-out'; readonly why: Why }
  /** The tree cannot tell: it has to be grown again with this path in it. */
  | { readonly is: 'unknown'; readonly path: string }

/** As Linux (path_resolution(7)): a chain of more is a loop. */
const mostHops = 40

/** Symbolic links are followed as if the image were the whole file system: absolute ones, and `..`, end at its root. */
export function resolve(tree: Tree, path: string): Resolved {
  const { root, interest } = tree
  const way: Node[] = [root]
  const at: string[] = []
  const todo = path.split('/').toReversed()
  for (let hops = 0; todo.length > 0;) {
    const part = todo.pop()!
    if (part === '' || part === '.') continue
    if (part === '..') {
      if (at.pop() !== undefined) way.pop()
      continue
    }
    const node = way.at(-1)!.children.get(part)
    const here = [...at, part].join('/')
    if (node === undefined) return interest.has(here) ? leftOut('dangling-link') : unknown(here, todo)
    const { leaf } = node
    if (leaf === null) {
      way.push(node)
      at.push(part)
      continue
    }
    if (leaf.is !== 'symlink') return isLast(todo) ? ending(leaf, here, tree.filter) : leftOut('dangling-link')
    if (++hops > mostHops) return leftOut('link-loop')
    if (leaf.to.startsWith('/')) {
      way.length = 1
      at.length = 0
    }
    todo.push(...leaf.to.split('/').toReversed())
  }
  return leftOut('link-to-directory')
}

const leftOut = (why: Why): Resolved => ({ is: 'left-out', why })

const isLast = (todo: readonly string[]) => todo.every((part) => part === '' || part === '.')

/** What comes behind a `..` depends on what the path before it turns out to be: it is asked for later. */
function unknown(here: string, todo: readonly string[]): Resolved {
  const parts = [here]
  for (const part of todo.toReversed()) {
    if (part === '..') break
    if (part !== '' && part !== '.') parts.push(part)
  }
  return { is: 'unknown', path: parts.join('/') }
}

function ending(leaf: Leaf, path: string, filter: Filter): Resolved {
  switch (leaf.is) {
    case 'file':
      return { is: 'file', content: leaf }
    case 'unread':
      return { is: 'unknown', path }
    case 'link':
      // A file that is not kept would have hung the link as well.
      return filter.keeps(leaf.to) ? leftOut('dangling-link') : { is: 'unknown', path: leaf.to }
    default:
      return leftOut('not-a-file')
  }
}
