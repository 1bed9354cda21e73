/** One manifest → one capability. The rules are in README.md; what they refuse is a ManifestError. */
import type { Capability } from '../model.ts'
import { ManifestError } from './problem.ts'
import { pythonJson } from './python-json.ts'
import { emptyMap, fieldOf, floatText, isMap, isTrue, setField, typeName } from './python-value.ts'
import type { PythonMap, PythonValue } from './python-value.ts'
import { capabilityTypes } from './types/index.ts'
import { readYaml } from './yaml.ts'

export interface ManifestRules {
  /** As the original: only its two shapes, its leniency and its texts. */
  readonly compat: boolean
  /** What the `version` key holds. */
  readonly versionSource: 'semver' | 'dc_date'
}

/** A manifest as far as it can be told apart from any other YAML. */
export interface ParsedManifest {
  readonly manifest: PythonMap
  readonly metadata: PythonMap
}

/** `path` stands in messages about syntax. Throws ManifestError. */
export function readManifest(bytes: Uint8Array, path: string, rules: ManifestRules): Capability {
  return capabilityOf(parseManifest(decodeManifest(bytes), path), rules)
}

/** Throws ManifestError. */
export function parseManifest(text: string, path: string): ParsedManifest {
  const manifest = readYaml(text, path)
  const metadata = metadataOf(manifest)
  if (!isMap(manifest)) throw new ManifestError('content', noAttribute(manifest, 'get'))
  if (!isMap(metadata)) throw new ManifestError('content', noAttribute(metadata, 'get'))
  return { manifest, metadata }
}

