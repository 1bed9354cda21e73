/** Objects of the Kubernetes API, as far as this connector reads them, and the paths they live at. */
export interface KubernetesObject {
  /** Missing in the items of a list. */
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  /** Opaque: compared for equality, never for order. */
  readonly resourceVersion?: string
  readonly generation?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

export interface Resource {
  /** '' for the core API. */
  readonly group: string
  readonly version: string
  readonly plural: string
}

/** Of one object with `name`, else of the list; without `namespace` of all namespaces. */
export function pathOf(
  { group, version, plural }: Resource,
  { namespace, name }: { readonly namespace?: string | null; readonly name?: string } = {},
): string {
  const parts = group === '' ? ['api', version] : ['apis', group, version]
  if (namespace != null) parts.push('namespaces', namespace)
  parts.push(plural)
  if (name !== undefined) parts.push(name)
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('')
}

/** `namespace/name`; of what lives in no namespace `name`. */
export function keyOf({ metadata: { namespace, name } }: KubernetesObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** Whether it has what every stored object has. */
export function isObject(value: unknown): value is KubernetesObject & { readonly metadata: { readonly uid: string } } {
  if (typeof value !== 'object' || value === null || !('metadata' in value)) return false
  const metadata = value.metadata as Partial<ObjectMeta> | null
  return typeof metadata?.name === 'string' && typeof metadata.uid === 'string'
}
