/** What a simulated cluster holds: objects of any resource, one order of changes over all of them, and a history that can be forgotten. */
import { randomUUID } from 'node:crypto'
import type { KubernetesObject } from '../objects.ts'

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: number
  /** `apis/group/version/plural`. */
  readonly resource: string
  readonly object: KubernetesObject
  /** As it was before; null: it was not there. */
  readonly before: KubernetesObject | null
}

export interface Stored {
  readonly revision: number
  /** Changes before this one are forgotten. */
  readonly oldest: number
  get(resource: string, key: string): KubernetesObject | undefined
  /** In the order of keys, as they are now or were at a revision that is not forgotten. */
  all(resource: string, at?: number): KubernetesObject[]
  write(resource: string, key: string, object: KubernetesObject): KubernetesObject
  remove(resource: string, key: string): KubernetesObject | undefined
  since(revision: number): Change[]
  compact(): void
  /** Called after each change. */
  listen(heard: (change: Change) => void): () => void
}

export function createStored(): Stored {
  const objects = new Map<string, KubernetesObject>()
  const listeners = new Set<(change: Change) => void>()
  let history: Change[] = []
  // As in a cluster, where nothing begins at 0 and gaps are usual.
  let revision = 1000
  let oldest = revision

  function record(type: Change['type'], resource: string, id: string, object: KubernetesObject): KubernetesObject {
    revision += 1
    const before = objects.get(id) ?? null
    const stamped = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    if (type === 'DELETED') objects.delete(id)
    else objects.set(id, stamped)
    const change = { type, revision, resource, object: stamped, before }
    history.push(change)
    for (const heard of listeners) heard(change)
    return stamped
  }

  return {
    get revision() {
      return revision
    },
    get oldest() {
      return oldest
    },
    get: (resource, key) => objects.get(`${resource}/${key}`),
    all(resource, at = revision) {
      const found = new Map([...objects].filter(([id]) => id.startsWith(`${resource}/`)))
      for (const change of history.toReversed()) {
        if (change.revision <= at || change.resource !== resource) continue
        const { namespace, name } = change.object.metadata
        const id = `${resource}/${namespace ?? ''}/${name}`
        if (change.before === null) found.delete(id)
        else found.set(id, change.before)
      }
      return [...found].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, object]) => object)
    },
    write(resource, key, object) {
      const id = `${resource}/${key}`
      const before = objects.get(id)
      const metadata = {
        creationTimestamp: new Date(0).toISOString(),
        ...object.metadata,
        uid: before?.metadata.uid ?? randomUUID(),
      }
      return record(before ? 'MODIFIED' : 'ADDED', resource, id, { ...object, metadata })
    },
    remove(resource, key) {
      const before = objects.get(`${resource}/${key}`)
      return before && record('DELETED', resource, `${resource}/${key}`, before)
    },
    since: (from) => history.filter((change) => change.revision > from),
    compact() {
      history = []
      oldest = revision
    },
    listen(heard) {
      listeners.add(heard)
      return () => listeners.delete(heard)
    },
  }
}
