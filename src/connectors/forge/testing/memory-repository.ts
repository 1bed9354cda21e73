/**
 * A repository and its requests in memory: what forges do to each other's data, without a protocol. Fakes speak
 * theirs over it, and tests use it as the people who work in the same repository.
 */
import { createHash } from 'node:crypto'
import type { ChangeRequest } from '../forge.ts'
import { blobId } from '../blob.ts'

export type Node =
  | { readonly is: 'file'; readonly bytes: Buffer; readonly blob: string }
  | { readonly is: 'link' | 'submodule'; readonly to: string }

export type Tree = ReadonlyMap<string, Node>

export interface MemoryCommit {
  readonly id: string
  readonly parents: readonly string[]
  readonly tree: Tree
  readonly message: string
  readonly author: { readonly name: string; readonly email: string }
}

export interface MemoryRequest {
  readonly number: number
  readonly from: string
  readonly into: string
  state: ChangeRequest['state']
  title: string
  body: string
  readonly draft: boolean
  readonly labels: string[]
  readonly reviewers: string[]
  autoMerge: boolean
  readonly comments: string[]
}

/** Contents by path; null: removed. */
export type Files = Readonly<Record<string, string | Buffer | Node | null>>

export interface MemoryRepository {
  readonly branches: ReadonlyMap<string, string>
  readonly commits: ReadonlyMap<string, MemoryCommit>
  /** In order of their numbers, from 1. */
  readonly requests: readonly MemoryRequest[]
  /** Makes a commit that no branch has. */
  commit(draft: Omit<MemoryCommit, 'id'>): MemoryCommit
  /** What `files` make of a tree. */
  treeOf(base: Tree, files: ReadonlyMap<string, Buffer | Node | null>): Tree
  /** Makes, moves or (null) removes a branch; requests follow as they do at forges. */
  set(branch: string, to: string | null): void
  isAncestor(older: string, newer: string): boolean
  open(draft: Pick<MemoryRequest, 'from' | 'into' | 'title' | 'body' | 'draft'>): MemoryRequest

  /** Somebody commits onto a branch, or makes it out of nothing. */
  push(branch: string, files: Files, message?: string): string
  /** Somebody replaces the newest commit of a branch by another one. */
  forcePush(branch: string, files: Files, message?: string): string
  /** Bytes of a file at the head of a branch, as text; null: no such branch or file. */
  text(branch: string, path: string): string | null
  /** Somebody merges a request: what it changes since it left its base. */
  merge(number: number, options?: { removeBranch?: boolean; squash?: boolean }): string
  /** Somebody closes a request without merging it. */
  closeRequest(number: number): void
}

export const human = { name: 'Some Body', email: 'somebody@example.org' }

/** Commits that nobody holds are kept up to this number, as a forge does for a while. */
const mostLoose = 16

