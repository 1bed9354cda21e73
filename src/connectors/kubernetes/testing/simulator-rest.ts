/** The simulated cluster's answers to everything but watches. */
import type { IncomingHttpHeaders } from 'node:http'
import type { KubernetesObject } from '../objects.ts'
import { generationOf, hasStatusApart, mergeLists } from './simulator-workloads.ts'
import { readSelectors } from './selectors.ts'
import type { Stored } from './stored.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Place {
  /** `api/v1/plural` or `apis/group/version/plural`. */
  readonly resource: string
  readonly namespace: string | null
  /** null: the list. */
  readonly name: string | null
  /** Its status alone: what controllers write. */
  readonly status: boolean
}

export interface Asking {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

export function parsePath(path: string): Place | null {
  const matched =
    /^\/(api\/v1|apis\/[^/]+\/v\w+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+)(\/status)?)?$/.exec(path)
  if (!matched) return null
  const [, version, namespace, plural, name, status] = matched.map((part) => part && decodeURIComponent(part))
  const place = { resource: `${version}/${plural}`, namespace: namespace ?? null, name: name ?? null }
  return { ...place, status: status !== undefined }
}

export function statusAnswer(status: number, reason: string, message: string, details: object = {}): Answer {
  const kind = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' }
  return { status, body: JSON.stringify({ ...kind, message, reason, details, code: status }) }
}

export function answerOf(stored: Stored, place: Place, asking: Asking, body: string): Answer {
  if (place.name === null) return asking.method === 'POST' ? create(stored, place, body) : list(stored, place, asking)
  const { method, query } = asking
  if (method === 'GET') return found(stored, place) ?? missing(place)
  if (method === 'PUT') return replace(stored, place, body)
  if (method === 'DELETE') return remove(stored, place, body)
  if (method === 'PATCH')
    return query.has('fieldManager') ? apply(stored, place, body) : patch(stored, place, asking, body)
  return statusAnswer(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
}

const ok = (object: unknown, status = 200): Answer => ({ status, body: JSON.stringify(object) })
const keyOfPlace = ({ namespace, name }: Place) => `${namespace ?? ''}/${name}`
const missing = (place: Place) =>
  statusAnswer(404, 'NotFound', `${place.resource} "${place.name}" not found`, { name: place.name })
const conflicting = (place: Place, message: string) =>
  statusAnswer(409, 'Conflict', `Operation cannot be fulfilled on ${place.name}: ${message}`, { name: place.name })

function found(stored: Stored, place: Place): Answer | null {
  const object = stored.get(place.resource, keyOfPlace(place))
  return object === undefined ? null : ok(object)
}

function list(stored: Stored, { resource, namespace }: Place, { query }: Asking): Answer {
  const select = readSelectors(query.get('labelSelector'), query.get('fieldSelector'))
  if (select === null) return statusAnswer(400, 'BadRequest', 'unable to parse requirement')
  const going = query.get('continue')
  const { revision, after } = going
    ? (JSON.parse(Buffer.from(going, 'base64url').toString()) as { revision: number; after: string })
    : { revision: stored.revision, after: '' }
  if (revision < stored.oldest) {
    return statusAnswer(
      410,
      'Expired',
      'The provided continue parameter is too old to display a consistent list result.',
    )
  }
  const all = stored
    .all(resource, revision)
    .filter((object) => namespace === null || object.metadata.namespace === namespace)
    .filter(select)
  const keyed = all.map((object) => ({ object, key: `${object.metadata.namespace ?? ''}/${object.metadata.name}` }))
  const rest = keyed.filter(({ key }) => key > after)
  const limit = Number(query.get('limit') ?? 0) || rest.length
  const page = rest.slice(0, limit)
  const more = rest.length > page.length
  const next = JSON.stringify({ revision, after: page.at(-1)?.key })
  const metadata = {
    resourceVersion: String(revision),
    ...(more && { continue: Buffer.from(next).toString('base64url'), remainingItemCount: rest.length - page.length }),
  }
  return ok({ kind: 'List', apiVersion: 'v1', metadata, items: page.map(({ object }) => object) })
}

function write(stored: Stored, resource: string, key: string, object: KubernetesObject): KubernetesObject {
  return stored.write(resource, key, generationOf(resource, stored.get(resource, key), object))
}

function create(stored: Stored, place: Place, body: string): Answer {
  const object = withNamespace(JSON.parse(body) as KubernetesObject, place)
  const name = object.metadata.name
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) {
    return statusAnswer(422, 'Invalid', `${place.resource} "${name}" is invalid: metadata.name: Invalid value`, {
      name,
    })
  }
  const key = keyOfPlace({ ...place, name })
  if (stored.get(place.resource, key)) {
    return statusAnswer(409, 'AlreadyExists', `${place.resource} "${name}" already exists`, { name })
  }
  return ok(write(stored, place.resource, key, object), 201)
}

