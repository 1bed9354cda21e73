/** Places to deploy to that count what is done to them, one for each deployer. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeEngine } from '../../src/connectors/docker/testing/fake-engine.ts'
import type { Cluster } from '../../src/connectors/kubernetes/cluster.ts'
import { createKubernetes } from '../../src/connectors/kubernetes/client.ts'
import { pathOf, type KubernetesObject } from '../../src/connectors/kubernetes/objects.ts'
import { startSimulator } from '../../src/connectors/kubernetes/testing/simulator.ts'
import { createWorkloadController } from '../../src/connectors/kubernetes/testing/workload-controller.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { deploySecret } from './images-ground.ts'
import { startDeployReceiver } from './deploy-receiver.ts'
import { kubeconfig } from './modules-watcher.ts'

export interface Site extends AsyncDisposable {
  readonly name: string
  /** Settings of its deployer, and of a stage beside those that all have. */
  readonly deployer: Readonly<Record<string, unknown>>
  readonly stage: Readonly<Record<string, unknown>>
  readonly repeat: 'keyed' | 'unsafe'
  /** About so many steps that can be seen from outside make a deploy. */
  readonly steps: number
  /** Called at each step of a deploy, before it has an effect or is answered; what it returns is waited for. */
  onStep(call: (() => Promise<void> | undefined) | null): void
  /** A version will be pushed: `repository` is as it is pulled. */
  offer(repository: string, digest: string): void
  /** How often this version was deployed. */
  effects(digest: string): number
  /** What is not as it should be once this version is deployed. */
  wrong(digest: string): readonly string[]
}

async function webhookSite(): Promise<Site> {
  const receiver = await startDeployReceiver()
  return {
    name: 'webhook',
    deployer: { webhook: { url: receiver.url, secret: deploySecret } },
    stage: {},
    repeat: 'keyed',
    steps: 2,
    onStep(call) {
      receiver.step = () => call?.()
    },
    offer() {},
    effects: (digest) => receiver.deploys.filter((deploy) => deploy.digest === digest).length,
    wrong: () => [],
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  }
}

/** A program that notes its begin and its end. */
function commandSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'regista-command-'))
  const log = join(folder, 'log')
  const program = join(folder, 'deploy')
  writeFileSync(
    program,
    `#!/bin/sh\necho "begin $DEPLOY_DIGEST" >> ${log}\nsleep 0.1\necho "end $DEPLOY_DIGEST" >> ${log}\n`,
  )
  chmodSync(program, 0o755)
  const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [])
  let watching: NodeJS.Timeout | undefined
  return Promise.resolve({
    name: 'command',
    deployer: { command: { command: [program] } },
    stage: {},
    repeat: 'unsafe',
    steps: 2,
    onStep(call) {
      clearInterval(watching)
      if (call === null) return
      let seen = lines().length
      watching = setInterval(() => {
        for (; seen < lines().length; seen += 1) void call()
      }, 5)
    },
    offer() {},
    effects: (digest) => lines().filter((line) => line === `begin ${digest}`).length,
    wrong: () => [],
    [Symbol.asyncDispose]() {
      clearInterval(watching)
      rmSync(folder, { recursive: true })
      return Promise.resolve()
    },
  } satisfies Site)
}

/** Every second request that is cut off by the death of the process has had its effect. */
async function dockerSite(): Promise<Site> {
  const engine = await startFakeEngine()
  const { containers } = engine.state
  /** Containers that were started, of each version. */
  const started = new Map<string, Set<string>>()
  const note = () => {
    for (const { id, image, starts } of containers.values()) {
      const ids = started.get(image.digest) ?? new Set()
      if (starts > 0) ids.add(id)
      started.set(image.digest, ids)
    }
  }
  engine.after = note
  let cut = 0
  return {
    name: 'docker',
    deployer: {
      docker: {
        socket: engine.socket,
        container: { network_mode: 'none' },
        probe: { exec: ['/bin/true'], interval: '50ms', successes: 2, within: '20s' },
      },
    },
    stage: {},
    repeat: 'keyed',
    steps: 8,
    onStep(call) {
      engine.before = (request) => {
        if (request.startsWith('GET ')) return
        if (call?.() === undefined) return
        cut += 1
        engine.fail(request, cut % 2 === 0 ? 'hang' : 'lose')
      }
    },
    offer: (repository, digest) => engine.offer(repository, digest),
    effects: (digest) => started.get(digest)?.size ?? 0,
    wrong(digest) {
      const up = [...containers.values()].filter(({ state }) => state === 'running')
      const right = up.length === 1 && up[0]!.image.digest === digest && up[0]!.name === 'shop-live'
      return right ? [] : [`running: ${up.map(({ name, image }) => `${name} ${image.digest}`).join(', ') || 'nothing'}`]
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
}

async function kubernetesSite(): Promise<Site> {
  const namespace = 'shop'
  const simulator = await startSimulator()
  const folder = mkdtempSync(join(tmpdir(), 'regista-cluster-'))
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, kubeconfig(simulator.url, namespace))
  const cluster = simulator.cluster()
  const ours: Cluster = {
    ...cluster,
    async access(...asked) {
      const access = await cluster.access(...asked)
      return { ...access, headers: { ...access.headers, 'x-test': 'controller' } }
    },
  }
  const client = createKubernetes({ cluster: ours, clock: systemClock, random: Math.random })
  const path = pathOf({ group: 'apps', version: 'v1', plural: 'deployments' }, { namespace })
  const labels = { app: 'web' }
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'any:0' }] } }
  const spec = { replicas: 2, selector: { matchLabels: labels }, template }
  const stop = new AbortController()
  await client.create(path, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec }, stop.signal)
  const controller = createWorkloadController({ client, namespace, behaviour: () => 'rolls-out' })
  const controlling = controller.run(stop.signal, 20)
  const workload = () => simulator.objects(path)[0] as KubernetesObject & { spec: typeof spec }
  const imageNow = () => workload().spec.template.spec.containers[0]!.image
  /** What its pods were to be, one after the other. */
  const templates: string[] = []
  const note = () => {
    const now = JSON.stringify(workload().spec.template)
    if (templates.at(-1) !== now) templates.push(now)
  }
  let step: (() => Promise<void> | undefined) | null = null
  let gone: Promise<void> | undefined
  simulator.fault({
    when({ path: asked, headers }) {
      note()
      if (!asked.startsWith(`${path}/web`) || headers['x-test'] !== undefined || step === null) return false
      gone = step()
      return gone !== undefined
    },
    times: Infinity,
    get until() {
      return gone ?? Promise.resolve()
    },
    cut: true,
  })
  return {
    name: 'kubernetes',
    deployer: { kubernetes: { kubeconfig: file, namespace } },
    stage: { workload: { kind: 'Deployment', name: 'web' } },
    repeat: 'keyed',
    steps: 4,
    onStep(call) {
      step = call
    },
    offer() {},
    effects(digest) {
      note()
      return templates.filter((template) => template.includes(`@${digest}`)).length
    },
    wrong: (digest) => (imageNow().endsWith(`@${digest}`) ? [] : [`its image is ${imageNow()}`]),
    async [Symbol.asyncDispose]() {
      stop.abort(null)
      await controlling
      await client.close()
      await simulator[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

export const sites = {
  webhook: webhookSite,
  command: commandSite,
  docker: dockerSite,
  kubernetes: kubernetesSite,
} as const
