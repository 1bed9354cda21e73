/** Claims as Crossplane leaves them, and the cluster that has them. */
import { startSimulator, type Simulator } from '../../src/connectors/kubernetes/testing/simulator.ts'

export const group = 'resources.example.org'
export const version = 'v1alpha1'
export const plural = 'machines'
export const claimsPath = (namespace: string) => `/apis/${group}/${version}/namespaces/${namespace}/${plural}`

export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

export const ready: readonly Condition[] = [
  { type: 'Synced', status: 'True', reason: 'ReconcileSuccess' },
  { type: 'Ready', status: 'True', reason: 'Available' },
]

export const failing = (message: string): readonly Condition[] => [
  { type: 'Synced', status: 'True', reason: 'ReconcileSuccess' },
  { type: 'Ready', status: 'False', reason: 'Unavailable', message },
]

export function startClaimsCluster(): Promise<Simulator> {
  return startSimulator({ kinds: [{ group, version, plural, kind: 'Machine', namespaced: true }] })
}

export function claim(namespace: string, name: string, conditions: readonly Condition[]) {
  return {
    apiVersion: `${group}/${version}`,
    kind: 'Machine',
    metadata: { namespace, name, uid: `uid-${namespace}-${name}`, generation: 1 },
    spec: {},
    status: { conditions },
  }
}
