/**
 * How far a rollout is, from the object alone: each kind's own fields, by the rules of `kubectl rollout status`
 * (k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go).
 */
import type { Place, WorkloadObject } from './kubernetes-workload.ts'

export type Rollout =
  | { readonly is: 'done'; readonly detail?: string }
  /** `progress` grows as pods are replaced and become available. */
  | { readonly is: 'going'; readonly progress: number; readonly detail: string }
  /** Its controller gave up. */
  | { readonly is: 'stuck'; readonly why: string }

type Kind = Place['kind']

/** Why an image that is set would not be rolled out; null: it would. */
export function barOf(kind: Kind, { spec }: WorkloadObject): string | null {
  if (spec.paused === true) return 'its rollouts are paused; resume them: kubectl rollout resume'
  if (kind === 'Deployment') return null
  if (spec.updateStrategy?.type === 'OnDelete') {
    return 'its update strategy is OnDelete, by which no pod is replaced when an image is set; make it RollingUpdate'
  }
  const { replicas, partition } = partsOf({ spec })
  if (partition > 0 && partition >= replicas && replicas > 0) {
    return `its partition of ${partition} keeps all of its ${replicas} pods as they are; lower it`
  }
  return null
}

export function rolloutOf(kind: Kind, object: WorkloadObject): Rollout {
  const { generation = 0 } = object.metadata
  if ((object.status?.observedGeneration ?? 0) < generation) {
    return { is: 'going', progress: Number.NEGATIVE_INFINITY, detail: 'its controller has not taken it up yet' }
  }
  return kinds[kind](object)
}

const kinds: { readonly [kind in Kind]: (object: WorkloadObject) => Rollout } = {
  Deployment({ spec, status = {} }) {
    const gaveUp = status.conditions?.find(({ type, reason }) => {
      return type === 'Progressing' && reason === 'ProgressDeadlineExceeded'
    })
    if (gaveUp) return { is: 'stuck', why: `ProgressDeadlineExceeded${gaveUp.message ? `: ${gaveUp.message}` : ''}` }
    const wanted = spec.replicas ?? 1
    const { updatedReplicas: updated = 0, availableReplicas: available = 0, replicas: total = updated } = status
    const old = total - updated
    if (updated >= wanted && old === 0 && available >= updated) return done(wanted)
    return going(updated, wanted, available, old)
  },
  StatefulSet({ spec, status = {} }) {
    const { replicas, partition } = partsOf({ spec })
    const wanted = Math.max(0, replicas - partition)
    const { updatedReplicas: updated = 0, readyReplicas: ready = 0, availableReplicas: available = ready } = status
    const replaced = partition > 0 ? updated >= wanted : status.currentRevision === status.updateRevision
    if (replaced && available >= replicas && (status.replicas ?? 0) <= replicas) {
      return partition > 0
        ? { is: 'done', detail: `${wanted} of ${replicas} pods; its partition keeps the others as they were` }
        : done(replicas)
    }
    return going(updated, wanted, available, 0)
  },
  DaemonSet({ status = {} }) {
    const { desiredNumberScheduled: wanted = 0, updatedNumberScheduled: updated = 0, numberAvailable = 0 } = status
    if (updated >= wanted && numberAvailable >= wanted) return done(wanted)
    return going(updated, wanted, numberAvailable, 0)
  },
}

function done(wanted: number): Rollout {
  return wanted === 0 ? { is: 'done', detail: 'it has no pods now: nothing was seen to run' } : { is: 'done' }
}

function going(updated: number, wanted: number, available: number, old: number): Rollout {
  const leaving = old > 0 ? `, ${old} old ones left` : ''
  const detail = `${updated} of ${wanted} pods replaced, ${available} available${leaving}`
  return { is: 'going', progress: updated + available - old, detail }
}

function partsOf({ spec }: Pick<WorkloadObject, 'spec'>): { readonly replicas: number; readonly partition: number } {
  return { replicas: spec.replicas ?? 1, partition: spec.updateStrategy?.rollingUpdate?.partition ?? 0 }
}
