/** Files as they are in a commit, and commits made out of them. */
import { isUtf8 } from 'node:buffer'
import { blobId } from '../forge/blob.ts'
import type { CommitDraft, FileRead } from '../forge/forge.ts'
import { malformed, type Reply } from '../forge/answers.ts'
import { errorOfReply } from './errors.ts'
import { blobAnswer, commitAnswer, contentAnswer, madeAnswer, take } from './reading.ts'
import type { Ask, Send } from './send.ts'

export interface Contents {
  read(commit: string, path: string, signal: AbortSignal): Promise<FileRead>
  commit(draft: CommitDraft, signal: AbortSignal): Promise<string>
  /** Somebody read the tree of a commit on the way. */
  knows(commit: string, tree: string): void
}

/** GitHub hands out blobs up to 100 MB; as base64 in JSON. */
const mostBlob = 140 << 20
/** What is longer, or no text, goes as a blob of its own. */
const longestInline = 4 << 20
const longestLink = 4096
const mostKnown = 32
/**
 * Of a commit nothing changes: the file is not asked for again as long as the branch stands still. Nor are bytes that
 * are known, where they come apart from the answer that names them.
 */
const mostFiles = 4

export function createContents(send: Send): Contents {
  const trees = createLatest<string>(mostKnown)
  const files = createLatest<FileRead>(mostFiles)
  const blobs = createLatest<Buffer>(mostFiles)

  /** null: no such commit. */
  async function treeOf(commit: string, signal: AbortSignal): Promise<string | null> {
    const known = trees.get(commit)
    if (known !== undefined) return known
    const what = `read commit ${commit}`
    const ask = { what, path: `/git/commits/${encodeURIComponent(commit)}`, also: [404, 422] }
    const { status, json } = await send(ask, signal)
    if (status !== 200) return null
    const { tree } = take(commitAnswer, json, send.asked(what))
    trees.set(commit, tree.sha)
    return tree.sha
  }

  async function blob(id: string, what: string, signal: AbortSignal): Promise<Buffer> {
    const known = blobs.get(id)
    if (known !== undefined) return known
    const { json } = await send({ what, path: `/git/blobs/${id}`, most: mostBlob }, signal)
    return Buffer.from(take(blobAnswer, json, send.asked(what)).content, 'base64')
  }

  async function readNow(commit: string, path: string, signal: AbortSignal): Promise<FileRead> {
    const what = `read ${path} in ${commit}`
    const ask: Ask = {
      what,
      path: `/contents/${pathIn(path)}?ref=${encodeURIComponent(commit)}`,
      accept: 'application/vnd.github.object+json',
      also: [404],
    }
    const { status, json } = await send(ask, signal)
    if (status === 404) {
      // The same answer for a file, a commit and a repository that are not there.
      if ((await treeOf(commit, signal)) !== null) return { is: 'missing' }
      throw noCommit(send, commit, what)
    }
    const found = take(contentAnswer, json, send.asked(what))
    if (Array.isArray(found) || found.type === 'dir') return { is: 'folder' }
    if (found.type === 'symlink') return { is: 'link' }
    if (found.type !== 'file') return { is: 'submodule' }
    // Of a link to a file GitHub answers with that file, under its own path.
    if (found.path !== undefined && found.path !== path) return { is: 'link' }
    // Above 1 MB there is no content in it (`"encoding": "none"`).
    const whole = found.encoding === 'base64' && (found.content ?? '') !== ''
    const bytes = whole ? Buffer.from(found.content ?? '', 'base64') : await blob(found.sha, what, signal)
    if (found.sha.length === 40 && blobId(bytes) !== found.sha) {
      // Or under the path and with the id of the link.
      if (whole && looksLikeLink(await blob(found.sha, what, signal), found.sha)) return { is: 'link' }
      throw malformed(send.asked(what), 'other bytes than it names')
    }
    blobs.set(found.sha, bytes)
    return { is: 'file', bytes, blob: found.sha }
  }

  async function entryOf(path: string, bytes: Buffer | null, signal: AbortSignal): Promise<object> {
    const entry = { path, mode: '100644', type: 'blob' }
    if (bytes === null) return { ...entry, sha: null }
    const inline = bytes.length > 0 && bytes.length <= longestInline && isUtf8(bytes) && !bytes.includes(0)
    if (inline) return { ...entry, content: bytes.toString() }
    const what = `store ${path}`
    const body = { content: bytes.toString('base64'), encoding: 'base64' }
    const { json } = await send({ what, method: 'POST', path: '/git/blobs', body, repeat: true }, signal)
    return { ...entry, sha: take(madeAnswer, json, send.asked(what)).sha }
  }

  return {
    knows: (commit, tree) => trees.set(commit, tree),
    async read(commit, path, signal) {
      const name = `${commit}:${path}`
      const known = signal.aborted ? undefined : files.get(name)
      if (known !== undefined) return known
      const read = await readNow(commit, path, signal)
      files.set(name, read)
      return read
    },
    async commit({ parent, files: contents, message, author }, signal) {
      const what = 'make a commit'
      const base = await treeOf(parent, signal)
      if (base === null) throw noCommit(send, parent, what)
      const entries: object[] = []
      for (const [path, bytes] of contents) entries.push(await entryOf(path, bytes, signal))
      // Nobody sees any of these before a branch has them: done twice they are as good as once.
      const post = { what, method: 'POST', repeat: true } as const
      const tree = await send({ ...post, path: '/git/trees', body: { base_tree: base, tree: entries } }, signal)
      const { sha } = take(madeAnswer, tree.json, send.asked(what))
      const body = { message, tree: sha, parents: [parent], ...(author && { author }) }
      const made = await send({ ...post, path: '/git/commits', body }, signal)
      const { sha: id } = take(madeAnswer, made.json, send.asked(what))
      trees.set(id, sha)
      // Merged, it is read from the base.
      for (const bytes of contents.values()) if (bytes !== null) blobs.set(blobId(bytes), bytes)
      return id
    },
  }
}

/** What Git keeps of a link is where it leads. */
function looksLikeLink(bytes: Buffer, id: string): boolean {
  return bytes.length <= longestLink && !bytes.includes('\n') && blobId(bytes) === id
}

function noCommit(send: Send, commit: string, what: string) {
  const reply: Reply = {
    status: 404,
    headers: {},
    body: Buffer.from(JSON.stringify({ message: `no commit ${commit}` })),
  }
  return errorOfReply(send.asked(what), reply, (text) => text)
}

/** Segment by segment: slashes stay. */
export function pathIn(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

/** The ones that were set last. */
function createLatest<T>(most: number) {
  const known = new Map<string, T>()
  return {
    get: (name: string) => known.get(name),
    set(name: string, value: T): void {
      known.delete(name)
      known.set(name, value)
      const [oldest] = known.keys()
      if (known.size > most && oldest !== undefined) known.delete(oldest)
    },
  }
}
