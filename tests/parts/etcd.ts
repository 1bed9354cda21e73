/** A real etcd on loopback, in a scratch folder, on ports that the system chose. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeCertificates, makeSigningKey, type Certificates } from './certificates.ts'
import { findPart } from './find.ts'
import { freePorts } from './ports.ts'
import { suspend } from './suspend.ts'

export interface EtcdOptions {
  /** The server shows a certificate; `mutual`: it also asks clients for theirs. */
  readonly tls?: 'server' | 'mutual'
  /** Switches authentication on: root with this password, and these users limited to a prefix. */
  readonly auth?: {
    readonly root: string
    readonly users?: Readonly<Record<string, { password: string; prefix: string }>>
    /** Tokens that end after this long whether they are used or not, like `10s`; else they live in memory. */
    readonly jwt?: string
  }
  readonly members?: number
  readonly flags?: readonly string[]
}

export interface Etcd extends AsyncDisposable {
  /** `http(s)://127.0.0.1:port` of each member. */
  readonly endpoints: readonly string[]
  readonly port: number
  readonly certificates: Certificates | null
  /** Ends a member: with SIGTERM, or with SIGKILL. */
  stop(member?: number): Promise<void>
  kill(member?: number): Promise<void>
  /** Makes a member silent. */
  suspend(member?: number): Promise<void>
  resume(member?: number): void
  /** The member that leads; waits for an election. */
  leader(): Promise<number>
  /** Starts a stopped member again, with its data, and waits until it serves. */
  start(member?: number): Promise<void>
  /** Kills all, removes the data, and starts anew with the same flags. */
  wipe(): Promise<void>
  /** Runs etcdctl against it and gives its output. */
  ctl(...args: readonly string[]): Promise<string>
  /** Every pair below a prefix, values as text. */
  dump(prefix: string): Promise<Record<string, string>>
  revision(): Promise<number>
  /** The metrics page of a member. */
  metrics(member?: number): Promise<string>
}

interface Member {
  readonly name: string
  readonly client: number
  readonly peer: number
  readonly metrics: number
  child: ChildProcess | null
}

const run = promisify(execFile)
/** A busy two-core machine needs seconds for an election of three. */
const startBound = 20_000

