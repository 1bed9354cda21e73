/** Whether a manifest has the shape of its type. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { plainFields } from '../manifest/python-plain.ts'
import type { PythonMap } from '../manifest/python-value.ts'
import type { CapabilityType } from '../manifest/types/index.ts'
import { isVersion } from '../catalogue/versions.ts'
import type { Path } from './place.ts'
import type { Profile, RuleId } from './rules.ts'
import { flatSchema, specSchema } from './schemas.ts'

export interface Misshape {
  readonly rule: RuleId
  readonly path: Path
  readonly what: string
  readonly next: string
}

export type ShapeCheck = (manifest: PythonMap, type: CapabilityType) => readonly Misshape[]

export const identifierForm = /^chora\.[a-z_]+\.[a-z0-9_]{1,50}$/

/** Compiles what it needs at the first manifest that needs it. */
export function createShapeCheck(profile: Profile): ShapeCheck {
  if (profile === 'loose') return () => []
  const ajv = new Ajv({ allErrors: true, verbose: true, strictSchema: true, strictTypes: false, allowUnionTypes: true })
  ajv.addFormat('identifier', identifierForm)
  ajv.addFormat('semver', { type: 'string', validate: isVersion })
  const compiled = new Map<CapabilityType, ValidateFunction>()
  const schemaOf = profile === 'schema' ? specSchema : flatSchema
  return (manifest, type) => {
    let valid = compiled.get(type)
    if (!valid) compiled.set(type, (valid = ajv.compile(schemaOf(type))))
    return valid(plainFields(manifest)) ? [] : misshapes(valid.errors ?? [])
  }
}

/** These say only that something below them is wrong. */
const wrappers: ReadonlySet<string> = new Set(['if', 'allOf', 'anyOf', 'oneOf'])

function misshapes(errors: readonly ErrorObject[]): Misshape[] {
  const told = new Set<string>()
  return errors
    .filter(({ keyword }) => !wrappers.has(keyword))
    .map(misshape)
    .filter(({ path, what }) => {
      const seen = `${path.join('/')} ${what}`
      return !told.has(seen) && told.add(seen)
    })
}

function misshape({ keyword, instancePath, params, parentSchema }: ErrorObject): Misshape {
  const path: Path = instancePath.split('/').slice(1).map(unescape)
  const { missingProperty, additionalProperty } = params as Record<string, string | undefined>
  if (keyword === 'required') {
    const missing = [...path, missingProperty!]
    return { rule: 'capability/missing-field', path: missing, what: `${named(missing)} is missing`, next: 'add it' }
  }
  if (keyword === 'additionalProperties') {
    const extra = [...path, additionalProperty!]
    const next = 'move it to spec or metadata, or remove it'
    return { rule: 'capability/unknown-field', path: extra, what: `${named(extra)} is not known`, next }
  }
  const must = (parentSchema as { description?: string } | undefined)?.description ?? 'something else'
  return {
    rule: 'capability/invalid-field',
    path,
    what: `${named(path)} must be ${must}`,
    next: 'correct it',
  }
}

function unescape(part: string): string | number {
  return /^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** `metadata.dc_subject[2]` */
export function named(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}
