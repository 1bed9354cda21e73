/** Runs the program as its users do: as a process, from a folder of its own, with a clean environment. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { collect } from './child.ts'

const launcher = fileURLToPath(new URL('../../bin/regista.js', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Killed after this many milliseconds; the code is then null. */
  readonly bound?: number
}

/** One command, to its end. */
export async function regista(args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = start(args, options)
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
  const timer = setTimeout(() => child.kill('SIGKILL'), options.bound ?? 60_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, stdout: stdout(), stderr: stderr() }
}

export interface Serving extends AsyncDisposable {
  readonly pid: number
  /** http://127.0.0.1:PORT */
  readonly url: string
  readonly stderr: () => string
  readonly stdout: () => string
  /** Sends the signal and waits for the exit code; kills after 20 s and answers null. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** `regista serve …` until it says where it listens. Throws with what it said instead. */
export async function serveRegista(args: readonly string[], options: RunOptions): Promise<Serving> {
  const child = start(['serve', ...args], options)
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
  const ended = once(child, 'close') as Promise<[number | null]>
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}\n${stdout()}${stderr()}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail('regista serve does not say where it listens')
    }, options.bound ?? 30_000)
    child.stdout!.on('data', () => {
      const found = /https?:\/\/\S+:\d+/.exec(stdout())
      if (found === null) return
      clearTimeout(timer)
      resolve(found[0])
    })
    void ended.then(([code]) => {
      clearTimeout(timer)
      fail(`regista serve ended with ${code}`)
    })
  })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    const [code] = await ended
    clearTimeout(timer)
    return code
  }
  return {
    pid: child.pid!,
    url,
    stdout,
    stderr,
    stop,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}

function start(args: readonly string[], { cwd, env = {} }: RunOptions): ChildProcess {
  const { PATH = '', TMPDIR } = process.env
  return spawn(process.execPath, [launcher, ...args], {
    cwd,
    env: { PATH, HOME: cwd, ...(TMPDIR !== undefined && { TMPDIR }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
