import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeCertificates } from '../../../tests/parts/certificates.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { systemClock, type Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createKubernetes, type Kubernetes } from './client.ts'
import type { Cluster } from './cluster.ts'
import { whyOf } from './errors.ts'
import { inCluster } from './in-cluster.ts'
import { fromKubeconfig } from './kubeconfig.ts'
import { docsLeases, lease, startReading } from './testing/reading.ts'
import { startSimulator, type Simulator, type SimulatorOptions } from './testing/simulator.ts'

const never = new AbortController().signal
const skip = skipWithout('openssl')

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'regista-access-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function simulatorOf(t: TestContext, options: SimulatorOptions): Promise<Simulator> {
  const simulator = await startSimulator(options)
  t.after(async () => {
    await simulator[Symbol.asyncDispose]()
  })
  return simulator
}

function clientOf(t: TestContext, cluster: Cluster, clock: Clock = systemClock): Kubernetes {
  const client = createKubernetes({ cluster, clock, random: () => 0 })
  t.after(async () => {
    await client.close()
  })
  return client
}

async function failureOf(work: Promise<unknown>): Promise<AppError> {
  const thrown: unknown = await work.then(
    () => assert.fail('succeeded'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof AppError, String(thrown))
  return thrown
}

const first = async (client: Kubernetes) => {
  for await (const page of client.list({ path: docsLeases }, never)) return page.items.length
}

interface Tls {
  readonly folder: string
  readonly ca: string
  readonly simulator: Simulator
}

async function secure(t: TestContext, options: SimulatorOptions = {}): Promise<Tls> {
  const folder = folderOf(t)
  const { ca, server } = makeCertificates(folder)
  const tls = { cert: readFileSync(server.cert, 'utf8'), key: readFileSync(server.key, 'utf8') }
  return { folder, ca, simulator: await simulatorOf(t, { tls, ...options }) }
}

/** A service account's folder as the kubelet mounts it. */
function mount({ folder, ca }: { folder: string; ca: string }, token: string, namespace = 'd8-system'): string {
  const account = join(folder, 'account')
  mkdirSync(account, { recursive: true })
  writeFileSync(join(account, 'token'), `${token}\n`)
  writeFileSync(join(account, 'ca.crt'), readFileSync(ca))
  writeFileSync(join(account, 'namespace'), namespace)
  return account
}

const envOf = ({ url }: Simulator, host = url.hostname) => ({
  KUBERNETES_SERVICE_HOST: host,
  KUBERNETES_SERVICE_PORT: url.port,
})

test('in a cluster: the service account, its authority and its namespace', { skip }, async (t) => {
  const ground = await secure(t, { token: 'one' })
  const cluster = await inCluster({ env: envOf(ground.simulator), clock: systemClock, folder: mount(ground, 'one') })
  assert.equal(cluster.namespace, 'd8-system')
  assert.equal(await first(clientOf(t, cluster)), 0)
})

test('in a cluster: a token is read anew when it is refused, and after a minute', { skip }, async (t) => {
  const ground = await secure(t, { token: 'one' })
  let now = 0
  const clock: Clock = { ...systemClock, monotonic: () => now }
  const cluster = await inCluster({ env: envOf(ground.simulator), clock, folder: mount(ground, 'one') })
  const client = clientOf(t, cluster)
  await first(client)
  mount(ground, 'two')
  await first(client)
  ground.simulator.token = 'two'
  await first(client)
  mount(ground, 'three')
  now = 59_000
  await first(client)
  now = 61_000
  assert.equal(whyOf(await failureOf(first(client))), 'unauthorized')
  const sent = ground.simulator.seen.map(({ headers }) => headers.authorization)
  assert.deepEqual(
    sent.map((header) => header?.replace('Bearer ', '')),
    ['one', 'one', 'one', 'two', 'two', 'three', 'three'],
  )
})

test('in a cluster: a watch goes on with a new token', { skip }, async (t) => {
  const ground = await secure(t, { token: 'one' })
  const folder = mount(ground, 'one')
  const client = clientOf(t, await inCluster({ env: envOf(ground.simulator), clock: systemClock, folder }))
  const reading = startReading(client)
  t.after(reading.stop)
  await reading.heard('synced')
  mount(ground, 'two')
  ground.simulator.token = 'two'
  ground.simulator.disconnect()
  ground.simulator.put(docsLeases, lease('a', '1'))
  await reading.heard('put docs/a 1')
  assert.deepEqual(reading.told, ['synced', 'put docs/a 1'])
})

test('in a cluster: addresses of IPv6, and what is missing', { skip }, async (t) => {
  const folder = folderOf(t)
  const account = mount({ folder, ca: makeCertificates(folder).ca }, 'one', '')
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
  const cluster = await inCluster({ env, clock: systemClock, folder: account })
  assert.equal(cluster.server.href, 'https://[fd00::1]/')
  assert.equal(cluster.namespace, null)
  const outside = await failureOf(inCluster({ env: {}, clock: systemClock, folder: account }))
  assert.equal(outside.code, 'config.invalid')
  assert.match(outside.message, /KUBERNETES_SERVICE_HOST is not set/)
  const bare = await failureOf(inCluster({ env, clock: systemClock, folder: join(folder, 'nothing') }))
  assert.match(bare.message, /nothing\/token cannot be read \(ENOENT\); give the pod a service account/)
})

test('an authority that is not trusted is named as the reason', { skip }, async (t) => {
  const { simulator } = await secure(t)
  const thrown = await failureOf(first(clientOf(t, simulator.cluster())))
  assert.equal(whyOf(thrown), 'network')
  assert.match(thrown.message, /check the certificate authority/)
})

interface Kubeconfig {
  readonly cluster?: object
  readonly user?: object | null
  readonly context?: object
}

function kubeconfig(
  folder: string,
  server: string,
  { cluster = {}, user = {}, context = {} }: Kubeconfig = {},
): string {
  const file = join(folder, 'kubeconfig')
  const config = {
    'apiVersion': 'v1',
    'kind': 'Config',
    'current-context': 'usual',
    'clusters': [{ name: 'c', cluster: { server, ...cluster } }],
    'contexts': [{ name: 'usual', context: { cluster: 'c', ...(user && { user: 'u' }), ...context } }],
    'users': user === null ? [] : [{ name: 'u', user }],
  }
  writeFileSync(file, JSON.stringify(config))
  return file
}

const open = async (t: TestContext, file: string, context?: string) =>
  clientOf(t, await fromKubeconfig({ file, clock: systemClock, ...(context !== undefined && { context }) }))

test('kubeconfig: a token, an authority beside the file, a namespace', { skip }, async (t) => {
  const { folder, simulator } = await secure(t, { token: 'one' })
  const cluster = { 'certificate-authority': 'ca.pem' }
  const file = kubeconfig(folder, simulator.url.href, {
    cluster,
    user: { token: 'one' },
    context: { namespace: 'docs' },
  })
  const client = await open(t, file)
  assert.equal(client.namespace, 'docs')
  assert.equal(client.name, `context usual of ${file}`)
  assert.equal(await first(client), 0)
  // Somebody logged in again.
  simulator.token = 'two'
  kubeconfig(folder, simulator.url.href, { cluster, user: { token: 'two' } })
  assert.equal(await first(client), 0)
})

test('kubeconfig: certificates in the file, a file with a token, and no user at all', { skip }, async (t) => {
  const { folder, ca, simulator } = await secure(t, { token: 'one' })
  const cluster = { 'certificate-authority-data': readFileSync(ca).toString('base64') }
  writeFileSync(join(folder, 'token'), 'one\n')
  assert.equal(
    await first(await open(t, kubeconfig(folder, simulator.url.href, { cluster, user: { tokenFile: 'token' } }))),
    0,
  )
  simulator.token = null
  assert.equal(await first(await open(t, kubeconfig(folder, simulator.url.href, { cluster, user: null }))), 0)
})

test('kubeconfig: another name in the certificate, and none that counts', { skip }, async (t) => {
  const { folder, simulator } = await secure(t)
  const { href } = simulator.url
  const insecure = { 'insecure-skip-tls-verify': true }
  assert.equal(await first(await open(t, kubeconfig(folder, href, { cluster: insecure }))), 0)
  const trusted = { 'certificate-authority': 'ca.pem' }
  const wrong = kubeconfig(folder, href, { cluster: { ...trusted, 'tls-server-name': 'elsewhere' } })
  assert.equal(whyOf(await failureOf(first(await open(t, wrong)))), 'network')
  const right = kubeconfig(folder, href, { cluster: { ...trusted, 'tls-server-name': 'localhost' } })
  assert.equal(await first(await open(t, right)), 0)
})

test('kubeconfig: a client certificate', { skip }, async (t) => {
  const folder = folderOf(t)
  const { ca, server, client } = makeCertificates(folder)
  const tls = {
    cert: readFileSync(server.cert, 'utf8'),
    key: readFileSync(server.key, 'utf8'),
    ca: readFileSync(ca, 'utf8'),
  }
  const simulator = await simulatorOf(t, { tls })
  const cluster = { 'certificate-authority': ca }
  const user = { 'client-certificate': client.cert, 'client-key': client.key }
  assert.equal(await first(await open(t, kubeconfig(folder, simulator.url.href, { cluster, user }))), 0)
  assert.equal(
    whyOf(await failureOf(first(await open(t, kubeconfig(folder, simulator.url.href, { cluster }))))),
    'network',
  )
})

test('kubeconfig: an exec plugin beside the file, asked again when its token is refused', async (t) => {
  const simulator = await simulatorOf(t, { token: 'one' })
  const folder = folderOf(t)
  writeFileSync(join(folder, 'answer'), 'one')
  const status = `{"token":"'"$(cat "${folder}/answer")"'"}`
  const says = `echo "$KUBERNETES_EXEC_INFO $FLAVOUR" >> "${folder}/asked"
printf '%s' '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${status}}'`
  writeFileSync(join(folder, 'plugin'), `#!/bin/sh\n${says}\n`)
  chmodSync(join(folder, 'plugin'), 0o755)
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: './plugin',
    env: [{ name: 'FLAVOUR', value: 'sweet' }],
    interactiveMode: 'Never',
    provideClusterInfo: true,
  }
  const client = await open(t, kubeconfig(folder, simulator.url.href, { user: { exec } }))
  await Promise.all([first(client), first(client)])
  writeFileSync(join(folder, 'answer'), 'two')
  simulator.token = 'two'
  await first(client)
  const asked = readFileSync(join(folder, 'asked'), 'utf8').trimEnd().split('\n')
  assert.equal(asked.length, 2)
  assert.match(asked[0]!, /^\{"apiVersion":"client.authentication.k8s.io\/v1".*"server":"http:.* sweet$/)
})

test('kubeconfig: a plugin that fails is named, what it printed is not', async (t) => {
  const folder = folderOf(t)
  const exec = (script: string) => ({ exec: { apiVersion: 'v1', command: 'sh', args: ['-c', script] } })
  const failing = kubeconfig(folder, 'https://127.0.0.1:1', {
    user: exec('echo half-a-secret; echo log in first >&2; exit 3'),
  })
  const failed = await failureOf(first(await open(t, failing)))
  assert.equal(whyOf(failed), 'unauthorized')
  assert.equal(failed.detail, `context usual of ${failing}: no credentials: log in first`)
  const talking = kubeconfig(folder, 'https://127.0.0.1:1', { user: exec('echo half-a-secret') })
  const talked = await failureOf(first(await open(t, talking)))
  assert.match(talked.message, /printed no ExecCredential/)
  assert.doesNotMatch(`${talked.message}${String(talked.cause)}`, /secret/)
})

test('kubeconfig: through a proxy', { skip }, async (t) => {
  const { folder, ca, simulator } = await secure(t, { token: 'one' })
  const proxy = await startProxy(t)
  const cluster = { 'certificate-authority': ca, 'proxy-url': proxy.url }
  const client = await open(
    t,
    kubeconfig(folder, 'https://localhost:'.concat(simulator.url.port), { cluster, user: { token: 'one' } }),
  )
  assert.equal(await first(client), 0)
  assert.deepEqual(proxy.asked, [`localhost:${simulator.url.port}`])
})

test('kubeconfig: what is wrong with it is said with file and context', async (t) => {
  const folder = folderOf(t)
  const detail = async (file: string, context?: string) => {
    const thrown = await failureOf(open(t, file, context))
    assert.equal(thrown.code, 'config.invalid')
    return thrown.detail
  }
  const missing = join(folder, 'missing')
  assert.equal(await detail(missing), `kubeconfig ${missing} cannot be read (ENOENT)`)
  const file = kubeconfig(folder, 'https://127.0.0.1:1')
  assert.equal(await detail(file, 'other'), `context other of ${file}: there is no such context, only usual`)
  kubeconfig(folder, 'https://127.0.0.1:1', { context: { user: 'nobody' } })
  assert.equal(await detail(file), `context usual of ${file}: there is no user nobody`)
  kubeconfig(folder, 'https://127.0.0.1:1', { context: { cluster: 'none' } })
  assert.equal(await detail(file), `context usual of ${file}: there is no cluster none`)
  kubeconfig(folder, 'ftp://127.0.0.1')
  assert.equal(await detail(file), `context usual of ${file}: server is no http(s) URL`)
  kubeconfig(folder, 'https://127.0.0.1', { cluster: { 'proxy-url': 'socks4://user:pass@x' } })
  assert.equal(await detail(file), `context usual of ${file}: proxy-url is no http, https or socks5 URL`)
  writeFileSync(file, 'users:\n  - token: "secret\n  - [')
  assert.match(await detail(file), /^kubeconfig .* is not valid in line \d+: [^\n]+$/)
  assert.doesNotMatch(await detail(file), /secret/)
  writeFileSync(file, '{}')
  assert.equal(await detail(file), `${file} has no current-context; name one of none`)
})

interface Proxy {
  readonly url: string
  readonly asked: string[]
}

async function startProxy(t: TestContext): Promise<Proxy> {
  const asked: string[] = []
  const open = new Set<Socket>()
  const server: Server = createServer()
  server.on('connect', ({ url = '' }, client: Socket) => {
    asked.push(url)
    const upstream = connect(Number(url.split(':')[1]), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
    }
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}
