/** Why pods of a workload do not come up, as they say themselves. */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import { whyOf } from '../../../connectors/kubernetes/errors.ts'
import { pathOf, type KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import { selectorOf, type Place, type WorkloadObject } from './kubernetes-workload.ts'

interface Pod extends KubernetesObject {
  readonly spec?: { readonly containers?: readonly { readonly image?: string }[] }
  readonly status?: {
    readonly phase?: string
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly reason?: string
      readonly message?: string
    }[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}

interface ContainerStatus {
  readonly restartCount?: number
  readonly state?: { readonly waiting?: Said; readonly terminated?: Ended }
  readonly lastState?: { readonly terminated?: Ended }
}

interface Said {
  readonly reason?: string
  readonly message?: string
}

interface Ended extends Said {
  readonly exitCode?: number
}

const podsIn = (namespace: string) => pathOf({ group: '', version: 'v1', plural: 'pods' }, { namespace })

/** What is told of one pod and of all together, in characters. */
const longest = { one: 240, all: 700 }

/** null: nothing is the matter with those that can be seen. Never rejects for what the cluster does not let it see. */
export async function troublesOf(
  kubernetes: Pick<Kubernetes, 'list'>,
  { namespace }: Place,
  object: WorkloadObject,
  signal: AbortSignal,
): Promise<string | null> {
  const counts = new Map<string, number>()
  try {
    for await (const pod of podsOf(kubernetes, namespace, object, signal)) {
      const trouble = troubleOf(pod)
      if (trouble !== null) counts.set(trouble, (counts.get(trouble) ?? 0) + 1)
    }
  } catch (thrown) {
    signal.throwIfAborted()
    return whyOf(thrown) === 'forbidden'
      ? `its pods may not be listed in namespace ${namespace} (let a role list pods, and the reason is shown here)`
      : null
  }
  const all = [...counts].map(([trouble, count]) => `${count === 1 ? '1 pod' : `${count} pods`}: ${trouble}`)
  return all.length === 0 ? null : all.join('; ').slice(0, longest.all)
}

/**
 * Of an ordered StatefulSet a pod that never becomes ready is not replaced, whatever image is set then: it has to be
 * deleted (kubernetes.io/docs/concepts/workloads/controllers/statefulset, "Forced rollback").
 */
export async function deleteStuck(
  kubernetes: Pick<Kubernetes, 'list' | 'delete'>,
  { namespace }: Place,
  object: WorkloadObject,
  fence: () => void,
  signal: AbortSignal,
): Promise<number> {
  const current = object.status?.updateRevision
  if (current === undefined) return 0
  let deleted = 0
  for await (const pod of podsOf(kubernetes, namespace, object, signal)) {
    const { name, uid, labels, deletionTimestamp } = pod.metadata
    const revision = labels?.['controller-revision-hash']
    if (isReady(pod) || revision === undefined || revision === current || deletionTimestamp !== undefined) continue
    fence()
    const path = `${podsIn(namespace)}/${encodeURIComponent(name)}`
    if (await kubernetes.delete(path, uid === undefined ? {} : { uid }, signal)) deleted += 1
  }
  return deleted
}

async function* podsOf(
  kubernetes: Pick<Kubernetes, 'list'>,
  namespace: string,
  object: WorkloadObject,
  signal: AbortSignal,
): AsyncGenerator<Pod, void, undefined> {
  const labelSelector = selectorOf(object)
  if (labelSelector === '') return
  for await (const { items } of kubernetes.list({ path: podsIn(namespace), labelSelector }, signal)) {
    yield* items as readonly Pod[]
  }
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false
}

function troubleOf(pod: Pod): string | null {
  if (isReady(pod) || pod.metadata['deletionTimestamp'] !== undefined) return null
  const { conditions = [], initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {}
  for (const status of [...initContainerStatuses, ...containerStatuses]) {
    const said = saidOf(status)
    if (said !== null) return said
  }
  const unplaced = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
  if (unplaced)
    return cleaned(`${unplaced.reason ?? 'not scheduled'}${unplaced.message ? `: ${unplaced.message}` : ''}`)
  return 'not ready'
}

/** `CrashLoopBackOff (exit code 1, Error, 4 restarts)`, `ImagePullBackOff: Back-off pulling image …`. */
function saidOf({ state = {}, lastState = {}, restartCount = 0 }: ContainerStatus): string | null {
  const ended = state.terminated ?? lastState.terminated
  const failed = ended !== undefined && ended.exitCode !== 0 ? ended : undefined
  const { waiting } = state
  const usual = waiting?.reason === undefined || /^(?:PodInitializing|ContainerCreating)$/.test(waiting.reason)
  if (usual && failed === undefined) return null
  const of = failed && [
    `exit code ${failed.exitCode ?? '?'}`,
    failed.reason,
    restartCount > 0 && `${restartCount} restarts`,
  ]
  const told = of === undefined ? '' : ` (${of.filter((part) => typeof part === 'string').join(', ')})`
  if (usual) return cleaned(`ended${told}`)
  const why = failed === undefined && waiting?.message ? `: ${waiting.message}` : ''
  return cleaned(`${waiting!.reason!}${told}${why}`)
}

/** What containers and their runtime write is shown to people: on one line, and not at any length. */
function cleaned(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, longest.one)
}
