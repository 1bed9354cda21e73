/** git as this program calls it: bounded, redacted, and with one meaning for what it says when it fails. */
import type { Clock, Ms } from '../../kernel/clock.ts'
import { createDeadline } from '../../kernel/deadline.ts'
import { AppError } from '../../kernel/errors.ts'
import { BrokenRepository, lastWord, remoteFault, type Fault } from './failure.ts'
import { objectReader } from './objects.ts'
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

export interface GitCommands {
  /** Whatever it ends with. */
  git(args: readonly string[], signal: AbortSignal, extra?: Extra): Promise<GitEnd>
  /** On the local copy: what fails here is the copy's fault, BrokenRepository. */
  local(args: readonly string[], signal: AbortSignal, extra?: Extra): Promise<Buffer>
  /** At the other end. Throws BrokenRepository where it may as well be the copy. */
  distant(args: readonly string[], signal: AbortSignal): Promise<Buffer>
  /** Objects of the local copy, in order; by one process. */
  objects(names: readonly string[], signal: AbortSignal, onObject: OnObject): Promise<void>
  /** Of an object of the local copy; null: there is no such object. */
  typeOf(name: string, signal: AbortSignal): Promise<string | null>
  /** Throws unless git can do what is asked of it here; asks only once. */
  checkVersion(signal: AbortSignal): Promise<void>
}

export interface Extra {
  readonly input?: string | Uint8Array
  readonly onOutput?: (piece: Buffer) => void
  readonly most?: number
}

export type OnObject = (id: string, type: string, bytes: Buffer) => void

/** What a fault is to whoever asked. */
export type Fail = (fault: Fault, cause?: unknown) => AppError

export const standardTimeout: Ms = 60_000
/** `GIT_CONFIG_COUNT`, through which secrets go in, is from 2.31 (March 2021). */
const oldest = [2, 31] as const

export function createGitCommands(options: GitOptions, fail: Fail): GitCommands {
  const { remote, folder, clock, timeout = standardTimeout, program = 'git' } = options
  const env = environmentOf(remote, folder, options.env)
  const redact = redactorOf(remote)
  let versionSeen = false

  async function git(args: readonly string[], signal: AbortSignal, extra: Extra = {}): Promise<GitEnd> {
    const command = args.find((arg) => !arg.startsWith('-')) ?? args[0]
    const deadline = createDeadline(clock, timeout, signal, `git ${command}`)
    try {
      // The deadline aborts its signal; then we wait until no process is left, so that none meets the next one.
      const ran = runGit({ program, args, env, cwd: folder, clock, signal: deadline.signal, ...extra })
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
      const detail = `${program} cannot be run: install the package git, 2.31 or newer, and see that PATH leads to it`
      return fail({ detail, why: 'invalid', lasts: true }, thrown)
    }
    if (thrown instanceof AppError && thrown.code === 'timed-out') {
      const detail = `${shownUrl(remote.url)}: no answer in time from ${thrown.detail}; a longer timeout helps where the repository is large`
      return fail({ detail, why: 'timed-out', lasts: false }, thrown)
    }
    return thrown
  }

  async function local(args: readonly string[], signal: AbortSignal, extra: Extra = {}): Promise<Buffer> {
    const { code, stdout, stderr } = await git([`--git-dir=${folder}`, ...args], signal, extra)
    if (code === 0) return stdout
    if (/No space left|Disk quota/.test(stderr)) throw fail(remoteFault(stderr, remote)!)
    throw new BrokenRepository(`git ${args[0]}: ${code ?? 'killed'}: ${lastWord(stderr)}`)
  }

  return {
    git,
    local,
    async distant(args, signal) {
      const { code, stdout, stderr } = await git(args, signal, { most: mostListed })
      if (code === 0) return stdout
      const fault = remoteFault(stderr, remote)
      throw fault ? fail(fault) : new BrokenRepository(lastWord(stderr))
    },
    async objects(names, signal, onObject) {
      const reader = objectReader(onObject)
      const input = names.map((name) => `${name}\n`).join('')
      await local(['cat-file', '--batch', '--buffer'], signal, { input, onOutput: (piece) => reader.take(piece) })
      reader.end()
    },
    async typeOf(name, signal) {
      const line = (await local(['cat-file', '--batch-check'], signal, { input: `${name}\n` })).toString('utf8')
      return /^[0-9a-f]+ ([a-z]+) \d+\n$/.exec(line)?.[1] ?? null
    },
    async checkVersion(signal) {
      if (versionSeen) return
      const { stdout } = await git(['--version'], signal)
      const text = stdout.toString('utf8').trim()
      const [, major, minor] = /(\d+)\.(\d+)/.exec(text)?.map(Number) ?? []
      if (major === undefined || major < oldest[0] || (major === oldest[0] && minor! < oldest[1])) {
        throw fail({ detail: `${text || program} is too old: 2.31 or newer is needed`, why: 'invalid', lasts: true })
      }
      versionSeen = true
    },
  }
}

/** What one listing of a remote or of a folder may have: 100,000 names of 300 bytes. */
export const mostListed = 32 << 20

export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}
