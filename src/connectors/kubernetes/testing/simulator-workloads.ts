/** What an API server does with Deployments, StatefulSets, DaemonSets and their pods beyond keeping them. */
import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '../objects.ts'

/** Kinds whose status is written apart from the rest. */
export function hasStatusApart(resource: string): boolean {
  return resource.startsWith('apis/apps/v1/') || resource === 'api/v1/pods'
}

/** As it is stored: its generation counts the changes of what is wanted. Of Deployments also those of annotations. */
export function generationOf(
  resource: string,
  before: KubernetesObject | undefined,
  object: KubernetesObject,
): KubernetesObject {
  if (!resource.startsWith('apis/apps/v1/')) return object
  const { generation = 0 } = before?.metadata ?? {}
  const noted = ({ metadata }: KubernetesObject) =>
    resource.endsWith('/deployments') ? (metadata.annotations ?? {}) : null
  const same =
    before !== undefined &&
    isDeepStrictEqual(before['spec'], object['spec']) &&
    isDeepStrictEqual(noted(before), noted(object))
  return { ...object, metadata: { ...object.metadata, generation: same ? generation : generation + 1 } }
}

/** Lists that are merged, and what their items are known by. */
const keys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  conditions: 'type',
  env: 'name',
}

/** A strategic merge patch, as far as it is used here: no directives (`$patch`, `$setElementOrder`). */
export function mergeLists(before: unknown, change: unknown, field = ''): unknown {
  const key = keys[field]
  if (Array.isArray(change) && key !== undefined) {
    const merged = Array.isArray(before) ? [...(before as Record<string, unknown>[])] : []
    for (const item of change as Record<string, unknown>[]) {
      const at = merged.findIndex((one) => one[key] === item[key])
      if (at === -1) merged.push(item)
      else merged[at] = mergeLists(merged[at], item) as Record<string, unknown>
    }
    return merged
  }
  if (typeof change !== 'object' || change === null || Array.isArray(change)) return change
  const merged: Record<string, unknown> = typeof before === 'object' && before !== null ? { ...before } : {}
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name]
    else merged[name] = mergeLists(merged[name], value, name)
  }
  return merged
}
