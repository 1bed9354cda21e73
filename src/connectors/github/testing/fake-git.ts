/** The routes of the fake that are about branches, commits and files (docs.github.com/rest/git, /rest/repos/contents). */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { blobId } from '../../forge/blob.ts'
import { readFrom } from '../../forge/testing/memory-forge.ts'
import type { MemoryCommit, MemoryRepository, Node, Tree } from '../../forge/testing/memory-repository.ts'
import { error, reply, type FakeAsk, type FakeReply, type Route } from './fake-route.ts'
import type { Shapes } from './fake-shapes.ts'

export interface FakeGitOptions {
  readonly repository: MemoryRepository
  readonly shapes: Shapes
  readonly isProtected: (branch: string) => boolean
}

/** What the contents API still tells in JSON. */
const mostInContents = 1 << 20
/** Of those that nobody holds; a registry of 10,000 claims is 2 MB. */
const mostTrees = 16

export function gitRoutes(options: FakeGitOptions): Route[] {
  const { repository, shapes } = options
  const trees = createTrees(repository)
  const blobs = new Map<string, Buffer>()
  const commitOf = (id: string) => repository.commits.get(id)
  const head = (branch: string) => {
    const id = repository.branches.get(branch)
    return id === undefined ? undefined : commitOf(id)
  }

  return [
    {
      on: 'GET /branches/(.+)',
      answer({ params: [branch = ''] }) {
        const commit = head(branch)
        return commit
          ? reply(200, shapes.branch(branch, commit, trees.idOf(commit.tree)))
          : error(404, 'Branch not found')
      },
    },
    {
      on: 'GET /git/matching-refs/(.*)',
      answer({ params: [prefix = ''], query }) {
        const all = [...repository.branches].filter(([branch]) => `heads/${branch}`.startsWith(prefix))
        const [page, size] = [Number(query.get('page') ?? 1), 2]
        const refs = all.slice((page - 1) * size, page * size).map(([branch, id]) => shapes.ref(branch, id))
        const link = page * size < all.length ? { link: '<https://elsewhere.example/?page=9>; rel="next"' } : {}
        return reply(200, refs, link)
      },
    },
    {
      on: 'GET /git/commits/(.+)',
      answer({ params: [id = ''] }) {
        const commit = commitOf(id)
        return commit ? reply(200, shapes.commit(commit, trees.idOf(commit.tree))) : error(404, 'Not Found')
      },
    },
    {
      on: 'GET /compare/(.+)\\.\\.\\.(.+)',
      answer({ params: [base = '', tip = ''] }) {
        const [from, to] = [commitOf(base), commitOf(tip)]
        if (from === undefined || to === undefined) return error(404, 'Not Found')
        const [ahead, behind] = [repository.isAncestor(base, tip), repository.isAncestor(tip, base)]
        const status = ahead ? (behind ? 'identical' : 'ahead') : behind ? 'behind' : 'diverged'
        return reply(200, shapes.comparison(from, trees.idOf(from.tree), status))
      },
    },
    { on: 'GET /git/blobs/(.+)', answer: (ask) => blobReply(repository, blobs, shapes, ask) },
    { on: 'GET /contents/(.+)', answer: (ask) => contentsReply(repository, shapes, ask) },
    {
      on: 'POST /git/blobs',
      answer({ json }) {
        const { content, encoding } = json as { content: string; encoding: 'base64' | 'utf-8' }
        const bytes = Buffer.from(content, encoding === 'base64' ? 'base64' : 'utf8')
        const sha = blobId(bytes)
        blobs.set(sha, bytes)
        const [oldest] = blobs.keys()
        if (blobs.size > mostTrees && oldest !== undefined) blobs.delete(oldest)
        return reply(201, { sha, url: shapes.url(`git/blobs/${sha}`) })
      },
    },
    {
      on: 'POST /git/trees',
      answer({ json }) {
        const { base_tree: base, tree } = json as { base_tree: string; tree: TreeEntry[] }
        const known = trees.find(base)
        if (known === undefined) return error(422, 'base_tree is not a valid tree oid')
        const changes = new Map<string, Buffer | null>()
        for (const entry of tree) {
          const bytes = entry.sha === null ? null : (blobs.get(entry.sha ?? '') ?? Buffer.from(entry.content ?? ''))
          if (bytes === null && !known.has(entry.path)) return error(422, 'GitRPC::BadObjectState')
          changes.set(entry.path, bytes)
        }
        const made = repository.treeOf(known, changes)
        return reply(201, shapes.tree(trees.idOf(made), made))
      },
    },
    {
      on: 'POST /git/commits',
      answer({ json }) {
        const draft = json as CommitBody
        const tree = trees.find(draft.tree)
        if (tree === undefined) return error(422, 'Tree SHA does not exist')
        if (!draft.parents.every(commitOf)) return error(422, 'Parent SHA does not exist or is not a commit object')
        const { message, parents, author = shapes.committer } = draft
        const commit = repository.commit({ parents, tree, message, author })
        return reply(201, shapes.commit(commit, draft.tree))
      },
    },
    ...refRoutes(options, commitOf),
  ]
}

