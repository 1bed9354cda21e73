/** What a manifest says of others, edge by edge, with where it says it. */
import type { GraphEdge } from '../catalogue/graph.ts'
import type { ParsedManifest } from '../manifest/manifest.ts'
import { fieldOf, isMap, type PythonMap, type PythonValue } from '../manifest/python-value.ts'
import type { Path } from './place.ts'

export interface PlacedEdge extends GraphEdge {
  readonly path: Path
  /** The version was given and is no text (1.0 without quotes). */
  readonly oddVersion: boolean
}

/** Lists that say what does not go together: nothing of theirs need exist. */
const apart: ReadonlySet<string> = new Set(['conflicts', 'replaces', 'mutually_exclusive'])

/** Of `dc_relation` at the top, else in metadata, else in spec, as it is synced. */
export function relationsOf(id: string, { manifest, metadata }: ParsedManifest): PlacedEdge[] {
  const spec = fieldOf(manifest, 'spec')
  const found = [
    { at: [], within: manifest },
    { at: ['metadata'], within: metadata },
    { at: ['spec'], within: isMap(spec) ? spec : null },
  ]
    .map(({ at, within }) => ({ path: [...at, 'dc_relation'], relation: within && fieldOf(within, 'dc_relation') }))
    .find(({ relation }) => relation !== undefined && relation !== null)
  if (!found || !isMap(found.relation)) return []
  return [...found.relation.fields.values()].flatMap(({ key, value }) => {
    if (typeof key !== 'string' || apart.has(key) || !Array.isArray(value)) return []
    return value.flatMap((item, at) => edgeOf(id, key, item, [...found.path, key, at]) ?? [])
  })
}

function edgeOf(from: string, kind: string, item: PythonValue, path: Path): PlacedEdge | null {
  if (typeof item === 'string')
    return { from, to: item, kind, relationship: fallbackOf(kind), version: '*', oddVersion: false, path }
  if (!isMap(item)) return null
  const to = fieldOf(item, 'capability')
  const relationship = textOf(item, 'relationship') ?? fallbackOf(kind)
  if (typeof to !== 'string' || apart.has(relationship)) return null
  const version = fieldOf(item, 'version') ?? null
  const oddVersion = version !== null && typeof version !== 'string'
  return { from, to, kind, relationship, version: typeof version === 'string' ? version : '*', oddVersion, path }
}

function fallbackOf(kind: string): string {
  return kind === 'requires' ? 'prerequisite' : kind
}

function textOf(map: PythonMap, name: string): string | null {
  const value = fieldOf(map, name) ?? null
  if (value === null) return null
  return typeof value === 'string'
    ? value
    : JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? Number(part) : part))
}