export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const program = findPart('etcd')
  if (program === null) throw new Error('etcd is not here; tests ask skipWithout("etcd") first')
  const folder = await mkdtemp(join(tmpdir(), 'regista-etcd-'))
  const certificates = options.tls ? makeCertificates(join(folder, 'certificates')) : null
  const signing = options.auth?.jwt === undefined ? null : makeSigningKey(join(folder, 'signing'))
  const scheme = options.tls ? 'https' : 'http'
  const count = options.members ?? 1
  const ports = await freePorts(count * 3)
  const members: Member[] = Array.from({ length: count }, (_, at) => {
    const [client, peer, metrics] = ports.slice(at * 3, at * 3 + 3)
    return { name: `m${at}`, client: client!, peer: peer!, metrics: metrics!, child: null }
  })
  const peerUrl = (member: Member) => `http://127.0.0.1:${member.peer}`
  const clientUrl = (member: Member) => `${scheme}://127.0.0.1:${member.client}`
  let rootPassword: string | null = null

  function flagsOf(member: Member): string[] {
    const flags: Record<string, string> = {
      'name': member.name,
      'data-dir': join(folder, member.name),
      'listen-client-urls': clientUrl(member),
      'advertise-client-urls': clientUrl(member),
      'listen-peer-urls': peerUrl(member),
      'initial-advertise-peer-urls': peerUrl(member),
      'initial-cluster': members.map((each) => `${each.name}=${peerUrl(each)}`).join(','),
      'listen-metrics-urls': `http://127.0.0.1:${member.metrics}`,
      'log-level': 'error',
    }
    if (certificates) {
      flags['cert-file'] = certificates.server.cert
      flags['key-file'] = certificates.server.key
      if (options.tls === 'mutual') flags['trusted-ca-file'] = certificates.ca
    }
    if (signing) {
      const { publicKey, privateKey } = signing
      flags['auth-token'] = `jwt,pub-key=${publicKey},priv-key=${privateKey},sign-method=RS256,ttl=${options.auth!.jwt}`
    }
    const mutual = options.tls === 'mutual' ? ['--client-cert-auth'] : []
    return [...Object.entries(flags).map(([name, value]) => `--${name}=${value}`), ...mutual, ...(options.flags ?? [])]
  }

  async function launch(member: Member): Promise<void> {
    // Ends with us, also when we are killed.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program!, ...flagsOf(member)], { stdio: 'ignore' })
    member.child = child
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`etcd ended while starting, code ${code}`)))
    })
    ended.catch(() => {})
    await Promise.race([healthy(`http://127.0.0.1:${member.metrics}/health`), ended])
  }

  async function end(member: Member, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { child } = member
    member.child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  const all = (act: (member: Member) => Promise<void>) => Promise.all(members.map(act)).then(() => {})

  async function ctl(...args: readonly string[]): Promise<string> {
    const flags = [`--endpoints=${members.map(clientUrl).join(',')}`, '--dial-timeout=5s', '--command-timeout=10s']
    if (certificates) {
      const { ca, client } = certificates
      flags.push(`--cacert=${ca}`, `--cert=${client.cert}`, `--key=${client.key}`)
    }
    if (rootPassword !== null) flags.push(`--user=root:${rootPassword}`)
    const env = { ...process.env, ETCDCTL_API: '3' }
    const how = { env, timeout: 15_000, maxBuffer: 1 << 30 }
    return (await run(findPart('etcdctl')!, [...flags, ...args], how)).stdout
  }

  async function read(prefix: string, ...args: string[]): Promise<RangeJson> {
    return JSON.parse(await ctl('get', '--prefix', prefix, '-w', 'json', ...args)) as RangeJson
  }

  async function switchAuthOn(auth: NonNullable<EtcdOptions['auth']>): Promise<void> {
    await ctl('user', 'add', `root:${auth.root}`)
    await ctl('user', 'grant-role', 'root', 'root')
    for (const [name, { password, prefix }] of Object.entries(auth.users ?? {})) {
      await ctl('user', 'add', `${name}:${password}`)
      await ctl('role', 'add', name)
      await ctl('role', 'grant-permission', '--prefix=true', name, 'readwrite', prefix)
      await ctl('user', 'grant-role', name, name)
    }
    await ctl('auth', 'enable')
    rootPassword = auth.root
  }

  async function begin(): Promise<void> {
    await all(launch)
    if (options.auth) await switchAuthOn(options.auth)
  }

  const etcd: Etcd = {
    endpoints: members.map(clientUrl),
    port: members[0]!.client,
    certificates,
    stop: (member = 0) => end(members[member]!, 'SIGTERM'),
    kill: (member = 0) => end(members[member]!, 'SIGKILL'),
    suspend: (member = 0) => suspend(members[member]!.child!),
    resume: (member = 0) => void members[member]!.child?.kill('SIGCONT'),
    leader: () => findLeader(members.map(({ child, metrics }) => (child === null ? null : metrics))),
    start: (member = 0) => launch(members[member]!),
    async wipe() {
      await all((member) => end(member, 'SIGKILL'))
      rootPassword = null
      await all((member) => rm(join(folder, member.name), { recursive: true, force: true }))
      await begin()
    },
    ctl,
    async dump(prefix) {
      const text = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString('utf8')
      return Object.fromEntries(((await read(prefix)).kvs ?? []).map(({ key, value }) => [text(key), text(value)]))
    },
    async revision() {
      return (await read('', '--limit=1', '--keys-only')).header.revision
    },
    async metrics(member = 0) {
      return (await fetch(`http://127.0.0.1:${members[member]!.metrics}/metrics`)).text()
    },
    async [Symbol.asyncDispose]() {
      await all((member) => end(member, 'SIGKILL'))
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await begin()
  } catch (thrown) {
    await etcd[Symbol.asyncDispose]()
    throw thrown
  }
  return etcd
}

interface RangeJson {
  readonly header: { readonly revision: number }
  readonly kvs?: readonly { readonly key: string; readonly value?: string }[]
}

/** Ports of the members' metrics; null: it does not run. */
async function findLeader(ports: readonly (number | null)[]): Promise<number> {
  const leads = async (port: number | null) => {
    if (port === null) return false
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(1000) })
    return /^etcd_server_is_leader 1$/m.test(await answer.text())
  }
  const until = performance.now() + startBound
  for (;;) {
    const leading = (await Promise.all(ports.map((port) => leads(port).catch(() => false)))).indexOf(true)
    if (leading >= 0) return leading
    if (performance.now() > until) throw new Error(`no member of etcd leads in ${startBound} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function healthy(url: string): Promise<void> {
  const until = performance.now() + startBound
  for (;;) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1000) })
      if (((await answer.json()) as { health?: string }).health === 'true') return
    } catch {
      // not listening yet
    }
    if (performance.now() > until) throw new Error(`etcd did not become healthy in ${startBound} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
