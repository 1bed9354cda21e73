/**
 * Plain Git as a forge: a bare repository on disk or behind a URL, through the system's `git` and a bare copy of its
 * own. A branch is all that there is; requests are left to whoever wraps this.
 */
import { AppError } from '../../kernel/errors.ts'
import { refused, unavailable } from '../forge/failure.ts'
import type { CommitDraft, FileRead, Forge } from '../forge/forge.ts'
import { createGitCommands, isCommitId, type GitOptions } from './commands.ts'
import { createLocalCopy, mended } from './copy.ts'
import { importOf, isFilePath, stepsTo, type Person } from './drafts.ts'
import { BrokenRepository, lastWord, type Fault } from './failure.ts'
import { parseRefs, parseTree, type TreeRow } from './objects.ts'
import { pushFault } from './push.ts'
import { shownUrl, type GitRemote } from './remote.ts'

export interface GitForgeOptions extends Omit<GitOptions, 'remote'> {
  readonly remote: Omit<GitRemote, 'ref'>
  /** Commits in whose name; default `Regista`. */
  readonly committer?: Person
}

/** So many commits are held in the copy: those between a look at the base and the push of what follows it. */
const mostKept = 16
/** Between two looks at a base; each brings the trees of its commits along. */
const farthest = 100
/** As much as forges give out of one file. */
const largestFile = 100 << 20

