/** A real registry (the distribution project's, as Debian packages it) on loopback, in a scratch folder. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { makeCertificates, type Certificates } from './certificates.ts'
import { findPart } from './find.ts'
import { freePorts } from './ports.ts'
import { registryDiskShelf } from './registry-disk.ts'
import type { Shelf } from './images.ts'
import { registryShelf, type RegistryShelf } from './shelves.ts'
import { startTokenServer, type TokenServer, type TokenServerOptions } from './token-server.ts'

export interface DockerRegistryOptions {
  readonly tls?: boolean
  readonly auth?: 'htpasswd' | 'token'
  readonly token?: Pick<TokenServerOptions, 'anonymous' | 'expiresIn' | 'lifetime' | 'field'>
  /** Is told of pushes and pulls; `headers` are all that it can be known by. */
  readonly notify?: { readonly url: string; readonly headers?: Readonly<Record<string, string>> }
  /** Keeps no list of requests: benchmarks. */
  readonly unlogged?: true
}

export interface DockerRegistry extends AsyncDisposable {
  /** `http(s)://127.0.0.1:port` and the same without the scheme. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly pid: number
  /** The authority's certificate as PEM text. */
  readonly ca: string | null
  readonly certificates: Certificates | null
  readonly tokens: TokenServer | null
  /** What pulls; not needed where the registry is open. */
  readonly user: { readonly username: string; readonly password: string }
  /** Writes into it, with the right to do so. */
  readonly shelf: RegistryShelf
  /** The same, several times as fast, behind its back: it notifies nobody of it. */
  readonly disk: Shelf
  stop(): Promise<void>
  kill(): Promise<void>
  /** On the same port, with what it held. */
  start(): Promise<void>
  /** SIGSTOP makes it silent, SIGCONT goes on. */
  signal(name: NodeJS.Signals): void
  /** All requests that it has answered since the start or the last `forget`, in the order of their ends. */
  requests(): Promise<readonly LoggedRequest[]>
  forget(): Promise<void>
  /** The API of this version removes no single tag. Also what is left when all are gone: an empty repository. */
  untag(repository: string, tag: string): Promise<void>
  /** Changes a stored blob or manifest behind the registry's back. */
  spoil(digest: string, change: (bytes: Buffer) => Uint8Array): Promise<void>
}

export interface LoggedRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly status: number
  readonly agent: string
}

/** Made with `htpasswd -Bn`, cost 5: what such files have by default. */
const user = { username: 'reader', password: 'pull-me-please' }
const passwords = `reader:$2y$05$abcdefghijklmnopqrstuuMtNQgp9NJCJtSjUDvgIwuNTc2tWe2n2\n`
const startBound = 20_000

