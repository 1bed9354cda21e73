/** Runs machinery-status-collector as its users do, in either role. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Ran } from './regista.ts'

const launcher = fileURLToPath(new URL('../../bin/machinery-status-collector.js', import.meta.url))

export interface StatusCollector extends Disposable {
  /** Of this run alone; nothing outlives it. */
  readonly folder: string
  write(name: string, text: string): string
  read(name: string): string
  /** To its end. */
  run(...args: readonly string[]): Promise<Ran>
  /** Runs on; whoever starts it ends it. */
  start(role: 'server' | 'informer', more?: Readonly<Record<string, string>>): Running
}

export interface Running extends AsyncDisposable {
  readonly child: ChildProcess
  readonly stderr: () => string
  /** Resolves once stderr, from `from` on, has the text; gives the match. */
  said(text: string | RegExp, from?: number): Promise<string>
  /** Sends the signal, gives the exit code; null: killed by a signal. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** The program gets none of our variables but PATH. */
export function statusCollector(env: Readonly<Record<string, string>> = {}): StatusCollector {
  const folder = mkdtempSync(join(tmpdir(), 'regista-collector-'))
  const { PATH = '' } = process.env
  const own = { PATH, HOME: folder, TMPDIR: folder, XDG_STATE_HOME: join(folder, 'state'), ...env }
  const open = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    spawn(process.execPath, [launcher, ...args], { env: { ...own, ...more }, stdio: ['ignore', 'pipe', 'pipe'] })
  return {
    folder,
    write(name, text) {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    },
    read: (name) => readFileSync(join(folder, name), 'utf8'),
    async run(...args) {
      const child = open(args)
      const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
      const [code] = (await once(child, 'close')) as [number | null]
      clearTimeout(timer)
      return { code, stdout: stdout(), stderr: stderr() }
    },
    start: (role, more) => follow(open([role], more)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function collect(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  let text = ''
  child[stream]!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return () => text
}

function follow(child: ChildProcess): Running {
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
  const ended = once(child, 'exit') as Promise<[number | null]>
  const over = () => child.exitCode !== null || child.signalCode !== null

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!over()) child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
    const [code] = await ended
    clearTimeout(timer)
    return code
  }

  return {
    child,
    stderr,
    stop,
    async said(text, from = 0) {
      const found = () => {
        const fresh = stderr().slice(from)
        if (typeof text === 'string') return fresh.includes(text) ? text : null
        return text.exec(fresh)?.at(-1) ?? null
      }
      const until = performance.now() + 60_000
      for (;;) {
        const has = found()
        if (has !== null) return has
        if (over()) throw new Error(`it ended before it said ${text}:\n${stdout()}${stderr()}`)
        if (performance.now() > until) throw new Error(`it did not say ${text} in 60 s:\n${stdout()}${stderr()}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}
