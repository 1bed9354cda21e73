/** A cluster with workloads and somebody who plays their controllers: simulated, or a real API server. */
import { createKubernetes, type Kubernetes } from '../../../../connectors/kubernetes/client.ts'
import type { Cluster } from '../../../../connectors/kubernetes/cluster.ts'
import { pathOf, type KubernetesObject } from '../../../../connectors/kubernetes/objects.ts'
import { startKubeApiServer } from '../../../../connectors/kubernetes/testing/kube-apiserver.ts'
import { startSimulator, type Simulator } from '../../../../connectors/kubernetes/testing/simulator.ts'
import {
  createWorkloadController,
  type Behaviour,
  type WorkloadController,
} from '../../../../connectors/kubernetes/testing/workload-controller.ts'
import { systemClock, type Clock, type Ms } from '../../../../kernel/clock.ts'
import type { Workload } from '../../model.ts'
import type { Deployer } from '../deployer.ts'
import { createKubernetesDeployer } from '../kubernetes.ts'
import { digestFor } from './releases.ts'

export interface ClusterGround {
  readonly cluster: Cluster
  /** null: a real one. */
  readonly simulator: Simulator | null
  dispose(): Promise<void>
}

export async function simulated(): Promise<ClusterGround> {
  const simulator = await startSimulator({ token: 'right' })
  return { cluster: simulator.cluster(), simulator, dispose: async () => simulator[Symbol.asyncDispose]() }
}

export async function realServer(): Promise<ClusterGround> {
  const server = await startKubeApiServer()
  return { cluster: server.cluster, simulator: null, dispose: () => server.dispose() }
}

/** A namespace of its own, with one deployer. */
export interface Room {
  readonly namespace: string
  readonly client: Kubernetes
  readonly controller: WorkloadController
  readonly deployer: Deployer
  /** The same deployer in another process. */
  another(): Deployer
  /** What images with this tag do. */
  behave(tag: string, behaviour: Behaviour): void
  /** Time that passes for the deployer alone. */
  pass(ms: Ms): void
  add(kind: Workload['kind'], spec?: object, image?: string): Promise<KubernetesObject>
  get(kind: Workload['kind']): Promise<KubernetesObject>
  patch(kind: Workload['kind'], change: object): Promise<KubernetesObject>
  image(kind: Workload['kind']): Promise<string>
  close(): Promise<void>
}

const never = new AbortController().signal
const plurals = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' }
export const repository = 'registry.example.io/team/shop'
export const imageFor = (tag: string) => `${repository}@${digestFor(tag)}`

export async function openRoom(ground: ClusterGround, namespace: string): Promise<Room> {
  let ahead = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead }
  const client = createKubernetes({ cluster: ground.cluster, clock: systemClock, random: () => 0.01 })
  const spaces = pathOf({ group: '', version: 'v1', plural: 'namespaces' }, {})
  await client.create(spaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, never)
  const behaviours = new Map<string, Behaviour>()
  const behaviour = (image: string) => behaviours.get(image) ?? 'rolls-out'
  const controller = createWorkloadController({ client, namespace, behaviour })
  const cluster = () => Promise.resolve(ground.cluster)
  const opened: Deployer[] = []
  const open = () => {
    const made = createKubernetesDeployer('cluster', { namespace }, { clock, random: () => 0.5, cluster })
    opened.push(made)
    return made
  }
  const at = (kind: Workload['kind'], name?: string) =>
    pathOf({ group: 'apps', version: 'v1', plural: plurals[kind] }, { namespace, ...(name && { name }) })
  const get = async (kind: Workload['kind']) => (await client.get(at(kind, 'web'), never))!
  return {
    namespace,
    client,
    controller,
    deployer: open(),
    another: open,
    behave: (tag, how) => void behaviours.set(imageFor(tag), how),
    pass: (ms) => {
      ahead += ms
    },
    async add(kind, spec = {}, image = `${repository}:1`) {
      const labels = { app: 'web' }
      const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } }
      const usual = { selector: { matchLabels: labels }, template, ...(kind !== 'DaemonSet' && { replicas: 3 }) }
      const own = kind === 'StatefulSet' ? { serviceName: 'web' } : {}
      const object = { apiVersion: 'apps/v1', kind, metadata: { name: 'web' }, spec: { ...usual, ...own, ...spec } }
      const made = await client.create(at(kind), object, never)
      await controller.step()
      return made
    },
    get,
    patch: (kind, change) => client.patch(at(kind, 'web'), change, never),
    async image(kind) {
      const { template } = (await get(kind))['spec'] as { template: { spec: { containers: { image: string }[] } } }
      return template.spec.containers[0]!.image
    },
    async close() {
      await Promise.all(opened.map((one) => one.close()))
      await client.close()
    },
  }
}