export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const program = findPart('docker-registry')
  if (program === null) throw new Error('docker-registry is not here; tests ask skipWithout("docker-registry") first')
  const folder = await mkdtemp(join(tmpdir(), 'regista-registry-'))
  const root = join(folder, 'data')
  await mkdir(root)
  const certificates = options.tls ? makeCertificates(join(folder, 'certificates')) : null
  const ca = certificates && (await readFile(certificates.ca, 'utf8'))
  const tokenOptions = { folder, certificates, user: user.username, password: user.password, ...options.token }
  const tokens = options.auth === 'token' ? await startTokenServer(tokenOptions) : null
  const agent = new Agent({ connections: 2, connect: ca === null ? {} : { ca } })
  const process = createProcess(program, join(folder, 'config.yml'))
  let port = 0
  let url = ''

  async function choosePort(): Promise<void> {
    ;[port] = (await freePorts(1)) as [number]
    url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
    await writeFile(join(folder, 'passwords'), passwords)
    await writeFile(
      join(folder, 'config.yml'),
      JSON.stringify(configOf(options, { folder, port, certificates, tokens })),
    )
  }

  /** Somebody may have taken the port since we asked for it. */
  async function launch(tries: number): Promise<void> {
    await choosePort()
    try {
      await process.start(ping)
    } catch (thrown) {
      if (tries <= 1) throw thrown
      await launch(tries - 1)
    }
  }

  const ping = async (path = '/v2/') => {
    const answer = await request(`${url}${path}`, { dispatcher: agent, signal: AbortSignal.timeout(startBound) })
    await answer.body.dump()
  }

  async function dispose(): Promise<void> {
    await process.end('SIGKILL')
    await agent.destroy()
    await tokens?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }

  try {
    await launch(3)
  } catch (thrown) {
    await dispose()
    throw thrown
  }

  const basic = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`
  const bearer = (repository: string) => `Bearer ${tokens!.mint(repository, ['pull', 'push', 'delete'])}`
  const authorization = tokens ? bearer : options.auth === 'htpasswd' ? () => basic : null
  const shelf = registryShelf(url, { ...(authorization ? { authorization } : {}), ...(ca === null ? {} : { ca }) })
  const stored = (digest: string) => join(root, 'docker/registry/v2/blobs', digest.replace(/:(..)/, '/$1/$1'), 'data')

  return {
    url,
    host: `127.0.0.1:${port}`,
    port,
    get pid() {
      return process.pid()
    },
    ca,
    certificates,
    tokens,
    user,
    shelf,
    disk: registryDiskShelf(root),
    stop: () => process.end('SIGTERM'),
    kill: () => process.end('SIGKILL'),
    start: () => process.start(ping),
    signal: process.signal,
    requests() {
      if (options.unlogged) throw new Error('this registry was started unlogged')
      return process.requests(ping)
    },
    async forget() {
      await process.requests(ping)
      process.forget()
    },
    async untag(repository, tag) {
      const tags = join(root, 'docker/registry/v2/repositories', repository, '_manifests/tags')
      await rm(join(tags, tag), { recursive: true })
    },
    async spoil(digest, change) {
      await writeFile(stored(digest), change(await readFile(stored(digest))))
    },
    async [Symbol.asyncDispose]() {
      await shelf[Symbol.asyncDispose]()
      await dispose()
    },
  }
}

interface Made {
  readonly folder: string
  readonly port: number
  readonly certificates: Certificates | null
  readonly tokens: TokenServer | null
}

/** JSON is YAML. */
function configOf(options: DockerRegistryOptions, { folder, port, certificates, tokens }: Made): unknown {
  const { notify } = options
  const tls = certificates && { certificate: certificates.server.cert, key: certificates.server.key }
  const { realm, service, issuer, bundle: rootcertbundle } = tokens ?? {}
  const auth = {
    htpasswd: { realm: 'test registry', path: join(folder, 'passwords') },
    token: { realm, service, issuer, rootcertbundle },
  }
  const endpoint = notify && {
    name: 'test',
    url: notify.url,
    headers: Object.fromEntries(Object.entries(notify.headers ?? {}).map(([name, value]) => [name, [value]])),
    timeout: '1s',
    threshold: 3,
    backoff: '100ms',
  }
  return {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: options.unlogged === true } },
    storage: {
      filesystem: { rootdirectory: join(folder, 'data') },
      delete: { enabled: true },
      // It would purge uploads within the hour, in the middle of a long run.
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}`, secret: 'of nobody', ...(tls ? { tls } : {}) },
    ...(options.auth ? { auth: { [options.auth]: auth[options.auth] } } : {}),
    ...(endpoint ? { notifications: { endpoints: [endpoint] } } : {}),
  }
}

type Ping = (path?: string) => Promise<void>

function createProcess(program: string, config: string) {
  let child: ChildProcess | null = null
  let log: LoggedRequest[] = []
  let barriers = 0
  let reached: () => void = () => {}

  function read(line: string): void {
    const found = /"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d+) \d+ "[^"]*" "([^"]*)"/.exec(line)
    if (found === null) return
    const [, method, path, status, agent] = found as unknown as [string, string, string, string, string]
    if (path.startsWith('/v2/?barrier=')) reached()
    else if (path !== '/v2/?ready') log.push({ method, path, status: Number(status), agent })
  }

  async function waitUntilReady(ping: Ping, ended: Promise<never>): Promise<void> {
    const until = performance.now() + startBound
    for (;;) {
      try {
        return await Promise.race([ping('/v2/?ready'), ended])
      } catch (thrown) {
        if (child === null || performance.now() > until) throw thrown
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  return {
    pid: () => child?.pid ?? 0,
    async start(ping: Ping) {
      // Ends with us, also when we are killed.
      const args = ['--pdeathsig', 'KILL', program, 'serve', config]
      // It sends traces to localhost:4318 otherwise where the version knows how.
      const env = { ...globalThis.process.env, OTEL_TRACES_EXPORTER: 'none' }
      const started = spawn('setpriv', args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      child = started
      let said = ''
      started.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-2000)))
      let rest = ''
      started.stdout.on('data', (data: Buffer) => {
        const lines = (rest + data.toString()).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) read(line)
      })
      const ended = new Promise<never>((_, reject) => {
        started.once('error', reject)
        started.once('exit', (code) => {
          if (child === started) child = null
          reject(new Error(`docker-registry ended, code ${code}: ${said}`))
        })
      })
      ended.catch(() => {})
      await waitUntilReady(ping, ended)
    },
    async end(signal: 'SIGTERM' | 'SIGKILL') {
      const ending = child
      child = null
      if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
      const gone = new Promise((resolve) => ending.once('exit', resolve))
      ending.kill(signal)
      // A stopped process takes a signal when it goes on.
      ending.kill('SIGCONT')
      await gone
    },
    signal: (name: NodeJS.Signals) => void child?.kill(name),
    /** A line is written before the answer's end, so one more request tells that all before are here. */
    async requests(ping: Ping) {
      const here = new Promise<void>((resolve) => (reached = resolve))
      await ping(`/v2/?barrier=${++barriers}`)
      await here
      return [...log]
    },
    forget() {
      log = []
    },
  }
}
