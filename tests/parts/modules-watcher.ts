/** Runs registry-modules-watcher as its users do, and makes what it watches: modules, leases, a kubeconfig. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { file, imageOf, layerOf, type Shelf } from './images.ts'
import type { Ran } from './regista.ts'
import { collect, follow } from './child.ts'

const launcher = fileURLToPath(new URL('../../bin/registry-modules-watcher.js', import.meta.url))

export interface ModulesWatcher extends Disposable {
  readonly state: string
  /** Path of a file in a folder of its own. */
  write(name: string, text: string): string
  /** To its end. */
  run(...args: readonly string[]): Promise<Ran>
  /** Runs on; whoever starts it ends it. Resolves once its ports are open. */
  start(...args: readonly string[]): Promise<Watching>
}

export interface Watching extends AsyncDisposable {
  readonly child: ChildProcess
  readonly stdout: () => string
  /** Resolves once stdout, from `from` on, has the text. */
  said(text: string | RegExp, from?: number): Promise<void>
  status(): Promise<Status>
  metrics(): Promise<string>
  probe(path: string): Promise<readonly [number, string]>
  /** Sends the signal, gives the exit code; null: killed by a signal. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** As far as tests look at it. */
export interface Status {
  readonly scan: { readonly lastAt: string | null; readonly lastOk: boolean | null } | null
  readonly state: string | null
  readonly registries: readonly {
    readonly registry: string
    readonly state: string
    readonly since?: string
    readonly detail?: string
    readonly modules: readonly { readonly module: string; readonly channels: readonly { channel: string }[] }[]
  }[]
  readonly backends: readonly {
    readonly backend: string
    readonly state: string
    readonly since?: string
    readonly delivered: number
    readonly pending: number
  }[]
  readonly held: readonly { readonly module: string; readonly change: string; readonly reason: string }[]
}

/** `env` replaces variables of the program, which gets none of ours but PATH. */
export function modulesWatcher(env: Readonly<Record<string, string>>): ModulesWatcher {
  const folder = mkdtempSync(join(tmpdir(), 'regista-watcher-'))
  const state = join(folder, 'state')
  const { PATH = '' } = process.env
  const own = { PATH, HOME: folder, TMPDIR: folder, XDG_STATE_HOME: state, ...env }
  const open = (args: readonly string[]) => {
    const ports = ['--listen', '127.0.0.1:0', '--metrics-listen', '127.0.0.1:0']
    return spawn(process.execPath, [launcher, ...ports, ...args], { env: own, stdio: ['ignore', 'pipe', 'pipe'] })
  }
  return {
    state,
    write(name, text) {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    },
    async run(...args) {
      const child = open(args)
      const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
      const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
      const [code] = (await once(child, 'close')) as [number | null]
      clearTimeout(timer)
      return { code, stdout: stdout(), stderr: stderr() }
    },
    start: (...args) => watch(open(args)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function watch(child: ChildProcess): Promise<Watching> {
  const { stdout, stop, until } = follow(child)

  async function said(text: string | RegExp, from = 0): Promise<void> {
    const has = () => (typeof text === 'string' ? stdout().includes(text, from) : text.test(stdout().slice(from)))
    await until(text, () => has() || null)
  }

  try {
    await said(/logger=http-metrics msg='listen' address='([^']+)'/)
  } catch (thrown) {
    await stop('SIGKILL')
    throw thrown
  }
  const addressOf = (logger: string) =>
    new RegExp(`logger=${logger} msg='listen' address='([^']+)'`).exec(stdout())![1]!
  const get = async (logger: string, path: string) => {
    const answer = await fetch(`http://${addressOf(logger)}${path}`, { signal: AbortSignal.timeout(30_000) })
    return [answer.status, await answer.text()] as const
  }
  return {
    child,
    stdout,
    said,
    stop,
    status: async () => JSON.parse((await get('http', '/status'))[1]) as Status,
    metrics: async () => (await get('http-metrics', '/metrics'))[1],
    probe: (path) => get('http', path),
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
    },
  }
}

export interface ReleaseOptions {
  readonly version: string
  readonly channels: readonly string[]
  /** Further files of the module image. */
  readonly files?: readonly string[]
}

/** One version of a module, released in these channels. */
export async function releaseModule(
  shelf: Shelf,
  base: string,
  module: string,
  { version, channels, files = [] }: ReleaseOptions,
): Promise<void> {
  const docs = [file('docs/README.md', `${module} ${version}`), ...files.map((name) => file(name, name))]
  const about = [file('version.json', JSON.stringify({ version })), file('module.yaml', `name: ${module}\n`)]
  const release = imageOf([await layerOf(about)])
  await shelf.put(`${base}/${module}`, version, imageOf([await layerOf(docs)]))
  for (const channel of channels) await shelf.put(`${base}/${module}/release`, channel, release)
  // The modules are the tags of the base; nobody pulls what they stand for.
  await shelf.put(base, module, release)
}

/** As docs-builder writes it, but for longer than any test takes. */
export function builderLease(name: string, namespace: string, holderIdentity: string) {
  const labels = { 'deckhouse.io/documentation-builder-sync': '' }
  const renewTime = new Date().toISOString().replace('Z', '000Z')
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace, labels },
    spec: { holderIdentity, leaseDurationSeconds: 3600, renewTime },
  }
}

export function kubeconfig(server: URL, namespace: string): string {
  const named = (name: string, value: object) => [{ name, ...value }]
  return JSON.stringify({
    'apiVersion': 'v1',
    'kind': 'Config',
    'clusters': named('c', { cluster: { server: server.href } }),
    'users': named('u', { user: {} }),
    'contexts': named('x', { context: { cluster: 'c', user: 'u', namespace } }),
    'current-context': 'x',
  })
}
