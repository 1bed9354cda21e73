/** One git process from start to end: bounded in time and output, and gone with all its children when aborted. */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Clock, Ms } from '../../kernel/clock.ts'

/** What was printed on stderr; more is cut off at the front. */
const mostStderr = 16_384
/** git removes its temporary files and locks when it is asked to end; then it is made to. */
const grace: Ms = 500

export interface GitCall {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly clock: Clock
  /** Carries the deadline. */
  readonly signal: AbortSignal
  readonly input?: string | Uint8Array
  /** Takes stdout piece by piece; what it throws ends the process and rejects the call. */
  readonly onOutput?: (piece: Buffer) => void
  /** Most bytes of stdout where nobody takes them; more is an error. */
  readonly most?: number
}

export interface GitEnd {
  /** null: ended by a signal that was not ours. */
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Rejects when it could not be started, with the signal's reason, or with what `onOutput` threw; never leaves a process. */
export async function runGit(call: GitCall): Promise<GitEnd> {
  const { program, args, env, cwd, signal } = call
  signal.throwIfAborted()
  // A group of its own: git has helpers (git-remote-https, ssh, index-pack) that must end with it.
  const child = spawn(program, args, { env, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = new AbortController()
  const failure: { error: unknown } = { error: null }
  const stop = (error: unknown) => {
    if (failure.error !== null || ended.signal.aborted) return
    failure.error = error
    endGroup(child, call.clock, ended.signal)
  }
  const abort = () => stop(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    const stdout = takeOutput(child, call, stop)
    const stderr = takeErrors(child)
    // A process that ended early does not read its input; its exit code says why.
    child.stdin.on('error', () => {})
    child.stdin.end(call.input ?? '')
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (failure.error !== null) throw failure.error
    return { code, stdout: Buffer.concat(stdout), stderr: stderr() }
  } finally {
    ended.abort()
    signal.removeEventListener('abort', abort)
  }
}

function takeOutput(
  child: ChildProcess,
  { onOutput, most = 1 << 20 }: GitCall,
  stop: (error: unknown) => void,
): Buffer[] {
  const pieces: Buffer[] = []
  let size = 0
  child.stdout!.on('data', (piece: Buffer) => {
    try {
      if (onOutput) return onOutput(piece)
      size += piece.length
      if (size > most) throw new Error(`git printed more than ${most} bytes`)
      pieces.push(piece)
    } catch (thrown) {
      stop(thrown)
    }
  })
  return pieces
}

function takeErrors(child: ChildProcess): () => string {
  let text = Buffer.alloc(0)
  child.stderr!.on('data', (piece: Buffer) => {
    text = Buffer.concat([text, piece]).subarray(-mostStderr)
  })
  return () => text.toString('utf8')
}

function endGroup(child: ChildProcess, clock: Clock, ended: AbortSignal): void {
  const send = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // all of it is gone
    }
  }
  send('SIGTERM')
  // The leader may be gone while a helper still holds our pipes: the group keeps its number until then.
  void clock.sleep(grace, ended).then(() => {
    if (!ended.aborted) send('SIGKILL')
  })
}
