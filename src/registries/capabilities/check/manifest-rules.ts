/** What is wrong with one manifest by itself. Pure. */
import type { ParsedManifest } from '../manifest/manifest.ts'
import type { Capability } from '../model.ts'
import type { ManifestError, ProblemKind } from '../manifest/problem.ts'
import { keyText } from '../manifest/python-plain.ts'
import { fieldOf, isMap, type PythonMap, type PythonValue } from '../manifest/python-value.ts'
import { capabilityTypes } from '../manifest/types/index.ts'
import { isVersion } from '../catalogue/versions.ts'
import type { Path } from './place.ts'
import type { PlacedEdge } from './relations.ts'
import type { RuleId } from './rules.ts'
import { identifierForm, type Misshape, type ShapeCheck } from './shape.ts'

const ruleOfProblem: Readonly<Record<ProblemKind, readonly [rule: RuleId, next: string]>> = {
  'file': ['capability/unreadable', 'put a readable file there, or remove it'],
  'syntax': ['capability/syntax', 'correct the YAML'],
  'content': ['capability/invalid-value', 'correct the value'],
  'value': ['capability/invalid-value', 'put it in quotes, or write it in another way'],
  'no-metadata': ['capability/missing-metadata', 'add metadata with dc_identifier, dc_title and dc_hasVersion'],
  'no-identifier': ['capability/missing-identifier', 'add metadata.dc_identifier: chora.DOMAIN.NAME'],
  'no-type': ['capability/unknown-type', `add ${capabilityTypes.map(({ block }) => block).join(' or ')}, or dc_type`],
  'duplicate': ['capability/duplicate-identifier', 'give one of them another identifier, or remove it'],
}

/** Why it cannot become a capability. `parsed`: as far as it could be read. */
export function judgeProblem(error: ManifestError, parsed: ParsedManifest | null): Misshape {
  const [rule, next] = ruleOfProblem[error.kind]
  const opaque = error.kind === 'value' && parsed ? opaquePath(parsed.metadata, ['metadata'], new Set()) : null
  const path = opaque ?? pathInMessage(error.message)
  return { rule, path, what: error.message.split('\n', 1)[0]!, next }
}

/** Our own messages name the field. */
function pathInMessage(message: string): Path {
  if (message.includes('dc_relation')) return ['dc_relation', 'requires']
  const [field] = /\b(?:dc_|chora_)\w+/.exec(message) ?? []
  return field === undefined ? [] : ['metadata', field]
}

/** The first value that YAML can say and JSON cannot. */
function opaquePath(value: PythonValue, path: Path, above: Set<PythonValue>): Path | null {
  if (typeof value !== 'object' || value === null || above.has(value)) return null
  above.add(value)
  const parts: (readonly [string | number, PythonValue])[] = Array.isArray(value)
    ? value.map((item, at) => [at, item] as const)
    : isMap(value)
      ? [...value.fields.values()].map(({ key, value: field }) => [keyText(key), field] as const)
      : []
  if (parts.length === 0 && !Array.isArray(value) && !isMap(value)) return path
  for (const [part, below] of parts) {
    const found = opaquePath(below, [...path, part], above)
    if (found) return found
  }
  return null
}

export function judgeManifest(
  parsed: ParsedManifest,
  { id, type: typeName }: Pick<Capability, 'id' | 'type'>,
  edges: readonly PlacedEdge[],
  fileName: string,
  shapeOf: ShapeCheck,
): Misshape[] {
  const type = capabilityTypes.find(({ name }) => name === typeName)!
  return [
    ...judgeIdentifier(id, fileName),
    ...shapeOf(parsed.manifest, type),
    ...judgeType(parsed, type),
    ...judgeVersion(parsed),
    ...judgeEdges(edges),
  ]
}

function judgeIdentifier(id: string, fileName: string): Misshape[] {
  const path = ['metadata', 'dc_identifier']
  const found: Misshape[] = []
  if (!identifierForm.test(id)) {
    const next = 'write chora.DOMAIN.NAME in lower case'
    found.push({ rule: 'capability/identifier-form', path, what: `${id} is no identifier of the usual form`, next })
  }
  if (fileName.replace(/\.ya?ml$/, '') !== id) {
    found.push({ rule: 'capability/file-name', path, what: `${id} stands in ${fileName}`, next: `name it ${id}.yaml` })
  }
  return found
}

function judgeType({ manifest, metadata }: ParsedManifest, type: (typeof capabilityTypes)[number]): Misshape[] {
  const found: Misshape[] = []
  const said = fieldOf(metadata, 'dc_type')
  const rule = 'capability/type-mismatch'
  if (typeof said === 'string' && said.toLowerCase() !== type.name) {
    const what = `dc_type is ${said}, and ${type.block} makes it a ${type.name}`
    found.push({ rule, path: ['metadata', 'dc_type'], what, next: `write dc_type: ${type.dcType}` })
  }
  const spec = fieldOf(manifest, 'spec')
  for (const [at, within] of [[[], manifest] as const, [['spec'], isMap(spec) ? spec : null] as const]) {
    if (!within) continue
    const blocks = capabilityTypes.filter(({ block }) => fieldOf(within, block) !== undefined)
    for (const { block } of blocks.slice(1)) {
      const what = `${block} stands beside ${type.block}, which makes it a ${type.name}`
      found.push({ rule, path: [...at, block], what, next: 'keep one of the two' })
    }
  }
  return found
}

function judgeVersion({ manifest, metadata }: ParsedManifest): Misshape[] {
  const places: readonly (readonly [Path, PythonMap, string])[] = [
    [['metadata'], metadata, 'dc_hasVersion'],
    [['metadata'], metadata, 'chora_version'],
    [[], manifest, 'chora_version'],
  ]
  for (const [at, within, name] of places) {
    const value = fieldOf(within, name) ?? ''
    if (typeof value !== 'string' || value === '') continue
    if (isVersion(value)) return []
    const what = `${name} ${JSON.stringify(value)} is no version of SemVer`
    return [{ rule: 'capability/invalid-version', path: [...at, name], what, next: 'write one like 1.2.0' }]
  }
  const path = ['metadata', 'dc_hasVersion']
  const what = 'metadata.dc_hasVersion is missing; 1.0.0 stands for it'
  return [{ rule: 'capability/missing-version', path, what, next: 'say the version' }]
}

function judgeEdges(edges: readonly PlacedEdge[]): Misshape[] {
  const found: Misshape[] = []
  const seen = new Set<string>()
  for (const { kind, to, path, oddVersion } of edges) {
    if (oddVersion) {
      const what = `the version of ${to} is no text`
      const next = "put it in quotes: '^1.0.0'"
      found.push({ rule: 'capability/invalid-constraint', path: [...path, 'version'], what, next })
    }
    const edge = `${kind} ${to}`
    if (seen.has(edge)) {
      const what = `${to} stands in ${kind} before`
      found.push({ rule: 'capability/repeated-dependency', path, what, next: 'keep one of the two' })
    }
    seen.add(edge)
  }
  return found
}
