/** One run of a program from its start to its end: in a group of its own, bounded in time, and gone when it is over. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import type { Clock, Ms } from '../../../kernel/clock.ts'

export interface Run {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly timeout: Ms
  /** Between SIGTERM and SIGKILL. */
  readonly killAfter: Ms
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void
}

export type RunEnd =
  | { readonly is: 'unstarted'; readonly code: string }
  | { readonly is: 'exited'; readonly code: number; readonly stopped: Stop | null }
  | { readonly is: 'killed'; readonly signal: NodeJS.Signals; readonly stopped: Stop | null }

/** Why we ended it. */
export type Stop = 'timeout' | 'closing'

export interface Running {
  readonly ended: Promise<RunEnd>
  /** Asks it to end, and makes it. */
  stop(why: Stop): void
}

/** For output that is still in the pipes when it has ended. */
const drain: Ms = 500

export function start(run: Run, clock: Clock): Running {
  const [program = '', ...args] = run.argv
  // A group of its own: what it starts ends with it.
  const options: SpawnOptions = { cwd: run.cwd, env: run.env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }
  const watchdog = startWatchdog(run.killAfter)
  let child: ChildProcess
  try {
    child = spawn(program, args, options)
  } catch (thrown) {
    // An argument list that is too long, for one, is thrown.
    const { code = 'failed' } = thrown as NodeJS.ErrnoException
    watchdog.end()
    return { ended: Promise.resolve({ is: 'unstarted', code }), stop: () => {} }
  }
  if (child.pid !== undefined) watchdog.watch(child.pid)
  const over = new AbortController()
  let stopped: Stop | null = null

  function stop(why: Stop): void {
    if (stopped !== null || over.signal.aborted) return
    stopped = why
    signalGroup(child, 'SIGTERM')
    void clock.sleep(run.killAfter, over.signal).then(() => {
      if (!over.signal.aborted) signalGroup(child, 'SIGKILL')
    })
  }

  child.stdout?.on('data', (chunk: Buffer) => run.onOutput('stdout', chunk))
  child.stderr?.on('data', (chunk: Buffer) => run.onOutput('stderr', chunk))
  void clock.sleep(run.timeout, over.signal).then(() => stop('timeout'))
  return { ended: endOf(child, clock, over, watchdog, () => stopped), stop }
}

async function endOf(
  child: ChildProcess,
  clock: Clock,
  over: AbortController,
  watchdog: Watchdog,
  stopped: () => Stop | null,
): Promise<RunEnd> {
  const closed = new AbortController()
  child.once('close', () => closed.abort(null))
  try {
    const end = await new Promise<RunEnd>((resolve) => {
      child.once('error', ({ code = 'failed' }: NodeJS.ErrnoException) => resolve({ is: 'unstarted', code }))
      child.once('exit', (code, signal) => {
        if (code !== null) resolve({ is: 'exited', code, stopped: stopped() })
        else resolve({ is: 'killed', signal: signal ?? 'SIGKILL', stopped: stopped() })
      })
    })
    // What it left behind in its group may hold the pipes open, and is not to outlive it.
    if (end.is !== 'unstarted') await clock.sleep(drain, closed.signal)
    return end
  } finally {
    over.abort(null)
    signalGroup(child, 'SIGKILL')
    child.stdout?.destroy()
    child.stderr?.destroy()
    watchdog.end()
  }
}

/**
 * Ends a group when this process dies without a word: its end of the pipe closes then, also by kill -9. A shell of a
 * megabyte, which is told numbers alone; on a machine without one the command would outlive us. It runs before the
 * command does, so that all that is left to chance is the moment between the command's start and the first line.
 */
function startWatchdog(killAfter: Ms): Watchdog {
  const script = 'read -r group && { read -r _; kill -s TERM -- "-$group"; sleep "$1"; kill -s KILL -- "-$group"; }'
  const shell = spawn('/bin/sh', ['-c', script, 'watchdog', String(Math.ceil(killAfter / 1000))], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/bin:/bin' },
  })
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  return {
    watch: (group) => void shell.stdin.write(`${group}\n`),
    end() {
      shell.kill('SIGKILL')
      shell.stdin.destroy()
    },
  }
}

interface Watchdog {
  watch(group: number): void
  end(): void
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // all of it is gone
  }
}
