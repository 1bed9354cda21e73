/** Claims, composite resources and their definitions, as Crossplane has them. */
import { pathOf, type KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import type { KindDeclaration } from '../../../connectors/kubernetes/testing/simulator.ts'

export const group = 'resources.example.org'
const version = 'v1alpha1'

export const virtualMachines: KindDeclaration = {
  group,
  version,
  plural: 'virtualmachines',
  kind: 'VirtualMachine',
  namespaced: true,
}
export const databases: KindDeclaration = { group, version, plural: 'databases', kind: 'Database', namespaced: true }
export const compositeDatabases: KindDeclaration = {
  group,
  version,
  plural: 'xdatabases',
  kind: 'XDatabase',
  namespaced: false,
}
export const definitions: KindDeclaration = {
  group: 'apiextensions.crossplane.io',
  version: 'v1',
  plural: 'compositeresourcedefinitions',
  kind: 'CompositeResourceDefinition',
  namespaced: false,
}

export const listOf = (kind: KindDeclaration, namespace: string | null = null) => pathOf(kind, { namespace })

export const available = { type: 'Ready', status: 'True', reason: 'Available' }
export const synced = { type: 'Synced', status: 'True', reason: 'ReconcileSuccess' }
export const waitingText = 'Claim is waiting for composite resource to become Ready'
export const waiting = { type: 'Ready', status: 'False', reason: 'Waiting', message: waitingText }

export function objectOf(
  kind: KindDeclaration,
  name: string,
  conditions: readonly object[] = [available, synced],
  spec: object = {},
): KubernetesObject {
  return {
    apiVersion: `${kind.group}/${kind.version}`,
    kind: kind.kind,
    metadata: { name },
    spec,
    status: { conditions },
  }
}

/** Of a composite resource and, where it has one, its claim. */
export function definitionOf(
  composite: KindDeclaration,
  claim: KindDeclaration | null,
  scope = 'LegacyCluster',
): KubernetesObject {
  const names = ({ plural, kind }: KindDeclaration) => ({ plural, kind })
  return {
    apiVersion: `${definitions.group}/${definitions.version}`,
    kind: definitions.kind,
    metadata: { name: `${composite.plural}.${composite.group}` },
    spec: {
      group: composite.group,
      names: names(composite),
      ...(claim && { claimNames: names(claim) }),
      scope,
      versions: [{ name: composite.version, served: true, referenceable: true }],
    },
  }
}