function replace(stored: Stored, place: Place, body: string): Answer {
  const object = withNamespace(JSON.parse(body) as KubernetesObject, place)
  const before = stored.get(place.resource, keyOfPlace(place))
  if (before === undefined && place.resource.endsWith('/leases')) return create(stored, { ...place, name: null }, body)
  if (before === undefined) return missing(place)
  const { resourceVersion } = object.metadata
  if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
    return conflicting(place, 'the object has been modified; please apply your changes to the latest version')
  }
  return ok(write(stored, place.resource, keyOfPlace(place), object))
}

function patch(stored: Stored, place: Place, { headers }: Asking, body: string): Answer {
  const before = stored.get(place.resource, keyOfPlace(place))
  if (before === undefined) return missing(place)
  const byKey = headers['content-type'] === 'application/strategic-merge-patch+json'
  const patched = (byKey ? mergeLists : merge)(before, JSON.parse(body)) as KubernetesObject
  const merged = statusApart(place, before, patched)
  if (merged.metadata.resourceVersion !== before.metadata.resourceVersion) {
    return conflicting(place, 'the object has been modified')
  }
  return ok(write(stored, place.resource, keyOfPlace(place), merged))
}

/** Of some kinds the rest is not written with the status, nor the status with the rest. */
function statusApart(place: Place, before: KubernetesObject, patched: KubernetesObject): KubernetesObject {
  if (!hasStatusApart(place.resource)) return patched
  const { resourceVersion } = patched.metadata
  if (place.status)
    return {
      ...before,
      metadata: { ...before.metadata, resourceVersion },
      status: patched['status'],
    } as KubernetesObject
  const { status: _, ...rest } = patched
  return { ...rest, ...('status' in before && { status: before['status'] }) }
}

/** Without owners of fields: what is applied counts. */
function apply(stored: Stored, place: Place, body: string): Answer {
  const before = stored.get(place.resource, keyOfPlace(place))
  const applied = withNamespace(JSON.parse(body) as KubernetesObject, place)
  const object = before === undefined ? applied : (merge(before, applied) as KubernetesObject)
  return ok(write(stored, place.resource, keyOfPlace(place), object), before === undefined ? 201 : 200)
}

function remove(stored: Stored, place: Place, body: string): Answer {
  const before = stored.get(place.resource, keyOfPlace(place))
  if (before === undefined) return missing(place)
  const { preconditions } = (body === '' ? {} : JSON.parse(body)) as { preconditions?: { uid?: string } }
  if (preconditions?.uid !== undefined && preconditions.uid !== before.metadata.uid) {
    return conflicting(place, 'Precondition failed: UID in precondition does not match')
  }
  stored.remove(place.resource, keyOfPlace(place))
  return ok({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name: place.name } })
}

function withNamespace(object: KubernetesObject, { namespace }: Place): KubernetesObject {
  return namespace === null ? object : { ...object, metadata: { ...object.metadata, namespace } }
}

/** RFC 7396. */
function merge(before: unknown, change: unknown): unknown {
  if (typeof change !== 'object' || change === null || Array.isArray(change)) return change
  const merged: Record<string, unknown> = typeof before === 'object' && before !== null ? { ...before } : {}
  for (const [field, value] of Object.entries(change)) {
    if (value === null) delete merged[field]
    else merged[field] = merge(merged[field], value)
  }
  return merged
}
