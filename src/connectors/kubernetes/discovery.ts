/** Which kinds an API group has, as the cluster tells anybody who may ask it anything (role system:discovery). */
import { clusterError, whyOf } from './errors.ts'
import type { Resource } from './objects.ts'
import type { Request, Sender } from './send.ts'

export interface ServedKind extends Resource {
  readonly kind: string
  readonly namespaced: boolean
  /** `list`, `watch`, … */
  readonly verbs: readonly string[]
}

/** `version` null: the one that the cluster prefers. Resolves to null where the cluster has no such group or version. */
export async function servedKinds(
  sender: Sender,
  { group, version }: { readonly group: string; readonly version: string | null },
  signal: AbortSignal,
): Promise<readonly ServedKind[] | null> {
  const of = version ?? (group === '' ? 'v1' : await preferred(sender, group, signal))
  if (of === null) return null
  const path = group === '' ? `/api/${encodeURIComponent(of)}` : `${groupPath(group)}/${encodeURIComponent(of)}`
  const found = await read(sender, path, signal)
  if (found === null) return null
  const listed = (found as { readonly resources?: unknown }).resources ?? []
  if (!Array.isArray(listed)) throw malformed(sender, path)
  return listed.filter(isApiResource).map(({ name, kind, namespaced, verbs }) => {
    return { group, version: of, plural: name, kind, namespaced, verbs: verbs ?? [] }
  })
}

interface ApiResource {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
  readonly verbs?: readonly string[]
}

/** Without `name/status` and the like, which are no kinds. */
function isApiResource(value: unknown): value is ApiResource {
  const { name, kind, namespaced } = (value ?? {}) as Partial<ApiResource>
  return typeof name === 'string' && !name.includes('/') && typeof kind === 'string' && typeof namespaced === 'boolean'
}

async function preferred(sender: Sender, group: string, signal: AbortSignal): Promise<string | null> {
  const found = await read(sender, groupPath(group), signal)
  if (found === null) return null
  const { preferredVersion } = found as { readonly preferredVersion?: { readonly version?: unknown } }
  if (typeof preferredVersion?.version !== 'string') throw malformed(sender, groupPath(group))
  return preferredVersion.version
}

async function read(sender: Sender, path: string, signal: AbortSignal): Promise<object | null> {
  try {
    const body = await sender.json({ method: 'GET', path }, signal)
    if (typeof body !== 'object' || body === null) throw malformed(sender, path)
    return body
  } catch (thrown) {
    if (whyOf(thrown) === 'not-found') return null
    throw thrown
  }
}

function malformed(sender: Sender, path: string): Error {
  const request: Request = { method: 'GET', path }
  return clusterError(sender.asked(request), 'malformed', 'an answer that is no list of kinds')
}

const groupPath = (group: string) => `/apis/${encodeURIComponent(group)}`