/** Throws ManifestError. */
export function capabilityOf({ manifest, metadata }: ParsedManifest, rules: ManifestRules): Capability {
  const id = identifierOf(metadata)
  const type = typeOf(manifest, metadata, rules)
  try {
    const requires = requirementsOf(manifest, metadata, rules)
    return {
      id,
      metadata: pythonJson(metadata),
      type,
      version: versionOf(manifest, metadata, rules),
      dependencies: pythonJson(requires),
    }
  } catch (thrown) {
    if (thrown instanceof ManifestError) throw new ManifestError(thrown.kind, thrown.message, id)
    throw thrown
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** As Python opens text: UTF-8 without excuses, a byte-order mark dropped, line ends made one. */
export function decodeManifest(bytes: Uint8Array): string {
  let text: string
  try {
    text = strictUtf8.decode(bytes)
  } catch (thrown) {
    throw new ManifestError('content', `not UTF-8 text (${(thrown as Error).message})`)
  }
  return text.replace(/\r\n?/g, '\n')
}

/** As `manifest['metadata']` where `'metadata' in manifest`, for whatever the document is. */
function metadataOf(manifest: PythonValue): PythonValue {
  // Made when thrown: an error costs 8 µs for its stack (2026-11-21).
  const missing = () => new ManifestError('no-metadata', 'metadata is missing')
  if (!isTrue(manifest)) throw missing()
  if (isMap(manifest)) {
    const metadata = fieldOf(manifest, 'metadata')
    if (metadata === undefined) throw missing()
    return metadata
  }
  if (Array.isArray(manifest) ? manifest.includes('metadata') : typeof manifest === 'string') {
    if (typeof manifest === 'string' && !manifest.includes('metadata')) throw missing()
    return null
  }
  if (Array.isArray(manifest)) throw missing()
  throw new ManifestError('content', `argument of type '${typeName(manifest)}' is not iterable`)
}

function noAttribute(value: PythonValue, name: string): string {
  return `'${typeName(value)}' object has no attribute '${name}'`
}

/** Becomes part of keys, of rows of the ledger and of log lines: one line of text, whatever it is made of. */
function identifierOf(metadata: PythonMap): string {
  const value = fieldOf(metadata, 'dc_identifier') ?? null
  if (!isTrue(value)) throw new ManifestError('no-identifier', 'dc_identifier is missing')
  if (typeof value === 'object') {
    throw new ManifestError('content', `dc_identifier is no text but of type ${typeName(value)}`)
  }
  const text = scalarText(value)
  if (!isLine(text)) throw new ManifestError('content', 'dc_identifier holds characters that no key can hold')
  if (text.length > longestIdentifier) {
    throw new ManifestError('content', `dc_identifier is longer than ${longestIdentifier} characters`)
  }
  return text
}

const longestIdentifier = 1024

/** No control characters and no halves of surrogate pairs. */
function isLine(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return text.isWellFormed() && !/[\x00-\x1f\x7f-\x9f]/.test(text)
}

/** As `str(value)`. */
function scalarText(value: Exclude<PythonValue, object>): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'number' ? floatText(value) : String(value)
}

function typeOf(manifest: PythonMap, metadata: PythonMap, { compat }: ManifestRules): string {
  const spec = compat ? undefined : fieldOf(manifest, 'spec')
  for (const where of [manifest, spec]) {
    if (!isMap(where)) continue
    // The key alone decides, also where it holds nothing.
    const found = capabilityTypes.find(({ block }) => fieldOf(where, block) !== undefined)
    if (found) return found.name
  }
  const said = compat ? undefined : fieldOf(metadata, 'dc_type')
  const named = typeof said === 'string' ? said.toLowerCase() : null
  const found = capabilityTypes.find(({ name }) => name === named)
  if (!found) throw new ManifestError('no-type', 'no known type of capability')
  return found.name
}

function versionOf(manifest: PythonMap, metadata: PythonMap, { compat, versionSource }: ManifestRules): string {
  const candidates: readonly (readonly [string, PythonValue | undefined])[] =
    versionSource === 'dc_date'
      ? [['dc_date', fieldOf(metadata, 'dc_date')]]
      : [
          ['dc_hasVersion', fieldOf(metadata, 'dc_hasVersion')],
          ['chora_version', fieldOf(metadata, 'chora_version')],
          ['chora_version', fieldOf(manifest, 'chora_version')],
        ]
  for (const [name, value] of candidates) {
    if (value === undefined || (!compat && (value === null || value === ''))) continue
    if (typeof value === 'string') return keyText(name, value)
    if (compat) throw new ManifestError('value', noAttribute(value, 'encode'))
    throw new ManifestError('value', `${name} is of type ${typeName(value)}, not text; put it in quotes`)
  }
  return '1.0.0'
}

function keyText(name: string, text: string): string {
  if (text.isWellFormed() && !text.includes('\0')) return text
  throw new ManifestError('value', `${name} holds characters that no value can hold`)
}

/** `dc_relation.requires` as the dependencies are written: capability, relationship, version, in this order. */
function requirementsOf(manifest: PythonMap, metadata: PythonMap, rules: ManifestRules): PythonValue[] {
  const relation = relationOf(manifest, metadata, rules)
  if (relation === undefined) return []
  if (!isMap(relation)) throw new ManifestError('content', noAttribute(relation, 'get'))
  const requires = fieldOf(relation, 'requires')
  if (requires === undefined || (requires === null && !rules.compat)) return []
  const dependencies: PythonValue[] = []
  for (const item of itemsOf(requires, rules)) {
    const dependency = dependencyOf(item)
    if (dependency !== null && (rules.compat || fieldOf(dependency, 'capability') !== null))
      dependencies.push(dependency)
    else if (!rules.compat) throw new ManifestError('value', 'an item of dc_relation.requires names no capability')
  }
  return dependencies
}

/** undefined: the manifest says nothing of dependencies. Templates of the original's project nest it. */
function relationOf(manifest: PythonMap, metadata: PythonMap, { compat }: ManifestRules): PythonValue | undefined {
  const own = fieldOf(manifest, 'dc_relation')
  if (compat) return own
  const spec = fieldOf(manifest, 'spec')
  const nested = [own, fieldOf(metadata, 'dc_relation'), isMap(spec) ? fieldOf(spec, 'dc_relation') : null]
  return nested.find((relation) => relation !== undefined && relation !== null)
}

/** As `for item in requires`. */
function itemsOf(requires: PythonValue, { compat }: ManifestRules): readonly PythonValue[] {
  if (Array.isArray(requires)) return requires
  if (!compat) throw new ManifestError('value', `dc_relation.requires is of type ${typeName(requires)}, not a list`)
  // oxlint-disable-next-line no-misused-spread -- code points are what Python iterates
  if (typeof requires === 'string') return [...requires]
  if (isMap(requires)) return [...requires.fields.values()].map(({ key }) => key)
  throw new ManifestError('content', `'${typeName(requires)}' object is not iterable`)
}

/** null: an item that says nothing. */
function dependencyOf(item: PythonValue): PythonMap | null {
  if (typeof item !== 'string' && !isMap(item)) return null
  const field = (name: string) => (isMap(item) ? fieldOf(item, name) : undefined)
  const dependency = emptyMap()
  setField(dependency, 'capability', isMap(item) ? (field('capability') ?? null) : item)
  setField(dependency, 'relationship', field('relationship') ?? defaultOf(field('relationship'), 'prerequisite'))
  setField(dependency, 'version', field('version') ?? defaultOf(field('version'), '*'))
  return dependency
}

/** A field that is there and null stays null. */
function defaultOf(field: PythonValue | undefined, otherwise: string): PythonValue {
  return field === undefined ? otherwise : null
}
