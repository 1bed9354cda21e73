/** What is read of a Deployment, StatefulSet or DaemonSet, and where it is. */
import { pathOf, type KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Stage, Workload } from '../model.ts'

export interface WorkloadObject extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number
    readonly paused?: boolean
    readonly selector?: Selector
    /** Of a Deployment. */
    readonly strategy?: { readonly type?: string }
    readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } }
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> }
      readonly spec: { readonly containers: readonly Container[]; readonly initContainers?: readonly Container[] }
    }
  }
  readonly status?: WorkloadStatus
}

export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

interface Container {
  readonly name: string
  readonly image?: string
}

/** Counts that are 0 may be left out. */
export interface WorkloadStatus {
  readonly observedGeneration?: number
  readonly replicas?: number
  readonly updatedReplicas?: number
  readonly readyReplicas?: number
  readonly availableReplicas?: number
  readonly currentRevision?: string
  readonly updateRevision?: string
  readonly desiredNumberScheduled?: number
  readonly updatedNumberScheduled?: number
  readonly numberAvailable?: number
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly reason?: string
    readonly message?: string
  }[]
}

const plurals = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' } as const

/** Where a stage's image is set. */
export interface Place {
  readonly kind: Workload['kind']
  readonly plural: string
  readonly namespace: string
  readonly name: string
  readonly container: string | null
  readonly path: string
  /** For people: `Deployment shop/web`. */
  readonly called: string
}

export function placeOf({ key, workload }: Stage, usualNamespace: string): Place {
  if (workload === null) {
    throw new AppError('config.invalid', `stage ${key} names no workload, and its deployer is a cluster; name one`)
  }
  const { kind, name, container } = workload
  const namespace = workload.namespace ?? usualNamespace
  const plural = plurals[kind]
  const path = pathOf({ group: 'apps', version: 'v1', plural }, { namespace, name })
  return { kind, plural, namespace, name, container, path, called: `${kind} ${namespace}/${name}` }
}

export interface Chosen {
  readonly name: string
  readonly image: string
  readonly list: 'containers' | 'initContainers'
}

/** The container that the stage names; the only one, where it names none. Throws `target.refused`. */
export function containerOf({ spec }: WorkloadObject, { container, called }: Place): Chosen {
  const lists = ['containers', 'initContainers'] as const
  const all = lists.flatMap((list) => {
    return (spec.template.spec[list] ?? []).map(({ name, image = '' }) => ({ name, image, list }))
  })
  const usual = all.filter(({ list }) => list === 'containers')
  const found = container === null ? usual : all.filter(({ name }) => name === container)
  const [first] = found
  if (first !== undefined && found.length === 1) return first
  const names = all.map(({ name }) => name).join(', ')
  const what = container === null ? 'has several containers' : `has no container ${container}`
  throw new AppError('target.refused', `${called} ${what}; name one of ${names} as workload.container of the stage`)
}

/** As a label selector of a request. */
export function selectorOf({ spec }: WorkloadObject): string {
  const { matchLabels = {}, matchExpressions = [] } = spec.selector ?? {}
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'NotIn' ? 'notin' : 'in'} (${values.join(',')})`
  })
  return [...labels, ...expressions].join(',')
}

export interface ImageName {
  readonly repository: string
  readonly tag: string | null
  readonly digest: string | null
}

/** `host:5000/a/b:tag@sha256:…`. */
export function parseImage(image: string): ImageName {
  const [name = '', digest = null] = image.split('@', 2)
  const colon = name.lastIndexOf(':')
  if (colon <= name.lastIndexOf('/')) return { repository: name, tag: null, digest }
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1), digest }
}
