/**
 * zod schemas of routes as JSON Schema 2020-12: the same for validation (Ajv) and the OpenAPI document.
 * Requests are checked by Ajv alone (half the cost of zod, measured 2026-11), so a schema must say
 * everything in JSON Schema: transforms, refinements and coercion are refused when a route is mounted.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { z, type ZodType } from 'zod'
import type { JsonObject } from '../kernel/json.ts'
import type { Fault } from './problem.ts'

/** Most faults named in one answer. */
const mostFaults = 50

/** Unknown fields are refused unless the schema is a z.looseObject or has a catchall. */
export function jsonSchemaOf(schema: ZodType, io: 'input' | 'output'): JsonObject {
  if (io === 'input') refuseHiddenRules(schema)
  const { $schema: _, ...converted } = z.toJSONSchema(schema, {
    io,
    override({ zodSchema, jsonSchema }) {
      const definition = zodSchema._zod.def
      // Said of every integer, and so of none.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (definition.type !== 'object') return
      if ('catchall' in definition && definition.catchall !== undefined) return
      // Of an answer clients must expect fields to be added.
      if (io === 'input') jsonSchema.additionalProperties = false
      else delete jsonSchema.additionalProperties
    },
  })
  return converted as JsonObject
}

/** Whether a request may leave the part out. */
export function mayBeAbsent(schema: ZodType): boolean {
  return schema.safeParse(undefined).success
}

/** Ajv would not see these, and let everything through. */
function refuseHiddenRules(schema: ZodType): void {
  z.toJSONSchema(schema, {
    io: 'output', // transforms have no output schema: this throws for them
    override({ zodSchema, path }) {
      const definition = zodSchema._zod.def
      const checks = 'checks' in definition ? (definition.checks ?? []) : []
      const hidden =
        definition.type === 'pipe' ||
        ('coerce' in definition && definition.coerce) ||
        checks.some(({ _zod }) => _zod.def.check === 'custom' || _zod.def.check === 'overwrite')
      if (hidden) throw new Error(`route schema: /${path.join('/')} has a rule that JSON Schema cannot express`)
    },
  })
}

export interface Validators {
  /** Compiles at the first call: most commands use a few routes of many. */
  of(schema: ZodType, part: Fault['in']): (value: unknown) => readonly Fault[]
}

const none: readonly Fault[] = []

export function createValidators(): Validators {
  const common = { allErrors: true, useDefaults: true, strict: false, logger: false } as const
  const body = new Ajv2020(common)
  // Paths and queries are text: "5" is 5, and a parameter given once is a list of one.
  const text = new Ajv2020({ ...common, coerceTypes: 'array' })
  for (const ajv of [body, text]) addFormats.default(ajv)

  return {
    of(schema, part) {
      const converted = jsonSchemaOf(schema, 'input')
      const optional = mayBeAbsent(schema)
      let compiled: ValidateFunction | undefined
      return (value) => {
        if (value === undefined && optional) return none
        compiled ??= (part === 'body' ? body : text).compile(converted)
        if (compiled(value)) return none
        return (compiled.errors ?? []).slice(0, mostFaults).map((error) => faultOf(error, part))
      }
    },
  }
}

function faultOf(error: ErrorObject, part: Fault['in']): Fault {
  const params: Record<string, unknown> = error.params
  const unknown = params['additionalProperty'] ?? params['unevaluatedProperty']
  if (typeof unknown === 'string') {
    return { in: part, pointer: `${error.instancePath}/${escapePointer(unknown)}`, detail: 'is not known' }
  }
  const missing = params['missingProperty']
  if (typeof missing === 'string') {
    return { in: part, pointer: `${error.instancePath}/${escapePointer(missing)}`, detail: 'is missing' }
  }
  const allowed = params['allowedValues']
  const detail = Array.isArray(allowed) ? `must be one of ${allowed.join(', ')}` : (error.message ?? 'is not valid')
  return { in: part, pointer: error.instancePath, detail }
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