export function createMemoryRepository(files: Files = {}, base = 'main'): MemoryRepository {
  const branches = new Map<string, string>()
  const commits = new Map<string, MemoryCommit>()
  const requests: MemoryRequest[] = []
  let made = 0
  let swept = 0

  const at = (id: string): MemoryCommit => {
    const found = commits.get(id)
    if (found === undefined) throw new Error(`no commit ${id}`)
    return found
  }
  const headOf = (branch: string): string => {
    const head = branches.get(branch)
    if (head === undefined) throw new Error(`no branch ${branch}`)
    return head
  }

  function ancestors(id: string): Set<string> {
    const seen = new Set<string>()
    const open = [id]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(...(commits.get(next)?.parents ?? []))
    }
    return seen
  }
  const isAncestor = (older: string, newer: string) => ancestors(newer).has(older)

  /** Long runs make thousands of commits of large files that nothing leads to any more. */
  function sweep(): void {
    if (commits.size < swept + 2 * mostLoose) return
    const held = new Set<string>()
    for (const head of branches.values()) for (const id of ancestors(head)) held.add(id)
    const loose = [...commits.keys()].filter((id) => !held.has(id))
    for (const id of loose.slice(0, -mostLoose)) commits.delete(id)
    swept = commits.size
  }

  function commit(draft: Omit<MemoryCommit, 'id'>): MemoryCommit {
    for (const parent of draft.parents) at(parent)
    made += 1
    const id = createHash('sha1').update(`commit ${made}`).digest('hex')
    const one = { ...draft, id }
    commits.set(id, one)
    sweep()
    return one
  }

  function set(branch: string, to: string | null): void {
    if (to === null) branches.delete(branch)
    else branches.set(branch, at(to).id)
    for (const request of requests) {
      if (request.state !== 'open') continue
      const [from, into] = [branches.get(request.from), branches.get(request.into)]
      if (from === undefined) request.state = 'closed'
      else if (request.into === branch && into !== undefined && isAncestor(from, into)) request.state = 'merged'
      // A branch that is moved onto its base, or behind it, has nothing left to merge.
      else if (request.from === branch && into !== undefined && isAncestor(from, into)) request.state = 'closed'
    }
  }

  function treeOf(tree: Tree, changes: ReadonlyMap<string, Buffer | Node | null>): Tree {
    const next = new Map(tree)
    for (const [path, change] of changes) {
      if (change === null) next.delete(path)
      else next.set(path, Buffer.isBuffer(change) ? { is: 'file', bytes: change, blob: blobId(change) } : change)
    }
    return next
  }

  const byHuman = (parents: readonly string[], tree: Tree, message: string): string =>
    commit({ parents, tree, message, author: human }).id

  function write(branch: string, parents: readonly string[], tree: Tree, files: Files, message: string): string {
    const id = byHuman(parents, treeOf(tree, nodesOf(files)), message)
    set(branch, id)
    return id
  }

  const repository: MemoryRepository = {
    branches,
    commits,
    requests,
    commit,
    treeOf,
    set,
    isAncestor,
    open(draft) {
      const request: MemoryRequest = {
        ...draft,
        number: requests.length + 1,
        state: 'open',
        labels: [],
        reviewers: [],
        autoMerge: false,
        comments: [],
      }
      requests.push(request)
      return request
    },
    push(branch, files, message = 'a change by hand') {
      const head = branches.get(branch)
      if (head === undefined) return write(branch, [], new Map(), files, message)
      return write(branch, [head], at(head).tree, files, message)
    },
    forcePush(branch, files, message = 'another history') {
      const { parents, tree } = at(headOf(branch))
      const [parent] = parents
      // Of the first one nothing but what is said changes.
      return write(branch, parents, parent === undefined ? tree : at(parent).tree, files, message)
    },
    text(branch, path) {
      const head = branches.get(branch)
      const node = head === undefined ? undefined : at(head).tree.get(path)
      return node?.is === 'file' ? node.bytes.toString() : null
    },
    merge(number, { removeBranch = true, squash = false } = {}) {
      const request = requests[number - 1]
      if (request?.state !== 'open') throw new Error(`request ${number} is not open`)
      const [from, into] = [at(headOf(request.from)), at(headOf(request.into))]
      const tree = mergedTree(at(baseOf(from.id, into.id)).tree, from.tree, into.tree)
      request.state = 'merged'
      const id = byHuman(squash ? [into.id] : [into.id, from.id], tree, `merge #${number}`)
      set(request.into, id)
      if (removeBranch) set(request.from, null)
      return id
    },
    closeRequest(number) {
      const request = requests[number - 1]
      if (request?.state !== 'open') throw new Error(`request ${number} is not open`)
      request.state = 'closed'
    },
  }

  function baseOf(one: string, other: string): string {
    const theirs = ancestors(other)
    const open = [one]
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      if (theirs.has(next)) return next
      open.push(...at(next).parents)
    }
    throw new Error('no common history')
  }

  write(base, [], new Map(), files, 'begin')
  return repository
}

function nodesOf(files: Files): Map<string, Buffer | Node | null> {
  return new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      typeof content === 'string' ? Buffer.from(content) : content,
    ]),
  )
}

/** Path by path; throws where both sides changed the same one differently. */
function mergedTree(base: Tree, from: Tree, into: Tree): Tree {
  const idOf = (node: Node | undefined) => (node === undefined ? null : node.is === 'file' ? node.blob : node.to)
  const tree = new Map(into)
  for (const path of new Set([...base.keys(), ...from.keys()])) {
    const [was, wanted, is] = [base.get(path), from.get(path), into.get(path)]
    if (idOf(was) === idOf(wanted) || idOf(wanted) === idOf(is)) continue
    if (idOf(was) !== idOf(is)) throw new Error(`conflict in ${path}`)
    if (wanted === undefined) tree.delete(path)
    else tree.set(path, wanted)
  }
  return tree
}