interface TreeEntry {
  readonly path: string
  readonly content?: string
  readonly sha?: string | null
}

interface CommitBody {
  readonly message: string
  readonly tree: string
  readonly parents: string[]
  readonly author?: { readonly name: string; readonly email: string }
}

function refRoutes(
  { repository, shapes, isProtected }: FakeGitOptions,
  commitOf: (id: string) => MemoryCommit | undefined,
): Route[] {
  return [
    {
      on: 'POST /git/refs',
      answer({ json }) {
        const { ref, sha } = json as { ref: string; sha: string }
        const branch = ref.replace('refs/heads/', '')
        if (commitOf(sha) === undefined) return error(422, 'Object does not exist')
        if (repository.branches.has(branch)) return error(422, 'Reference already exists')
        const clash = [...repository.branches.keys()].some(
          (one) => one.startsWith(`${branch}/`) || branch.startsWith(`${one}/`),
        )
        if (clash) return error(422, 'Reference update failed')
        repository.set(branch, sha)
        return reply(201, shapes.ref(branch, sha))
      },
    },
    {
      on: 'PATCH /git/refs/heads/(.+)',
      answer({ params: [branch = ''], json }) {
        const { sha, force } = json as { sha: string; force?: boolean }
        const is = repository.branches.get(branch)
        if (is === undefined) return error(422, 'Reference does not exist')
        if (isProtected(branch)) return error(422, 'Cannot force-push to this branch')
        if (commitOf(sha) === undefined) return error(422, 'Object does not exist')
        if (force !== true && !repository.isAncestor(is, sha)) return error(422, 'Update is not a fast forward')
        repository.set(branch, sha)
        return reply(200, shapes.ref(branch, sha))
      },
    },
    {
      on: 'DELETE /git/refs/heads/(.+)',
      answer({ params: [branch = ''] }) {
        if (!repository.branches.has(branch)) return error(422, 'Reference does not exist')
        if (isProtected(branch)) return error(422, 'Cannot delete a protected branch')
        repository.set(branch, null)
        return { status: 204, headers: {}, body: '' }
      },
    },
  ]
}

function contentsReply(repository: MemoryRepository, shapes: Shapes, ask: FakeAsk): FakeReply {
  const { params, query } = ask
  const [path = ''] = params
  const ref = query.get('ref') ?? 'main'
  const commit = repository.commits.get(repository.branches.get(ref) ?? ref)
  if (commit === undefined) return error(404, `No commit found for the ref ${ref}`)
  const link = commit.tree.get(path)
  const target = link?.is === 'link' ? posix.join(posix.dirname(path), link.to) : null
  if (target !== null && readFrom(commit.tree, target).is === 'file') {
    return contentsReply(repository, shapes, { ...ask, params: [target] })
  }
  const found = readFrom(commit.tree, path)
  if (found.is === 'missing') return error(404, 'Not Found')
  if (found.is === 'folder') return reply(200, { ...shapes.content('dir', path, ref), entries: [] })
  if (found.is !== 'file') {
    const { to } = link as Extract<Node, { to: string }>
    const type = found.is === 'link' ? 'symlink' : 'submodule'
    return reply(200, { ...shapes.content(type, path, ref), target: to })
  }
  const { bytes, blob } = found
  const more =
    bytes.length > mostInContents
      ? { content: '', encoding: 'none' }
      : // In lines, as GitHub writes it.
        { content: bytes.toString('base64').replaceAll(/.{60}/g, '$&\n'), encoding: 'base64' }
  return reply(200, { ...shapes.content('file', path, ref), sha: blob, size: bytes.length, ...more })
}

function blobReply(
  repository: MemoryRepository,
  blobs: ReadonlyMap<string, Buffer>,
  shapes: Shapes,
  { params: [id = ''] }: FakeAsk,
): FakeReply {
  let bytes = blobs.get(id)
  for (const { tree } of bytes === undefined ? repository.commits.values() : []) {
    for (const node of tree.values()) if (node.is === 'file' && node.blob === id) bytes = node.bytes
  }
  if (bytes === undefined) return error(404, 'Not Found')
  return reply(200, shapes.blob(id, bytes))
}

/** Trees by their ids. A fake one will do for an id: nobody but the fake reads it. */
function createTrees(repository: MemoryRepository) {
  const ids = new WeakMap<Tree, string>()
  const latest = new Map<string, Tree>()
  const idOf = (tree: Tree): string => {
    let id = ids.get(tree)
    if (id === undefined) {
      const hash = createHash('sha1').update('tree')
      for (const [path, node] of tree) hash.update(`${path}\0${node.is === 'file' ? node.blob : node.to}\0`)
      id = hash.digest('hex')
      ids.set(tree, id)
    }
    latest.delete(id)
    latest.set(id, tree)
    const [oldest] = latest.keys()
    if (latest.size > mostTrees && oldest !== undefined) latest.delete(oldest)
    return id
  }
  return {
    idOf,
    find(id: string): Tree | undefined {
      const known = latest.get(id)
      if (known !== undefined) return known
      return [...repository.commits.values()].find(({ tree }) => idOf(tree) === id)?.tree
    },
  }
}
