/**
 * A small stand-in for the controllers of Deployments, StatefulSets and DaemonSets: makes and replaces pods, and tells
 * in the status how far it is. It talks to the API alone, so that it plays on the simulator and on a real API server,
 * where no controllers run. Nothing happens but in `step`.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kubernetes } from '../client.ts'
import { whyOf } from '../errors.ts'
import { pathOf, type KubernetesObject } from '../objects.ts'

/**
 * rolls-out      in one step
 * slow           one pod for each step
 * crash-loops    its pods come, and end at once; a Deployment gives up after some steps
 * never-pulled   the same with an image that nobody can pull
 * ignored        as if the controller were not there
 */
export type Behaviour = 'rolls-out' | 'slow' | 'crash-loops' | 'never-pulled' | 'ignored'

export interface WorkloadController {
  /** Brings every workload of the namespace on. */
  step(): Promise<void>
  /** Steps until the signal aborts. */
  run(signal: AbortSignal, every: number): Promise<void>
  /** Fewest ready pods of a workload since it was first complete. */
  least(name: string): number
}

export interface ControllerParts {
  readonly client: Kubernetes
  readonly namespace: string
  readonly behaviour: (image: string) => Behaviour
  /** After how many steps without progress a Deployment gives up. */
  readonly deadline?: number
  /** Pods of a DaemonSet. */
  readonly nodes?: number
}

interface Pod {
  readonly name: string
  readonly hash: string
  readonly ready: boolean
}

interface State {
  readonly steps: number
  readonly progress: string
  readonly current: string
  readonly least: number | null
}

interface Spec {
  readonly replicas?: number
  readonly paused?: boolean
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
  readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } }
  readonly template: {
    readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> }
    readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] }
  }
}

const plurals = ['deployments', 'statefulsets', 'daemonsets'] as const
type Plural = (typeof plurals)[number]

const never = new AbortController().signal

export function createWorkloadController(parts: ControllerParts): WorkloadController {
  const { client, namespace, behaviour, deadline = 3, nodes = 3 } = parts
  const states = new Map<string, State>()
  const pods = pathOf({ group: '', version: 'v1', plural: 'pods' }, { namespace })
  let count = 0

  async function read(spec: Spec): Promise<Pod[]> {
    const labelSelector = Object.entries(spec.selector.matchLabels)
      .map(([key, value]) => `${key}=${value}`)
      .join(',')
    const found: Pod[] = []
    for await (const { items } of client.list({ path: pods, labelSelector }, never)) {
      for (const { metadata, status } of items) {
        const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] }
        const ready = conditions.some((one) => one.type === 'Ready' && one.status === 'True')
        found.push({ name: metadata.name, hash: metadata.labels?.['controller-revision-hash'] ?? '', ready })
      }
    }
    return found
  }

  async function make(owner: string, spec: Spec, hash: string, how: Behaviour): Promise<void> {
    count += 1
    const name = `${owner}-${count}`
    const { containers } = spec.template.spec
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { ...spec.selector.matchLabels, 'controller-revision-hash': hash } },
      spec: { containers },
    }
    await client.create(pods, object, never)
    const status = how === 'rolls-out' || how === 'slow' ? readyStatus : brokenStatus(spec, behaviour)
    await client.patch(`${pods}/${name}/status`, { status }, never)
  }

  const end = (pod: Pod) => client.delete(`${pods}/${pod.name}`, {}, never)

  /** One pod further; false: nothing left to do, or nothing that can be done. */
  async function move(plural: Plural, name: string, spec: Spec, hash: string, how: Behaviour): Promise<boolean> {
    const wanted = plural === 'daemonsets' ? nodes : (spec.replicas ?? 1)
    const all = await read(spec)
    const fresh = all.filter((pod) => pod.hash === hash)
    const old = all.filter((pod) => pod.hash !== hash)
    const broken = old.find(({ ready }) => !ready)
    const ready = all.filter((pod) => pod.ready).length
    const { partition = 0 } = spec.updateStrategy?.rollingUpdate ?? {}
    // An ordered StatefulSet waits for a pod that is not ready, whatever it is to become.
    if (plural === 'statefulsets' && all.some((pod) => !pod.ready)) return false
    if (broken !== undefined) return end(broken)
    const waits = fresh.some((pod) => !pod.ready)
    if (all.length < wanted || (plural === 'deployments' && fresh.length < wanted && all.length === wanted && !waits)) {
      await make(name, spec, hash, how)
      return true
    }
    if (waits) return false
    const spare = plural === 'deployments' ? ready > wanted : old.length > partition
    return spare && old[0] !== undefined && end(old[0])
  }

  async function bring(plural: Plural, object: KubernetesObject): Promise<void> {
    const { name } = object.metadata
    const spec = object['spec'] as Spec
    const hash = hashOf(spec)
    const how = worst(spec, behaviour)
    if (how === 'ignored' || spec.paused === true) return
    const manual = spec.updateStrategy?.type === 'OnDelete'
    for (let n = 0; !manual && n < (how === 'slow' ? 2 : 50); n += 1) {
      if (!(await move(plural, name, spec, hash, how))) break
    }
    const all = await read(spec)
    const key = `${plural}/${name}`
    const { status, done, progress } = statusOf(plural, object, all, hash, states.get(key)?.current ?? hash, nodes)
    const last = states.get(key)
    const mark = `${object.metadata.generation} ${progress}`
    const steps = last?.progress === mark ? last.steps + 1 : 0
    const ready = all.filter((pod) => pod.ready).length
    const least = last?.least == null ? (done ? ready : null) : Math.min(last.least, ready)
    states.set(key, { steps, progress: mark, current: done ? hash : (last?.current ?? hash), least })
    const conditions = plural === 'deployments' ? [progressing(done, steps >= deadline, name)] : undefined
    const path = `${pathOf({ group: 'apps', version: 'v1', plural }, { namespace, name })}/status`
    await client.patch(path, { status: { ...status, ...(conditions && { conditions }) } }, never)
  }

  async function step(): Promise<void> {
    for (const plural of plurals) {
      const path = pathOf({ group: 'apps', version: 'v1', plural }, { namespace })
      for await (const { items } of client.list({ path }, never)) {
        for (const object of items) await bring(plural, object)
      }
    }
  }

  return {
    step,
    async run(signal, every) {
      while (!signal.aborted) {
        // Others write the same objects.
        await step().catch((thrown: unknown) => {
          if (whyOf(thrown) === null && !signal.aborted) throw thrown
        })
        await sleep(every, undefined, { signal }).catch(() => {})
      }
    },
    least: (name) => Math.min(...plurals.map((plural) => states.get(`${plural}/${name}`)?.least ?? Infinity)),
  }
}

