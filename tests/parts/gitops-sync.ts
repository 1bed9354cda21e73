/** Runs gitops-sync-registry as its users do, on a folder of manifests of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Ran } from './regista.ts'

const launcher = fileURLToPath(new URL('../../bin/gitops-sync-registry.js', import.meta.url))

export interface GitopsSync extends Disposable {
  /** Folder of the manifests. */
  readonly manifests: string
  readonly state: string
  write(id: string, more?: Partial<Manifest>): void
  edit(id: string, change: (text: string) => string): void
  remove(id: string): void
  /** To its end. Without `--state-dir` the state is in `state`. */
  run(...args: readonly string[]): Promise<Ran>
  /** Runs on; whoever starts it ends it. */
  start(...args: readonly string[]): Running
}

export interface Running extends AsyncDisposable {
  readonly child: ChildProcess
  readonly stderr: () => string
  /** Resolves once stderr, from `from` on, has the text. */
  said(text: string | RegExp, from?: number): Promise<void>
  /** Sends the signal, gives the exit code; null: killed by a signal. */
  stop(signal: NodeJS.Signals): Promise<number | null>
}

export interface Manifest {
  readonly type: 'service' | 'pattern'
  readonly version: string
  readonly requires: readonly string[]
}

/** Values as the sync writes them for a manifest of `writeManifest`. */
export function valuesOf(id: string, { version = '1.0.0', type = 'service', requires = [] }: Partial<Manifest> = {}) {
  const dependencies = requires.map(
    (capability) => `{"capability": "${capability}", "relationship": "prerequisite", "version": "*"}`,
  )
  return {
    dependencies: `[${dependencies.join(', ')}]`,
    metadata: `{"dc_identifier": "${id}", "dc_title": "The \\u00e9lan of ${id}", "dc_hasVersion": "${version}", "dc_date": "2025-11-15"}`,
    type,
    version,
  }
}

function manifestText(
  id: string,
  { version = '1.0.0', type = 'service', requires = [] }: Partial<Manifest> = {},
): string {
  const relation =
    requires.length === 0 ? '' : `dc_relation:\n  requires:\n${requires.map((name) => `  - ${name}\n`).join('')}`
  const metadata = `  dc_identifier: ${id}\n  dc_title: The élan of ${id}\n  dc_hasVersion: ${version}\n  dc_date: '2025-11-15'\n`
  return `metadata:\n${metadata}chora_${type}: {}\n${relation}`
}

/** `port` of the etcd; `manifests`: a folder that exists, else a scratch one; `more` of the environment. */
export function gitopsSync(port: number, manifests?: string, more: Readonly<Record<string, string>> = {}): GitopsSync {
  const folder = mkdtempSync(join(tmpdir(), 'regista-gitops-'))
  const place = manifests ?? join(folder, 'manifests')
  const state = join(folder, 'state')
  if (manifests === undefined) mkdirSync(place)
  const file = (id: string) => join(place, `${id}.yaml`)

  function start(...args: readonly string[]): Running {
    const usual = ['--capabilities', place, '--etcd-host', '127.0.0.1', '--etcd-port', String(port)]
    const { PATH = '' } = process.env
    const env = { PATH, HOME: folder, XDG_STATE_HOME: state, LOG_LEVEL: process.env['LOG_LEVEL'] ?? '', ...more }
    const child = spawn(process.execPath, [launcher, ...usual, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    return follow(child)
  }

  return {
    manifests: place,
    state,
    write: (id, more) => writeFileSync(file(id), manifestText(id, more)),
    edit: (id, change) => writeFileSync(file(id), change(readFileSync(file(id), 'utf8'))),
    remove: (id) => rmSync(file(id)),
    start,
    async run(...args) {
      const running = start(...args)
      let stdout = ''
      running.child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk))
      const timer = setTimeout(() => running.child.kill('SIGKILL'), 60_000)
      const [code] = (await once(running.child, 'close')) as [number | null]
      clearTimeout(timer)
      return { code, stdout, stderr: running.stderr() }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Longer than anything that is waited for. */
const overlap = 1000

function follow(child: ChildProcess): Running {
  let stderr = ''
  let heard: (chunk: string) => void = () => {}
  const ended = once(child, 'exit') as Promise<[number | null]>
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
    heard(chunk)
  })
  void ended.then(() => heard(''))
  async function stop(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    const [code] = await ended
    clearTimeout(timer)
    return code
  }
  return {
    child,
    stderr: () => stderr,
    stop,
    async said(text, from = 0) {
      const until = performance.now() + 30_000
      // Only what is new, and a bit before it: tens of thousands of lines searched whole each time take seconds.
      let fresh = stderr.slice(from)
      const has = () => (typeof text === 'string' ? fresh.includes(text) : text.test(fresh))
      while (!has()) {
        if (performance.now() > until) throw new Error(`it did not say ${text} in 30 s:\n${stderr}`)
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended:\n${stderr}`)
        fresh = fresh.slice(-overlap)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 200)
          heard = (chunk) => {
            fresh += chunk
            clearTimeout(timer)
            resolve()
          }
        })
      }
    },
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}

/** Asks until it is true. */
export async function until(what: string, holds: () => Promise<boolean>, bound = 30_000): Promise<void> {
  const end = performance.now() + bound
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${bound} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
