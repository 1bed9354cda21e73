/** `/openapi.yaml`: the original's five requests under its names of schemas, and what is ours beside them. */
import { dump } from 'js-yaml'
import type { JsonObject } from '../../../kernel/json.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { openapiDocument } from '../../../server/openapi.ts'

/** `routes`: ours. */
export function openapiRoute(routes: readonly Route[], version: string): Route {
  let text: string | undefined
  return route({
    method: 'GET',
    path: '/openapi.yaml',
    role: 'public',
    tag: 'description',
    summary: 'Describe the API in OpenAPI 3.1',
    handle() {
      text ??= dump(documentOf(routes, version), { lineWidth: 100, noRefs: true })
      return Promise.resolve({ body: text, headers: { 'content-type': 'application/yaml; charset=utf-8' } })
    },
  })
}

function documentOf(routes: readonly Route[], version: string): JsonObject {
  const { paths, components, tags, ...head } = openapiDocument(routes, version) as Record<string, JsonObject>
  const { schemas: more, ...rest } = components as { schemas: JsonObject }
  const info = { ...(head['info'] as JsonObject), title: 'Machinery Status Collector API' }
  return {
    ...head,
    info,
    tags: [...(tags as unknown as JsonObject[]), { name: 'original' }],
    paths: { ...original, ...paths },
    components: { ...rest, schemas: { ...schemas, ...more } },
  } as unknown as JsonObject
}

const schemaOf = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: object) => ({ 'application/json': { schema } })
const answer = (description: string, schema: object) => ({ description, content: json(schema) })
/** The original says so of its errors, though their body is JSON. */
const error = (description: string) => ({
  description,
  content: { 'text/plain': { schema: schemaOf('ErrorResponse') } },
})
const tags = ['original']
const list = { type: 'array', items: schemaOf('StatusEntry') }
const secured = { security: [{}, { token: [] }] }

const original = {
  '/api/v1/status': {
    post: {
      tags,
      ...secured,
      operationId: 'postStatus',
      summary: 'Tell the status of a claim; answered once it is durable',
      requestBody: { required: true, content: json(schemaOf('StatusRequest')) },
      responses: {
        201: answer('It is held: this one, or one that was observed later', schemaOf('CreatedResponse')),
        400: error('No JSON, or a field is missing'),
        401: error('A token is needed'),
        403: error('The token is for another cluster'),
        413: error('The body is too large'),
        429: error('There are too many claims, or clusters'),
      },
    },
    get: {
      tags,
      ...secured,
      operationId: 'listStatuses',
      summary: 'List the statuses of all clusters',
      responses: { 200: answer('In the order of clusters and claims', list) },
    },
  },
  '/api/v1/status/{cluster}': {
    get: {
      tags,
      ...secured,
      operationId: 'listStatusesOfCluster',
      summary: 'List the statuses of one cluster; of an unknown one there are none',
      parameters: [{ name: 'cluster', in: 'path', required: true, schema: { type: 'string' } }],
      responses: { 200: answer('In the order of claims', list) },
    },
  },
  '/healthz': {
    get: {
      tags,
      operationId: 'healthz',
      summary: 'Say that the process answers',
      responses: { 200: answer('It does', schemaOf('HealthResponse')) },
    },
  },
  '/version': {
    get: {
      tags,
      operationId: 'version',
      summary: 'Say what this was built from',
      responses: { 200: answer('Version and commit', schemaOf('VersionResponse')) },
    },
  },
}

const text = (names: readonly string[]) => ({
  type: 'object',
  required: names,
  properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
})
const fields = ['cluster', 'claimRef', 'statusMessage'] as const
const filled = Object.fromEntries(fields.map((name) => [name, { type: 'string', minLength: 1 }]))
const entry = text([...fields, 'receivedAt'])

const schemas = {
  StatusRequest: { type: 'object', required: fields, properties: filled },
  StatusEntry: { ...entry, properties: { ...entry.properties, receivedAt: { type: 'string', format: 'date-time' } } },
  CreatedResponse: text(['status']),
  HealthResponse: text(['status']),
  VersionResponse: text(['commit', 'version']),
  ErrorResponse: text(['error']),
}
