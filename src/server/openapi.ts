/** The OpenAPI 3.1 document of a list of routes. Pure: the same routes give the same bytes. */
import { z, type ZodType } from 'zod'
import { errorTable } from '../kernel/errors.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { Route } from '../kernel/route.ts'
import { jsonSchemaOf, mayBeAbsent } from './schema.ts'

const schemaRef = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` })

export function openapiDocument(routes: readonly Route[], version: string): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {}
  const ordered = routes.toSorted((a, b) => (a.path === b.path ? 0 : a.path < b.path ? -1 : 1))
  for (const declared of ordered) {
    const path = templateOf(declared.path)
    ;(paths[path] ??= {})[declared.method.toLowerCase()] = operationOf(declared)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Regista',
      version,
      description: 'Keeps registries, and everything that depends on them, in step with reality.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...new Set(routes.map(({ tag }) => tag))].toSorted().map((name) => ({ name })),
    paths,
    components: { schemas: { Problem: problemSchema }, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  }
}

/** `/kv/*` → `/kv/{key}`: the rest of the path is one parameter there. */
const restName = 'key'

function templateOf(path: string): string {
  return path
    .replace(/::|:([A-Za-z]\w*)/g, (_, name?: string) => (name === undefined ? ':' : `{${name}}`))
    .replace(/\*$/, `{${restName}}`)
}

function operationOf(declared: Route): JsonObject {
  const parameters = [...parametersOf(declared.params, 'path'), ...parametersOf(declared.query, 'query')]
  const body = declared.body ?? declared.rawBody
  return {
    operationId: operationId(declared),
    tags: [declared.tag],
    summary: declared.summary,
    description: `Role: ${declared.role}.`,
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { required: !mayBeAbsent(body), content: jsonContent(jsonSchemaOf(body, 'input')) },
    }),
    responses: {
      ...answerOf(declared),
      default: {
        description: 'What went wrong (RFC 9457)',
        content: { 'application/problem+json': { schema: schemaRef('Problem') } },
      },
    },
    security: declared.role === 'public' ? [] : [{ token: [] }],
  }
}

/** `GET /api/v1/syncs/:sync/targets` → `get-syncs-sync-targets`. */
function operationId({ method, path }: Route): string {
  const words = path.replace(/^\/api\/v1/, '').match(/\w+|\*/g) ?? []
  return [method.toLowerCase(), ...words.map((word) => (word === '*' ? restName : word))].join('-')
}

function answerOf({ response }: Route): JsonObject {
  if (response === undefined) return { 204: { description: 'Done' } }
  const schema = jsonSchemaOf(response, 'output')
  const { contentType, ...rest } = schema
  const content = typeof contentType === 'string' ? { [contentType]: { schema: rest } } : jsonContent(schema)
  return { 200: { description: 'Done', content } }
}

function jsonContent(schema: JsonObject): JsonObject {
  return { 'application/json': { schema } }
}

function parametersOf(schema: ZodType | undefined, where: 'path' | 'query'): JsonObject[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input')
  return Object.entries(properties as Record<string, JsonObject>).map(([name, property]) => {
    const { description, ...rest } = property
    return {
      name: name === '*' ? restName : name,
      in: where,
      required: where === 'path' || (required as readonly string[]).includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    }
  })
}

const problemSchema = jsonSchemaOf(
  z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(errorTable) as [string, ...string[]]),
    id: z.string().optional().meta({ description: 'On faults of the server: what its log says more under' }),
    errors: z
      .array(z.object({ in: z.enum(['params', 'query', 'body', 'headers']), pointer: z.string(), detail: z.string() }))
      .optional()
      .meta({ description: 'Everything wrong with the request, each with a JSON pointer into its part' }),
  }),
  'output',
)