export function createGitForge({ committer = standardCommitter, ...given }: GitForgeOptions): Forge {
  const remote: GitRemote = { ...given.remote, ref: null }
  const { folder, clock } = given
  const name = nameOf(remote.url)
  const host = name.split('/', 1)[0] || 'localhost'
  const failed = ({ detail, why, lasts }: Fault, cause?: unknown) =>
    (lasts ? refused : unavailable)(detail, { host, why }, cause)
  const { git, local, distant, objects, typeOf, checkVersion } = createGitCommands({ ...given, remote }, failed)
  const copy = createLocalCopy({ folder, remote, git: local, fail: (detail, cause) => failed(faultOf(detail), cause) })
  let turn: Promise<unknown> = Promise.resolve()
  let kept = 0

  /** Two at one copy would meet in its locks; one that was given up ends within its grace. */
  function inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const result = turn
      .then(async () => {
        signal.throwIfAborted()
        await copy.prepare()
        await checkVersion(signal)
        return work()
      })
      .catch((thrown: unknown) => {
        if (signal.aborted && !(thrown instanceof AppError)) throw new AppError('aborted', name, { cause: thrown })
        if (thrown instanceof BrokenRepository) throw failed(faultOf(`${name}: ${thrown.message}`), thrown)
        throw thrown
      })
    turn = result.catch(() => {})
    return result
  }

  async function heads(patterns: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    // Outside of any repository: what is configured in one around us is none of our business.
    const args = ['--git-dir=/dev/null', 'ls-remote', '--heads', '--', remote.url, ...patterns]
    return parseRefs((await distant(args, signal)).toString('utf8')).ids
  }

  async function headNow(branch: string, signal: AbortSignal): Promise<string | null> {
    const ref = refOf(branch)
    return (await heads([ref], signal)).get(ref) ?? null
  }

  /** The commit is in the copy, and stays for the next `mostKept` of them. */
  async function bring(commit: string, signal: AbortSignal, gone = neverThere): Promise<void> {
    await copy.open(commit.length === 64 ? 'sha256' : 'sha1', signal)
    if ((await typeOf(`${commit}^{commit}`, signal)) === 'commit') return
    await fetch(commit, 1, signal).catch((thrown: unknown) => {
      throw isGone(thrown) ? gone(commit, thrown) : thrown
    })
    await copy.tidy(signal)
  }

  async function fetch(commit: string, depth: number, signal: AbortSignal): Promise<void> {
    const flags = ['--quiet', '--force', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head']
    const args = [`--git-dir=${folder}`, 'fetch', ...flags, '--no-auto-maintenance', `--depth=${depth}`]
    await distant([...args, '--', remote.url, `+${commit}:${keep()}`], signal)
  }

  /** As far as `farthest` commits back: what came before that is made anew rather than searched for. */
  async function followsNow(commit: string, earlier: string, signal: AbortSignal): Promise<boolean> {
    if (commit === earlier) return true
    await copy.open(commit.length === 64 ? 'sha256' : 'sha1', signal)
    await fetch(commit, farthest, signal).catch((thrown: unknown) => {
      throw isGone(thrown) ? neverThere(commit, thrown) : thrown
    })
    if ((await typeOf(`${earlier}^{commit}`, signal)) !== 'commit') return false
    const args = [`--git-dir=${folder}`, 'merge-base', '--is-ancestor', earlier, commit]
    const { code, stderr } = await git(args, signal)
    if (code === 0 || code === 1) return code === 0
    throw new BrokenRepository(`git merge-base: ${lastWord(stderr)}`)
  }

  const keep = () => `${copy.kept}-${kept++ % mostKept}`
  const neverThere = (commit: string, cause: unknown) =>
    refused(`${name}: there is no commit ${commit}; look at the branch again`, { host, why: 'not-found' }, cause)
  /** Made here, and lost with the copy. */
  const lost = (commit: string, cause: unknown) =>
    unavailable(`${name}: the commit ${commit} is lost; made again`, { host, why: 'conflict' }, cause)

  async function rowsOf(commit: string, paths: readonly string[], signal: AbortSignal) {
    const args = ['--literal-pathspecs', 'ls-tree', '-z', '--long', '--full-tree', commit, '--', ...paths]
    const rows = parseTree(await local(args, signal))
    return new Map(rows.map((row) => [row.name, row] as const))
  }

  async function readNow(commit: string, path: string, signal: AbortSignal): Promise<FileRead> {
    await bring(commit, signal)
    const row = (await rowsOf(commit, [path], signal)).get(path)
    if (row === undefined) return { is: 'missing' }
    if (row.kind !== 'file') return { is: row.kind === 'tree' ? 'folder' : row.kind }
    if (row.size > largestFile) {
      throw refused(`${name}: ${path} has ${row.size} bytes, more than is read`, { host, why: 'too-large' })
    }
    let bytes = Buffer.alloc(0)
    await objects([row.id], signal, (_, __, content) => void (bytes = Buffer.from(content)))
    return { is: 'file', bytes, blob: row.id }
  }

  async function commitNow(draft: CommitDraft, signal: AbortSignal): Promise<string> {
    await bring(draft.parent, signal)
    const rows = await rowsOf(draft.parent, [...new Set([...draft.files.keys()].flatMap(stepsTo))], signal)
    checkWays(draft, rows)
    const input = importOf({ draft, rows, committer, at: clock.now(), ref: keep() })
    const printed = await local(['fast-import', '--quiet', '--force', '--done'], signal, { input })
    const id = printed.toString('latin1').trim()
    if (!isCommitId(id)) throw new BrokenRepository('git fast-import told no id')
    await copy.tidy(signal)
    return id
  }

  /** What is no file stays what it is: a link or a folder is not to become one by what we write. */
  function checkWays({ files }: CommitDraft, rows: ReadonlyMap<string, TreeRow>): void {
    for (const path of files.keys()) {
      const inWay = stepsTo(path).find((step) => {
        const kind = rows.get(step)?.kind
        return kind !== undefined && kind !== (step === path ? 'file' : 'tree')
      })
      if (inWay === undefined) continue
      const detail = `${name}: ${path} cannot be written: ${inWay} is a ${rows.get(inWay)!.kind}; choose another path`
      throw refused(detail, { host, why: 'invalid' })
    }
  }

  /** true: the branch is `to` now (null: gone); false: it does not stand where it was said to. */
  async function push(branch: string, to: string | null, from: string | null, signal: AbortSignal): Promise<boolean> {
    const ref = refOf(branch)
    const flags = ['--porcelain', '--no-verify', '--no-recurse-submodules', `--force-with-lease=${ref}:${from ?? ''}`]
    const args = [`--git-dir=${folder}`, 'push', ...flags, '--', remote.url, `${to ?? ''}:${ref}`]
    let failure: AppError
    try {
      const { code, stdout, stderr } = await git(args, signal)
      if (code === 0) return true
      failure = failed(pushFault(`${stdout.toString('utf8')}\n${stderr}`, branch, remote))
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof AppError)) throw thrown
      failure = thrown
    }
    // Whatever it said: servers word a lost race in many ways, and some fail after they have done it.
    const is = await headNow(branch, signal).catch(() => {
      throw failure
    })
    if (is === to) return true
    if (is !== from) return false
    throw failure
  }

  function refOf(branch: string): string {
    if (isBranchName(branch)) return `refs/heads/${branch}`
    throw refused(`${name}: ${JSON.stringify(branch)} is no name of a branch`, { host, why: 'invalid' })
  }

  function checkPath(path: string): void {
    if (!isFilePath(path)) {
      throw refused(`${name}: ${JSON.stringify(path)} is no path of a file in a repository`, { host, why: 'invalid' })
    }
  }

  return {
    name,
    requests: null,
    head: (branch, signal) => inTurn(signal, () => headNow(branch, signal)),
    read: (commit, path, signal) =>
      inTurn(signal, async () => {
        checkPath(path)
        return mended(copy, () => readNow(commit, path, signal))
      }),
    commit: (draft, signal) =>
      inTurn(signal, async () => {
        for (const path of draft.files.keys()) checkPath(path)
        return mended(copy, () => commitNow(draft, signal))
      }),
    move: (branch, to, from, signal) =>
      inTurn(signal, async () => {
        await mended(copy, () => bring(to, signal, lost))
        return (await push(branch, to, from, signal)) ? 'moved' : 'elsewhere'
      }),
    remove: (branch, at, signal) =>
      inTurn(signal, async () => {
        await copy.open(at.length === 64 ? 'sha256' : 'sha1', signal)
        return (await push(branch, null, at, signal)) ? 'removed' : 'elsewhere'
      }),
    branches: (prefix, signal) =>
      inTurn(signal, async () => {
        const start = `refs/heads/${prefix}`
        const found = [...(await heads([], signal))].filter(([ref]) => ref.startsWith(start))
        return new Map(found.map(([ref, id]) => [ref.slice('refs/heads/'.length), id]))
      }),
    follows: (commit, earlier, signal) => inTurn(signal, () => mended(copy, () => followsNow(commit, earlier, signal))),
    close: async () => void (await turn),
  }
}

const standardCommitter: Person = { name: 'Regista', email: 'regista@localhost' }

const faultOf = (detail: string): Fault => ({ detail, why: 'server-error', lasts: false })

/** Nothing was wrong but that nobody has the commit any more. */
function isGone(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.code === 'target.unavailable' && thrown.data['why'] === 'not-found'
}

/** `git.example.io/team/claims`; of a folder its path. */
function nameOf(url: string): string {
  const [, scheme, rest = url] = /^([a-z+]+):\/\/(.*)$/i.exec(shownUrl(url)) ?? []
  // host:path, as ssh has it; what begins with a slash is a folder.
  const whole = scheme === undefined ? rest.replace(/^(?:[^/@]*@)?([^/:]+):\/*/, '$1/') : rest
  return whole.replace(/\/+$/, '').replace(/\.git$/, '')
}

/** As `git check-ref-format` has it. */
function isBranchName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex
  if (name === '' || name === '@' || /[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$/.test(name) || /^[-/]/.test(name))
    return false
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'))
}
