/**
 * Podman's service, which speaks the Docker Engine API, on a socket in a scratch folder: its images, containers and
 * networks are of nobody else. What of it differs from Docker is in reference/images.md: a taken name is 500, health
 * checks never run.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'undici'
import { startDockerRegistry, type DockerRegistry } from './docker-registry.ts'
import { findPart, skipWithout } from './find.ts'
import { makeVersions, type MakeVersion } from './versions.ts'

export interface Podman extends AsyncDisposable {
  readonly socket: string
  /** Containers go on; who is connected is cut off. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Removes all containers; images stay. Starts it if need be. */
  empty(): Promise<void>
}

const startBound = 20_000

/** `registries`: `host:port` of those that are asked without TLS. */
export async function startPodman({
  registries = [],
}: { readonly registries?: readonly string[] } = {}): Promise<Podman> {
  const program = findPart('podman')
  if (program === null) throw new Error('podman is not here; tests ask skipWithout("podman") first')
  const folder = await mkdtemp(join(tmpdir(), 'regista-podman-'))
  const at = (...parts: string[]) => join(folder, ...parts)
  await Promise.all(['root', 'run', 'tmp', 'networks'].map((name) => mkdir(at(name))))
  await Promise.all(Object.entries(configOf(at, registries)).map(([name, text]) => writeFile(at(name), text)))
  const env = {
    ...process.env,
    CONTAINERS_CONF: at('containers.conf'),
    CONTAINERS_STORAGE_CONF: at('storage.conf'),
    CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
    TMPDIR: at('tmp'),
  }
  const socket = at('podman.sock')
  let service: ChildProcess | null = null

  async function start(): Promise<void> {
    await rm(socket, { force: true })
    const args = [
      '--pdeathsig',
      'KILL',
      program!,
      '--tmpdir',
      at('tmp'),
      'system',
      'service',
      '--time',
      '0',
      `unix://${socket}`,
    ]
    const child = spawn('setpriv', args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-2000)))
    service = child
    const until = performance.now() + startBound
    while (!(await answers(socket))) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`podman ended: ${said}`)
      if (performance.now() > until) throw new Error(`podman does not answer: ${said}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function kill(): Promise<void> {
    const child = service
    service = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async function empty(): Promise<void> {
    if (service === null) await start()
    await removeAll(socket)
  }

  async function dispose(): Promise<void> {
    try {
      await empty()
    } finally {
      await kill()
      await endMonitors(folder)
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    }
  }

  try {
    await start()
  } catch (thrown) {
    await kill()
    await rm(folder, { recursive: true, force: true })
    throw thrown
  }
  return { socket, kill, start, empty, [Symbol.asyncDispose]: dispose }
}

/** Found out by trial on Debian 12: without these, containers do not start as root within a container. */
function configOf(at: (...parts: string[]) => string, registries: readonly string[]): Record<string, string> {
  return {
    'containers.conf': [
      '[containers]',
      'cgroups = "no-conmon"',
      'netns = "host"',
      'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]',
      '[engine]',
      'runtime = "runc"',
      'cgroup_manager = "cgroupfs"',
      'events_logger = "file"',
      // So long it is known how a command in a container ended, and its monitor stays; else five minutes.
      'exit_command_delay = 10',
      '[network]',
      `network_config_dir = "${at('networks')}"`,
    ].join('\n'),
    'storage.conf': `[storage]\ndriver = "vfs"\ngraphroot = "${at('root')}"\nrunroot = "${at('run')}"\n`,
    'registries.conf': registries.map((host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`).join(''),
  }
}

/** Of commands that ran in containers. They are nobody's children, and are known by the folder. */
async function endMonitors(folder: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (!command.includes(folder)) continue
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}

async function answers(socket: string): Promise<boolean> {
  return asking(socket, async (ask) => (await ask('GET', '/_ping')).status === 200).catch(() => false)
}

/** One that crashes all the time is not removed at the first try. */
async function removeAll(socket: string): Promise<void> {
  await asking(socket, async (ask) => {
    for (const until = performance.now() + startBound; ;) {
      const { text } = await ask('GET', '/v1.41/containers/json?all=1')
      const all = JSON.parse(text) as { Id: string }[]
      if (all.length === 0) return
      if (performance.now() > until) throw new Error(`podman does not remove its containers: ${text}`)
      for (const { Id } of all) await ask('DELETE', `/v1.41/containers/${Id}?force=1&v=1`)
    }
  })
}

type Ask = (method: 'GET' | 'DELETE', path: string) => Promise<{ readonly status: number; readonly text: string }>

async function asking<T>(socketPath: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const pool = new Pool('http://podman', { connect: { socketPath } })
  try {
    return await work(async (method, path) => {
      const answer = await pool.request({ method, path, signal: AbortSignal.timeout(startBound) })
      return { status: answer.statusCode, text: await answer.body.text() }
    })
  } finally {
    await pool.destroy()
  }
}

export interface PodmanGround extends AsyncDisposable {
  readonly podman: Podman
  readonly registry: DockerRegistry
  /** Pushes a version that a container can run. */
  readonly makeVersion: MakeVersion
}

/** An engine and the registry that it pulls from. */
export async function startPodmanGround(): Promise<PodmanGround> {
  const registry = await startDockerRegistry()
  try {
    const podman = await startPodman({ registries: [registry.host] })
    return {
      podman,
      registry,
      makeVersion: makeVersions(registry.shelf, registry.host),
      async [Symbol.asyncDispose]() {
        await podman[Symbol.asyncDispose]()
        await registry[Symbol.asyncDispose]()
      },
    }
  } catch (thrown) {
    await registry[Symbol.asyncDispose]()
    throw thrown
  }
}

let tried: Promise<string | false> | null = null

/** For `skip` of a test: why no container can be run on this machine. Runs one, once. */
export function skipWithoutContainers(): Promise<string | false> {
  const missing = skipWithout('podman', 'runc', 'docker-registry', 'busybox')
  if (missing !== false) return Promise.resolve(missing)
  tried ??= tryOne().then(
    () => false,
    (thrown: unknown) => `podman cannot run a container on this machine: ${String(thrown)}`,
  )
  return tried
}

async function tryOne(): Promise<void> {
  await using ground = await startPodmanGround()
  const { reference } = await ground.makeVersion('trial', '1', { command: ['/bin/true'] })
  const pool = new Pool('http://podman', { connect: { socketPath: ground.podman.socket } })
  const ask = async (path: string, body?: unknown) => {
    const answer = await pool.request({
      method: 'POST',
      path: `/v1.41${path}`,
      signal: AbortSignal.timeout(startBound),
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(text.slice(0, 300))
    return text
  }
  try {
    const [fromImage, tag] = reference.split('@') as [string, string]
    await ask(`/images/create?${new URLSearchParams({ fromImage, tag }).toString()}`)
    await ask('/containers/create?name=trial', { Image: reference, HostConfig: { NetworkMode: 'none' } })
    await ask('/containers/trial/start')
    const { StatusCode: code } = JSON.parse(await ask('/containers/trial/wait')) as { StatusCode: number }
    if (code !== 0) throw new Error(`it ended with ${code}`)
  } finally {
    await pool.destroy()
  }
}
