/**
 * A remote repository as far as its newest commit goes, through the system's `git` and a bare copy in a
 * folder of its own. The copy is a cache: whatever is wrong with it, it is thrown away and fetched again.
 */
import type { Instant } from '../../kernel/clock.ts'
import { createGitCommands, isCommitId, mostListed, type GitOptions } from './commands.ts'
import { createLocalCopy, mended } from './copy.ts'
import { BrokenRepository, unavailable } from './failure.ts'
import { parseRefs, parseTree, type TreeItem } from './objects.ts'
import { shownUrl } from './remote.ts'

export { standardTimeout, type GitOptions } from './commands.ts'

export interface GitRepository {
  /**
   * Asks which commit the ref names now, and hands it to `work`, whole and on this machine. null: `known`
   * said of the commit that nothing need be read. `work` runs again when the copy turns out to be broken.
   * Throws AppError `source.unavailable` with the next step, never a secret.
   */
  read<T>(reading: Reading<T>, signal: AbortSignal): Promise<T | null>
}

export interface Reading<T> {
  readonly known: (commit: string) => boolean
  readonly work: (view: CommitView) => Promise<T>
}

/** One commit. */
export interface CommitView {
  readonly commit: string
  /** Branch or tag that named it, as far as the remote says. */
  readonly ref: string | null
  readonly committedAt: Instant
  /** What is in a folder itself, not below it; '' is the top. null: there is no such folder. */
  tree(path: string): Promise<readonly TreeItem[] | null>
  /** Tells each blob once, however often it is listed. One process, whatever their number. */
  blobs(ids: Iterable<string>, onBlob: (id: string, bytes: Buffer) => void): Promise<void>
}

interface Tip {
  readonly commit: string
  readonly ref: string | null
  /** What to ask the remote for. */
  readonly wanted: string
}

/** A ref that moves between asking and fetching is asked for again. */
const mostMoves = 3

export function createGitRepository(options: GitOptions): GitRepository {
  const { remote, folder } = options
  const shown = shownUrl(remote.url)
  const { local, distant, objects, typeOf, checkVersion } = createGitCommands(options, ({ detail }, cause) =>
    unavailable(detail, cause),
  )
  const copy = createLocalCopy({ folder, remote, git: local, fail: unavailable })
  let turn: Promise<unknown> = Promise.resolve()

  async function tip(signal: AbortSignal): Promise<Tip> {
    const { ref } = remote
    if (ref !== null && isCommitId(ref)) return { commit: ref, ref: null, wanted: ref }
    const names = ref === null ? ['HEAD'] : ref.startsWith('refs/') ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`]
    // Of an annotated tag, the commit that it stands for.
    const asked = names.flatMap((name) => (name === 'HEAD' ? [name] : [name, `${name}^{}`]))
    // Outside of any repository: what is configured in one around us is none of our business.
    const args = ['--git-dir=/dev/null', 'ls-remote', '--symref', '--', remote.url, ...asked]
    const { ids, head } = parseRefs((await distant(args, signal)).toString('utf8'))
    const wanted = names.find((name) => ids.has(name))
    if (wanted === undefined) {
      throw unavailable(`${shown}: the remote has no ${ref === null ? 'HEAD: is it empty?' : `branch or tag ${ref}`}`)
    }
    const commit = ids.get(`${wanted}^{}`) ?? ids.get(wanted)!
    return { commit, wanted, ref: (head ?? wanted).replace(/^refs\/(?:heads|tags)\//, '') }
  }

  async function fetchTip({ wanted }: Tip, signal: AbortSignal): Promise<void> {
    const flags = ['--quiet', '--force', '--depth=1', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head']
    const args = [`--git-dir=${folder}`, 'fetch', ...flags, '--no-auto-maintenance', '--', remote.url]
    await distant([...args, `+${wanted}:${copy.ref}`], signal)
    await copy.tidy(signal)
  }

  /** false: the ref moved on meanwhile, the commit is not here. */
  async function bring(at: Tip, signal: AbortSignal): Promise<boolean> {
    await copy.open(at.commit.length === 64 ? 'sha256' : 'sha1', signal)
    if (await has(at.commit, signal)) return true
    await fetchTip(at, signal)
    return has(at.commit, signal)
  }

  async function has(commit: string, signal: AbortSignal): Promise<boolean> {
    const type = await typeOf(`${commit}^{commit}`, signal)
    return type === 'commit'
  }

  async function view({ commit, ref }: Tip, signal: AbortSignal): Promise<CommitView> {
    let committedAt: Instant = 0
    await objects([commit], signal, (_, __, bytes) => {
      const seconds = /^committer .* (\d+) [-+]\d+$/m.exec(bytes.toString('utf8'))?.[1]
      committedAt = Number(seconds ?? 0) * 1000
    })
    return {
      commit,
      ref,
      committedAt,
      async tree(path) {
        const name = `${commit}:${path}`
        if ((await typeOf(name, signal)) !== 'tree') return null
        const args = ['ls-tree', '-z', '--long', '--full-tree', '--end-of-options', name]
        return parseTree(await local(args, signal, { most: mostListed }))
      },
      async blobs(ids, onBlob) {
        const wanted = [...new Set(ids)]
        if (wanted.length > 0) await objects(wanted, signal, (id, _, bytes) => onBlob(id, bytes))
      },
    }
  }

  async function readNow<T>({ known, work }: Reading<T>, signal: AbortSignal): Promise<T | null> {
    await copy.prepare()
    await checkVersion(signal)
    for (let moves = 0; moves < mostMoves; moves++) {
      const at = await tip(signal)
      if (known(at.commit)) return null
      const found = await mended(copy, async () => {
        if (!(await bring(at, signal))) return null
        return { value: await work(await view(at, signal)) }
      })
      if (found !== null) return found.value
      if (at.ref === null) break
    }
    throw unavailable(`${shown}: ${remote.ref ?? 'HEAD'} is no commit, or moves faster than it can be fetched`)
  }

  return {
    read(reading, signal) {
      // Two at one copy would meet in its locks; one that was given up ends within its grace.
      const result = turn
        .then(() => readNow(reading, signal))
        .catch((thrown: unknown) => {
          if (thrown instanceof BrokenRepository) throw unavailable(`${shown}: ${thrown.message}`, thrown)
          throw thrown
        })
      turn = result.catch(() => {})
      return result
    },
  }
}
