/** Runs machinery-status-collector as its users do, in either role. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Ran } from './regista.ts'
import { collect, follow } from './child.ts'

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
    start: (role, more) => run(open([role], more)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function run(child: ChildProcess): Running {
  const { stderr, stop, until } = follow(child)
  return {
    child,
    stderr,
    stop,
    said: (text, from = 0) =>
      until(text, () => {
        const fresh = stderr().slice(from)
        if (typeof text === 'string') return fresh.includes(text) ? text : null
        return text.exec(fresh)?.at(-1) ?? null
      }),
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}
