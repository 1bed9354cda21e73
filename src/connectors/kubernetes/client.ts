/** One Kubernetes cluster, over its REST API: any resource, custom ones too. */
import type { Clock } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import type { Random } from '../../kernel/retry.ts'
import type { Cluster } from './cluster.ts'
import { servedKinds, type ServedKind } from './discovery.ts'
import { clusterError, whyOf } from './errors.ts'
import { listPages, type Page, type Query } from './list.ts'
import { listWatch, type ListWatchQuery, type Observed } from './list-watch.ts'
import type { KubernetesObject } from './objects.ts'
import { createSender, type Request } from './send.ts'
import { usualBounds, type WatchBounds } from './watch.ts'

export interface Kubernetes {
  /** Of its cluster, for people. */
  readonly name: string
  /** The one it runs in, or that its context names. */
  readonly namespace: string | null
  /** null: there is no such object. */
  get(path: string, signal: AbortSignal): Promise<KubernetesObject | null>
  /** What a group has in one version, or in the one that the cluster prefers. null: no such group or version. */
  kinds(group: string, version: string | null, signal: AbortSignal): Promise<readonly ServedKind[] | null>
  /** The pages of a list; it may begin anew, which its pages say. */
  list(query: Query, signal: AbortSignal): AsyncIterable<Page>
  /** Rejects with `target.conflict` where one of that name exists. `path`: of the list. */
  create(path: string, object: KubernetesObject, signal: AbortSignal): Promise<KubernetesObject>
  /** Rejects with `target.conflict` where it is no longer at the resourceVersion that the object has. Leases are made where missing. */
  replace(path: string, object: KubernetesObject, signal: AbortSignal): Promise<KubernetesObject>
  /** Sets the fields of a JSON merge patch, and removes those that are null. */
  patch(path: string, patch: object, signal: AbortSignal): Promise<KubernetesObject>
  /** The same, but lists that the API knows by a key (containers by name) are merged. Not for custom resources. */
  patchLists(path: string, patch: object, signal: AbortSignal): Promise<KubernetesObject>
  /** Server-side apply: makes it, or takes over the fields that the object has. */
  apply(path: string, object: KubernetesObject, options: ApplyOptions, signal: AbortSignal): Promise<KubernetesObject>
  /** False: there was none. With `uid` only that one: another of the same name is a conflict. */
  delete(path: string, options: { readonly uid?: string }, signal: AbortSignal): Promise<boolean>
  /** Ends when the signal aborts or the client closes, never otherwise. */
  listWatch<T>(query: ListWatchQuery<T>, signal: AbortSignal): AsyncIterable<Observed<T>>
  /** Ends whatever still waits; no connection is left open. */
  close(): Promise<void>
}

export interface ApplyOptions {
  /** Who owns the fields from now on. */
  readonly manager: string
  /** Takes fields from other managers too; without it that is a conflict. */
  readonly force?: boolean
}

export interface KubernetesOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly random: Random
  /** How long and how large watches are; tests shorten it. */
  readonly watch?: Partial<WatchBounds>
}

export function createKubernetes({ cluster, clock, random, watch }: KubernetesOptions): Kubernetes {
  const sender = createSender({ cluster, clock })
  const bounds = { ...usualBounds, ...watch }
  const closing = new AbortController()
  const either = (signal: AbortSignal) => AbortSignal.any([signal, closing.signal])

  async function object(request: Request, signal: AbortSignal): Promise<KubernetesObject> {
    const body = await sender.json(request, either(signal))
    if (typeof body === 'object' && body !== null && 'metadata' in body) return body as KubernetesObject
    throw clusterError(sender.asked(request), 'malformed', 'an answer that is no object')
  }

  return {
    name: cluster.name,
    namespace: cluster.namespace,
    get: (path, signal) => object({ method: 'GET', path }, signal).catch(nullIfNone),
    kinds: (group, version, signal) => servedKinds(sender, { group, version }, either(signal)),
    list: (query, signal) => listPages(sender, query, either(signal)),
    create: (path, content, signal) => object({ method: 'POST', path, body: { type: json, content } }, signal),
    replace: (path, content, signal) => object({ method: 'PUT', path, body: { type: json, content } }, signal),
    patch(path, content, signal) {
      return object({ method: 'PATCH', path, body: { type: 'application/merge-patch+json', content } }, signal)
    },
    patchLists(path, content, signal) {
      return object(
        { method: 'PATCH', path, body: { type: 'application/strategic-merge-patch+json', content } },
        signal,
      )
    },
    apply(path, content, { manager, force }, signal) {
      // JSON is YAML, and every API server since 1.16 takes it under this name.
      const body = { type: 'application/apply-patch+yaml', content }
      const query = { fieldManager: manager, force: force ? 'true' : undefined }
      return object({ method: 'PATCH', path, query, body }, signal)
    },
    async delete(path, { uid }, signal) {
      const content = { apiVersion: 'v1', kind: 'DeleteOptions', ...(uid !== undefined && { preconditions: { uid } }) }
      const request = { method: 'DELETE', path, body: { type: json, content } } as const
      // Answers with a Status, or with the object where finalizers keep it for a while.
      return (await sender.json(request, either(signal)).catch(nullIfNone)) !== null
    },
    listWatch: (query, signal) => listWatch({ sender, clock, random, bounds }, query, either(signal)),
    async close() {
      closing.abort()
      await sender.close()
    },
  }
}

const json = 'application/json'

/** Only where the cluster names the object that it does not have; a kind that it does not serve is an error. */
function nullIfNone(thrown: unknown): null {
  if (whyOf(thrown) === 'not-found' && (thrown as AppError).data['name'] !== undefined) return null
  throw thrown
}
