import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSimulator } from '../../../connectors/kubernetes/testing/simulator.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { kubernetesDeployer } from './kubernetes-config.ts'
import { clusterOf, createKubernetesDeployer } from './kubernetes.ts'
import { requestFor, stageFor, workloadFor } from './testing/releases.ts'
import { webhookDeployer } from './webhook-config.ts'

const { signal } = new AbortController()
const tools = { handle: null, say: () => {}, fence: () => {} }
const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`

interface Schema {
  safeParse(given: unknown): {
    readonly error?: { readonly issues: readonly { path: PropertyKey[]; message: string }[] } | undefined
  }
}

const faultsOf = (schema: Schema, given: object) =>
  (schema.safeParse(given).error?.issues ?? []).map(({ path, message }) => [path.join('.'), message.split('\n')[0]])

test('settings that cannot work are refused', () => {
  assert.deepEqual(faultsOf(kubernetesDeployer, {}), [])
  assert.deepEqual(faultsOf(kubernetesDeployer, { context: 'prod' }), [['context', 'is given without kubeconfig']])
  assert.deepEqual(faultsOf(kubernetesDeployer, { namespace: 'No Name' }), [['namespace', 'is no name of a namespace']])
  const receiver = { url: 'https://a.example/x', secret }
  assert.deepEqual(faultsOf(webhookDeployer, receiver), [])
  for (const name of ['Idempotency-Key', 'webhook-id']) {
    const faults = faultsOf(webhookDeployer, { ...receiver, headers: { [name]: 'x' } })
    assert.deepEqual(faults, [['headers', 'names a header that is set already']])
  }
  const clear = [['url', 'would cross the network in clear text']]
  assert.deepEqual(faultsOf(webhookDeployer, { ...receiver, url: 'http://a.example/x' }), clear)
  assert.deepEqual(faultsOf(webhookDeployer, { ...receiver, url: 'http://a.example/x', allow_http: true }), [])
})

test('a kubeconfig that is put right later is read then; its namespace is that of workloads that name none', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-kubeconfig-'))
  await using simulator = await startSimulator()
  const settings = kubernetesDeployer.parse({ kubeconfig: 'cluster.yaml' })
  const cluster = clusterOf(settings, { base: folder, env: {}, clock: systemClock })
  const deployer = createKubernetesDeployer('c', settings, { clock: systemClock, random: () => 0, cluster })
  t.after(async () => {
    await deployer.close()
    rmSync(folder, { recursive: true })
  })
  const request = requestFor(stageFor({ workload: workloadFor('Deployment') }), '1')
  const deploy = async () => {
    const result = await deployer.deploy(request, tools, signal)
    assert.ok(result.is === 'failed' && result.effect === 'none', JSON.stringify(result))
    return result.error
  }
  assert.equal((await deploy()).code, 'config.invalid')
  await assert.rejects(deployer.identity(signal), { code: 'config.invalid' })
  const named = (name: string, key: string, value: object) => [{ name, [key]: value }]
  const file = {
    'current-context': 'c',
    'contexts': named('c', 'context', { cluster: 'c', user: 'u', namespace: 'team' }),
    'clusters': named('c', 'cluster', { server: simulator.url.href }),
    'users': named('u', 'user', { token: 'x' }),
  }
  writeFileSync(join(folder, 'cluster.yaml'), JSON.stringify(file))
  assert.match((await deploy()).detail, /there is no Deployment team\/web/)
  assert.equal(await deployer.identity(signal), simulator.url.href)
  const inPod = clusterOf(kubernetesDeployer.parse({}), { base: folder, env: {}, clock: systemClock })
  await assert.rejects(inPod(), { code: 'config.invalid', detail: /KUBERNETES_SERVICE_HOST/ })
})
