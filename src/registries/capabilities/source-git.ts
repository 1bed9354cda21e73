/**
 * A folder of a Git repository as a source: one scope. A commit vouches for what is not in it. What is
 * compared is blob by blob, so that a new commit that changes no manifest costs one listing.
 */
import type { TreeItem } from '../../connectors/git/objects.ts'
import type { CommitView, GitRepository } from '../../connectors/git/repository.ts'
import { root } from '../../engine/scope.ts'
import type { Ask, Entry, Look, Same, Source } from '../../engine/source.ts'
import { isoTime } from '../../kernel/clock.ts'
import { sha256 } from '../../kernel/digest.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Json } from '../../kernel/json.ts'
import { readManifest, type ManifestRules } from './manifest/manifest.ts'
import { largestManifest, namePattern } from './manifest-files.ts'
import type { Capability } from './model.ts'
import { ManifestError, shownFile } from './manifest/problem.ts'
import { reading, readingOf, rulesVersion, sortOut, type ManifestReading, type Reading } from './sort-out.ts'

export interface GitSourceOptions {
  readonly repository: GitRepository
  /** Folder of the manifests within the repository, without '/' at either end; '' is the top. */
  readonly path: string
  /** Of file names within that folder. */
  readonly glob: string
  readonly rules: ManifestRules
}

type Known = Awaited<ReturnType<Ask['known']>>

export function createGitSource({ repository, path, glob, rules }: GitSourceOptions): Source<Capability> {
  const pattern = namePattern(glob)
  const version = rulesVersion(glob, rules)
  const markOf = (commit: string) => sha256(`${version}\n${commit}\n${path}`)
  const originOf = (name: string) => (path === '' ? name : `${path}/${name}`)

  async function look(ask: Ask, signal: AbortSignal): Promise<Look<Entry<Capability> | Same>> {
    let known: Known | null = null
    try {
      const reading = {
        known: (commit: string) => ask.mark !== undefined && ask.mark === markOf(commit),
        async work(view: CommitView) {
          const items = await view.tree(path)
          if (items === null) throw missing(view)
          known ??= await ask.known()
          return complete(view, items, known)
        },
      }
      return (await repository.read(reading, signal)) ?? { saw: 'unchanged' }
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== 'source.unavailable') throw thrown
      return { saw: 'unavailable', why: 'source-unavailable', detail: thrown.detail }
    }
  }

  function missing({ commit, ref }: CommitView): AppError {
    const where = ref === null ? commit : `${ref} (${commit.slice(0, 12)})`
    return new AppError('source.unavailable', `Capabilities directory not found: ${path} at ${where}`)
  }

  async function complete(
    view: CommitView,
    items: readonly TreeItem[],
    known: Known,
  ): Promise<Look<Entry<Capability> | Same>> {
    const files = items.filter(({ name }) => pattern.test(name))
    const byOrigin = new Map([...known].map(([key, { origin, stamp }]) => [origin, { key, stamp }]))
    const readings: Reading[] = []
    const unread = new Map<string, TreeItem[]>()
    for (const file of files) {
      const origin = originOf(file.name)
      const error = refusalOf(file)
      const before = byOrigin.get(origin)
      const stamp = `${version}-${file.id}`
      if (error !== null) readings.push({ origin, error })
      else if (before?.stamp === stamp) readings.push({ origin, key: before.key, entry: { key: before.key, stamp } })
      else unread.set(file.id, [...(unread.get(file.id) ?? []), file])
    }
    const note = noteOf(view)
    await view.blobs(unread.keys(), (id, bytes) => {
      // Once for each file: two with the same content are two files with one identifier.
      for (const { name } of unread.get(id) ?? [])
        readings.push(readingOf(readBlob(bytes, originOf(name)), originOf(name), { stamp: `${version}-${id}`, note }))
    })
    readings.sort((a, b) => (a.origin < b.origin ? -1 : 1))
    return { saw: 'complete', ...sortOut(readings, (file) => byOrigin.has(file)), mark: markOf(view.commit) }
  }

  function readBlob(bytes: Buffer, origin: string): ManifestReading {
    return reading(() => {
      if (bytes.subarray(0, pointer.length).toString('latin1') === pointer) {
        throw new ManifestError('file', 'is a Git LFS pointer; keep manifests out of LFS')
      }
      return readManifest(bytes, shownFile(origin), rules)
    })
  }

  return { scopes: [{ scope: root }], absence: 'vouched', look }
}

/** git-lfs specification, "The Pointer". */
const pointer = 'version https://git-lfs.github.com/spec/'

function refusalOf({ kind, size }: TreeItem): ManifestError | null {
  if (kind === 'link')
    return new ManifestError('file', 'is a symbolic link, and nothing is checked out; commit the file itself')
  if (kind === 'submodule') return new ManifestError('file', 'is a submodule')
  if (kind === 'tree') return new ManifestError('file', 'is a directory')
  return size > largestManifest ? new ManifestError('file', `is larger than ${largestManifest} bytes`) : null
}

/** Where the content was seen first: told with the entry and its events. */
function noteOf({ commit, ref, committedAt }: CommitView): Json {
  return { commit, ref, committedAt: isoTime(committedAt) }
}
