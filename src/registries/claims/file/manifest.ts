/** Manifests that entries name by their path: which objects they are. */
import { loadAll } from 'js-yaml'
import type { ObjectName } from '../model.ts'
import type { RegistryClaim } from './claim.ts'

/** Paths that can be those of manifests: below the repository's root, and not the root itself. */
export function manifestPaths(claims: readonly RegistryClaim[]): string[] {
  const paths = claims.flatMap(({ path }) => (path === null ? [] : [path]))
  return [...new Set(paths)].filter((path) => {
    const parts = path.split('/')
    return !parts.includes('..') && !parts.includes('') && path !== '.'
  })
}

/** Empty: nothing in it is a manifest. Never throws, for the file is somebody else's. */
export function objectsOfManifest(bytes: Buffer): ObjectName[] {
  let documents: unknown[]
  try {
    documents = loadAll(bytes.toString())
  } catch {
    return []
  }
  return documents.flatMap((document) => objectOf(document))
}

function objectOf(document: unknown): ObjectName[] {
  const { apiVersion, kind, metadata, items } = fieldsOf(document)
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return []
  if (kind === 'List' && Array.isArray(items)) return items.flatMap(objectOf)
  const { name, namespace } = fieldsOf(metadata)
  if (typeof name !== 'string' || name === '') return []
  const slash = apiVersion.indexOf('/')
  return [
    {
      group: slash < 0 ? '' : apiVersion.slice(0, slash),
      kind,
      namespace: typeof namespace === 'string' ? namespace : '',
      name,
    },
  ]
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
