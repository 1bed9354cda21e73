/**
 * A real API server and its etcd, where KUBEBUILDER_ASSETS names a folder with both programs: the
 * convention of controller-runtime's envtest. `setup-envtest use -p path` prints such a folder.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificates, makeSigningKey } from '../../../../tests/parts/certificates.ts'
import { findPart } from '../../../../tests/parts/find.ts'
import { freePorts } from '../../../../tests/parts/ports.ts'
import { systemClock, type Ms } from '../../../kernel/clock.ts'
import { createKubernetes } from '../client.ts'
import type { Cluster } from '../cluster.ts'
import type { ContractGround } from './contract.ts'

/** The first start makes the API's own objects, on a machine that may be busy. */
const startBound: Ms = 120_000

const assets = () => process.env['KUBEBUILDER_ASSETS'] ?? ''

/** No Debian package brings it: a skip is no failure in continuous integration either. */
export function withoutKubeApiServer(): string | false {
  if (assets() === '') return 'KUBEBUILDER_ASSETS is not set; not run on a real API server'
  if (findPart('openssl') === null) return 'openssl not found'
  for (const program of ['etcd', 'kube-apiserver']) {
    try {
      accessSync(join(assets(), program), constants.X_OK)
    } catch {
      return `KUBEBUILDER_ASSETS has no ${program}; not run on a real API server`
    }
  }
  return false
}

export async function startKubeApiServer(): Promise<ContractGround> {
  const folder = mkdtempSync(join(tmpdir(), 'regista-kube-'))
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3)
  const certificates = makeCertificates(folder)
  const signing = makeSigningKey(folder)
  const token = 'contract-administrator'
  writeFileSync(join(folder, 'tokens.csv'), `${token},admin,admin,"system:masters"\n`)
  const running: ChildProcess[] = []

  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const peerUrl = `http://127.0.0.1:${peerPort}`
  const etcd = start('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
  ])

  function start(program: string, args: readonly string[]): ChildProcess {
    const child = spawn(join(assets(), program), args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr?.on('data', (data: Buffer) => {
      said = (said + data.toString()).slice(-4000)
    })
    child.on('exit', (code) => {
      if (code !== 0 && code !== null) process.stderr.write(`${program} ended with ${code}:\n${said}\n`)
    })
    running.push(child)
    return child
  }

  const serve = () =>
    start('kube-apiserver', [
      `--etcd-servers=${etcdUrl}`,
      `--cert-dir=${folder}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${port}`,
      `--tls-cert-file=${certificates.server.cert}`,
      `--tls-private-key-file=${certificates.server.key}`,
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--service-account-issuer=https://localhost/',
      `--service-account-key-file=${signing.publicKey}`,
      `--service-account-signing-key-file=${signing.privateKey}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount',
      '--endpoint-reconciler-type=none',
    ])

  const ca = readFileSync(certificates.ca, 'utf8')
  const cluster = (bearer: string): Cluster => ({
    name: 'kube-apiserver',
    server: new URL(`https://127.0.0.1:${port}`),
    namespace: null,
    proxy: null,
    access: () => Promise.resolve({ headers: { authorization: `Bearer ${bearer}` }, tls: { ca } }),
  })
  const dispose = async () => {
    for (const child of running.toReversed()) await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
  let server = serve()
  try {
    await ready(cluster(token), [etcd, server])
  } catch (thrown) {
    await dispose()
    throw thrown
  }
  return {
    cluster: cluster(token),
    stranger: cluster('unknown'),
    async restart() {
      await end(server)
      server = serve()
      await ready(cluster(token), [etcd, server])
    },
    dispose,
  }
}

/** The default namespace is the last thing that a new API server makes for itself. */
async function ready(cluster: Cluster, needed: readonly ChildProcess[]): Promise<void> {
  const client = createKubernetes({ cluster, clock: systemClock, random: Math.random })
  const until = performance.now() + startBound
  try {
    for (;;) {
      const found = await client.get('/api/v1/namespaces/default', AbortSignal.timeout(5000)).catch(() => null)
      if (found !== null) return
      if (needed.some(({ exitCode }) => exitCode !== null)) throw new Error('kube-apiserver or its etcd ended')
      if (performance.now() > until) throw new Error(`kube-apiserver is not ready in ${startBound} ms`)
      await sleep(100)
    }
  } finally {
    await client.close()
  }
}

/** Asked politely it would wait a minute for its watches. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  child.kill('SIGKILL')
  await ended
}
