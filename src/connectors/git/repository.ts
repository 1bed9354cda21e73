/**
 * A remote repository as far as its newest commit goes, through the system's `git` and a bare copy in a
 * folder of its own. The copy is a cache: whatever is wrong with it, it is thrown away and fetched again.
 */
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { AppError } from '../../kernel/errors.ts'
import { createLocalCopy, type LocalCopy } from './copy.ts'
import { BrokenRepository, lastWord, remoteFailure, unavailable } from './failure.ts'
import { objectReader, parseRefs, parseTree, type TreeItem } from './objects.ts'
import { environmentOf, redactorOf, shownUrl, type Environment, type GitRemote } from './remote.ts'
import { runGit, type GitEnd } from './run.ts'

export interface GitOptions {
  readonly remote: GitRemote
  /** Ours alone, made when it is missing; one process at a time. */
  readonly folder: string
  readonly clock: Clock
  /** Bound of each git command; default 60 s. */
  readonly timeout?: Ms
  /** Of this process: what programs and the network need of it is handed on. */
  readonly env: Environment
  /** Default `git`, as PATH finds it. */
  readonly program?: string
}

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

export const standardTimeout: Ms = 60_000
/** `GIT_CONFIG_COUNT`, through which secrets go in, is from 2.31 (March 2021). */
const oldest = [2, 31] as const
/** A ref that moves between asking and fetching is asked for again. */
const mostMoves = 3

export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}

export function createGitRepository(options: GitOptions): GitRepository {
  const { remote, folder, clock, timeout = standardTimeout, program = 'git' } = options
  const env = environmentOf(remote, folder, options.env)
  const redact = redactorOf(remote)
  const shown = shownUrl(remote.url)
  const copy = createLocalCopy({ folder, remote, git: local })
  let versionSeen = false
  let turn: Promise<unknown> = Promise.resolve()

  interface Extra {
    readonly input?: string
    readonly onOutput?: (piece: Buffer) => void
    readonly most?: number
  }

  async function git(args: readonly string[], signal: AbortSignal, extra: Extra = {}): Promise<GitEnd> {
    const command = args.find((arg) => !arg.startsWith('-')) ?? args[0]
    const deadline = createDeadline(clock, timeout, signal, `git ${command}`)
    try {
      // The deadline aborts its signal; then we wait until no process is left, so that none meets the next one.
      const ran = runGit({ program, args, env, cwd: copy.home(), clock, signal: deadline.signal, ...extra })
      deadline.within(ran).catch(() => {})
      const ended = await ran
      return { ...ended, stderr: redact(ended.stderr) }
    } catch (thrown) {
      throw signal.aborted ? signal.reason : startFailure(thrown)
    } finally {
      deadline.end()
    }
  }

  function startFailure(thrown: unknown): unknown {
    const { code } = thrown as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES') {
      return unavailable(
        `${program} cannot be run: install the package git, 2.31 or newer, and see that PATH leads to it`,
        thrown,
      )
    }
    if (thrown instanceof AppError && thrown.code === 'timed-out') {
      return unavailable(
        `${shown}: no answer in time from ${thrown.detail}; a longer timeout helps where the repository is large`,
        thrown,
      )
    }
    return thrown
  }

  /** On the local copy: what fails here is the copy's fault. */
  async function local(args: readonly string[], signal: AbortSignal, extra: Extra = {}): Promise<Buffer> {
    const { code, stdout, stderr } = await git([`--git-dir=${folder}`, ...args], signal, extra)
    if (code === 0) return stdout
    if (/No space left|Disk quota/.test(stderr)) throw remoteFailure(stderr, remote)!
    throw new BrokenRepository(`git ${args[0]}: ${code ?? 'killed'}: ${lastWord(stderr)}`)
  }

  /** At the other end. Throws BrokenRepository where it may as well be the copy. */
  async function distant(args: readonly string[], signal: AbortSignal): Promise<Buffer> {
    const { code, stdout, stderr } = await git(args, signal)
    if (code === 0) return stdout
    throw remoteFailure(stderr, remote) ?? new BrokenRepository(lastWord(stderr))
  }

  async function checkVersion(signal: AbortSignal): Promise<void> {
    if (versionSeen) return
    const { stdout } = await git(['--version'], signal)
    const text = stdout.toString('utf8').trim()
    const [, major, minor] = /(\d+)\.(\d+)/.exec(text)?.map(Number) ?? []
    if (major === undefined || major < oldest[0] || (major === oldest[0] && minor! < oldest[1])) {
      throw unavailable(`${text || program} is too old: 2.31 or newer is needed`)
    }
    versionSeen = true
  }

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

  /** null: there is no such object. */
  async function typeOf(name: string, signal: AbortSignal): Promise<string | null> {
    const line = (await local(['cat-file', '--batch-check'], signal, { input: `${name}\n` })).toString('utf8')
    return /^[0-9a-f]+ ([a-z]+) \d+\n$/.exec(line)?.[1] ?? null
  }

  async function objects(
    names: readonly string[],
    signal: AbortSignal,
    onObject: (id: string, type: string, bytes: Buffer) => void,
  ): Promise<void> {
    const reader = objectReader(onObject)
    const input = names.map((name) => `${name}\n`).join('')
    await local(['cat-file', '--batch', '--buffer'], signal, { input, onOutput: (piece) => reader.take(piece) })
    reader.end()
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
        return parseTree(await local(args, signal, { most: mostTree }))
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

/** 100,000 names of 300 bytes. */
const mostTree = 32 << 20

/** Once more on a fresh copy, where the one at hand may be what is wrong. */
async function mended<T>(copy: LocalCopy, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (!(thrown instanceof BrokenRepository)) throw thrown
    await copy.discard()
    return work()
  }
}
