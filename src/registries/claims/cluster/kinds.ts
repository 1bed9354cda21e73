/** Which kinds of a cluster are claims or composite resources: as named, of a whole group, or as Crossplane defines them. */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import { pathOf, type KubernetesObject, type Resource } from '../../../connectors/kubernetes/objects.ts'
import { AppError } from '../../../kernel/errors.ts'

/** `resource`: plural name, or `*` for all of the group. */
export interface WantedKind {
  readonly group: string
  readonly version?: string | undefined
  readonly resource: string
}

export interface Kind extends Resource {
  /** null: the cluster did not say; its objects do. */
  readonly kind: string | null
  /** null: not known. */
  readonly namespaced: boolean | null
}

type Kinds = Pick<Kubernetes, 'kinds' | 'name'>

/** Why a kind cannot be watched; reasons of scopes, explained in docs/reasons.md. */
export type KindTrouble = 'kind-missing' | 'kind-forbidden' | 'source-unavailable'

export function kindTrouble(error: AppError): KindTrouble {
  const why = error.data['why']
  if (why === 'not-found') return 'kind-missing'
  return why === 'forbidden' || why === 'unauthorized' ? 'kind-forbidden' : 'source-unavailable'
}

/** Rejects where the cluster does not serve it. */
export async function resolveKind(cluster: Kinds, wanted: WantedKind, signal: AbortSignal): Promise<Kind> {
  const { group, version, resource } = wanted
  let served: Awaited<ReturnType<Kubernetes['kinds']>>
  try {
    served = await cluster.kinds(group, version ?? null, signal)
  } catch (thrown) {
    // Nobody has to be allowed to ask for kinds in order to list one whose version is known.
    if (version === undefined || !(thrown instanceof AppError) || kindTrouble(thrown) !== 'kind-forbidden') throw thrown
    return { group, version, plural: resource, kind: null, namespaced: null }
  }
  const found = served?.find(({ plural }) => plural === resource)
  if (found !== undefined) return found
  throw missing(`${cluster.name} has no ${resource}.${group}${version === undefined ? '' : ` in version ${version}`}`)
}

/** All that can be listed and watched. Rejects where there is no such group. */
export async function kindsOfGroup(
  cluster: Kinds,
  { group, version }: Pick<WantedKind, 'group' | 'version'>,
  signal: AbortSignal,
): Promise<readonly Kind[]> {
  const served = await cluster.kinds(group, version ?? null, signal)
  if (served === null) throw missing(`${cluster.name} has no API group ${group}`)
  return served.filter(({ verbs }) => verbs.includes('list') && verbs.includes('watch'))
}

function missing(detail: string): AppError {
  const next = 'check that its definition is installed; it is asked for again by itself'
  return new AppError('source.unavailable', `${detail}; ${next}`, { data: { why: 'not-found' } })
}

const crossplane = 'apiextensions.crossplane.io'

/** Of the list of CompositeResourceDefinitions. Rejects in a cluster without Crossplane. */
export async function definitionsPath(cluster: Kinds, signal: AbortSignal): Promise<string> {
  const plural = 'compositeresourcedefinitions'
  const { version } = await resolveKind(cluster, { group: crossplane, resource: plural }, signal)
  return pathOf({ group: crossplane, version, plural })
}

/** What a CompositeResourceDefinition (v1 or v2) defines: claims first, where it offers any. Throws where it is none. */
export function kindsOfDefinition(object: KubernetesObject): readonly Kind[] {
  const spec = (object['spec'] ?? {}) as {
    readonly group?: unknown
    readonly names?: unknown
    readonly claimNames?: unknown
    readonly scope?: unknown
    readonly versions?: unknown
  }
  const { group, scope } = spec
  const versions = (Array.isArray(spec.versions) ? spec.versions : []) as readonly {
    readonly name?: unknown
    readonly served?: unknown
    readonly referenceable?: unknown
  }[]
  const served = versions.filter((one) => one?.served === true)
  // The one that Crossplane itself reads and writes.
  const version = (served.find((one) => one.referenceable === true) ?? served[0])?.name
  const composites = namesOf(spec.names)
  if (typeof group !== 'string' || typeof version !== 'string' || composites === null) {
    throw new AppError('source.invalid', 'the definition names no group, no served version or no kind')
  }
  const claims = namesOf(spec.claimNames)
  return [
    ...(claims === null ? [] : [{ group, version, ...claims, namespaced: true }]),
    // Only Crossplane 2 has composite resources in namespaces.
    { group, version, ...composites, namespaced: scope === 'Namespaced' },
  ]
}

function namesOf(value: unknown): { readonly plural: string; readonly kind: string } | null {
  const { plural, kind } = (value ?? {}) as { readonly plural?: unknown; readonly kind?: unknown }
  return typeof plural === 'string' && typeof kind === 'string' ? { plural, kind } : null
}