/** Of the template: annotations that are all gone are as if there had never been any. */
function hashOf({ template }: Spec): string {
  const { annotations = {}, ...metadata } = template.metadata ?? {}
  const text = JSON.stringify([template.spec, metadata, Object.entries(annotations)])
  return createHash('sha256').update(text).digest('hex').slice(0, 10)
}

function worst(spec: Spec, behaviour: ControllerParts['behaviour']): Behaviour {
  const order: readonly Behaviour[] = ['ignored', 'never-pulled', 'crash-loops', 'slow', 'rolls-out']
  const all = spec.template.spec.containers.map(({ image }) => behaviour(image))
  return order.find((one) => all.includes(one)) ?? 'rolls-out'
}

function statusOf(
  plural: Plural,
  { metadata, ...object }: KubernetesObject,
  all: readonly Pod[],
  hash: string,
  current: string,
  nodes: number,
): { readonly status: object; readonly done: boolean; readonly progress: string } {
  const { replicas: given = 1, updateStrategy } = object['spec'] as Spec
  const fresh = all.filter((pod) => pod.hash === hash).length
  const ready = all.filter((pod) => pod.ready).length
  const observedGeneration = metadata.generation
  const progress = `${fresh} ${all.length}`
  const wanted = plural === 'daemonsets' ? nodes : given
  const { partition = 0 } = updateStrategy?.rollingUpdate ?? {}
  const done = fresh >= wanted - partition && all.length === wanted && ready === wanted
  if (plural === 'daemonsets') {
    const scheduled = { desiredNumberScheduled: nodes, currentNumberScheduled: all.length, numberMisscheduled: 0 }
    const counts = { updatedNumberScheduled: fresh, numberReady: ready, numberAvailable: ready }
    return { status: { observedGeneration, ...scheduled, ...counts }, done, progress }
  }
  const counts = { replicas: all.length, updatedReplicas: fresh, readyReplicas: ready, availableReplicas: ready }
  const revisions = { updateRevision: hash, currentRevision: done && partition === 0 ? hash : current }
  const status = { observedGeneration, ...counts, ...(plural === 'statefulsets' && revisions) }
  return { status, done, progress }
}

function progressing(done: boolean, late: boolean, name: string): object {
  const base = { type: 'Progressing', lastUpdateTime: null, lastTransitionTime: null }
  if (done) return { ...base, status: 'True', reason: 'NewReplicaSetAvailable' }
  if (!late) return { ...base, status: 'True', reason: 'ReplicaSetUpdated' }
  const message = `ReplicaSet "${name}-abc" has timed out progressing.`
  return { ...base, status: 'False', reason: 'ProgressDeadlineExceeded', message }
}

const readyStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }

function brokenStatus(spec: Spec, behaviour: ControllerParts['behaviour']): object {
  const containerStatuses = spec.template.spec.containers.map(({ name, image }) => ({
    name,
    image,
    imageID: '',
    ready: false,
    restartCount: 4,
    ...(behaviour(image) === 'never-pulled'
      ? {
          restartCount: 0,
          state: { waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } },
        }
      : {
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } },
          lastState: { terminated: { exitCode: 3, reason: 'Error' } },
        }),
  }))
  return { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }], containerStatuses }
}
