/** Holds calls against GitHub's own description of its API (OpenAPI 3.0; openapi.json is made by scripts/github-openapi.ts). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { GitHubCall } from './fake-github.ts'

export interface ApiCheck {
  /** What is wrong with it, in words. */
  problems(call: GitHubCall): string[]
  /** `get /repos/{owner}/{repo}`. */
  readonly operations: readonly string[]
  readonly seen: ReadonlySet<string>
}

type Schema = { [name: string]: unknown }

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly schema: Schema
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>
}

interface Operation {
  readonly parameters?: readonly Schema[]
  readonly requestBody?: Content & { readonly required?: boolean }
  readonly responses: Readonly<Record<string, Schema>>
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Schema
}

export function createApiCheck(): ApiCheck {
  const text = readFileSync(join(import.meta.dirname, 'openapi.json'), 'utf8')
  const api = JSON.parse(text) as Description
  const ajv = new Ajv({ strict: false, allErrors: true, coerceTypes: false })
  addFormats.default(ajv)
  ajv.addFormat('repo.nwo', /^[^/]+\/[^/]+$/)
  ajv.addSchema({ $id: 'api', components: nullable(api.components) })
  const seen = new Set<string>()
  const compiled = new Map<Schema, ValidateFunction>()

  const deref = (part: Schema): Schema => {
    const { $ref } = part
    if (typeof $ref !== 'string') return part
    let found: unknown = api
    for (const name of $ref.slice(2).split('/')) found = (found as Schema)[name]
    return found as Schema
  }

  function errorsOf(schema: Schema | undefined, value: unknown, what: string): string[] {
    if (schema === undefined) return []
    const validate = compiled.get(schema) ?? ajv.compile(rooted(schema))
    compiled.set(schema, validate)
    if (validate(value)) return []
    return (validate.errors ?? []).map((one: ErrorObject) => `${what}${one.instancePath} ${one.message ?? ''}`)
  }

  function queryProblems(operation: Operation, query: URLSearchParams): string[] {
    const known = (operation.parameters ?? []).map((one) => deref(one) as unknown as Parameter)
    return [...query].flatMap(([name, value]) => {
      const parameter = known.find((one) => one.in === 'query' && one.name === name)
      if (parameter === undefined) return [`?${name} is not described`]
      const read = parameter.schema['type'] === 'integer' ? Number(value) : value
      return errorsOf(parameter.schema, read, `?${name}`)
    })
  }

  function requestProblems(operation: Operation, { body }: GitHubCall): string[] {
    const schema = operation.requestBody?.content?.['application/json']?.schema
    if (body === '') return operation.requestBody?.required === true ? ['the request has no body'] : []
    if (schema === undefined) return ['the request has a body']
    const given = JSON.parse(body) as Schema
    const described = schema['properties'] as Schema | undefined
    const foreign = described === undefined ? [] : Object.keys(given).filter((name) => !(name in described))
    return [...foreign.map((name) => `${name} is not described`), ...errorsOf(schema, given, 'request')]
  }

  function replyProblems(operation: Operation, { status, reply, headers }: GitHubCall): string[] {
    const described = operation.responses[String(status)]
    // Every one of them may be met at every operation.
    if (described === undefined)
      return [301, 304, 401, 403, 404, 422, 429].includes(status) ? [] : [`status ${status} is not described`]
    const { content = {} } = deref(described) as Content
    if (reply === '') return status === 304 || Object.keys(content).length === 0 ? [] : ['the answer has no body']
    const wanted = headers['accept']?.replace('+json', '') ?? ''
    const schema = (content[wanted] ?? content['application/json'] ?? Object.values(content)[0])?.schema
    return errorsOf(schema, JSON.parse(reply), 'answer')
  }

  return {
    seen,
    operations: Object.entries(api.paths).flatMap(([path, all]) =>
      Object.keys(all).map((method) => `${method} ${path}`),
    ),
    problems(call) {
      const url = new URL(call.path, 'https://github.test')
      const method = call.method.toLowerCase()
      const found = Object.entries(api.paths).find(([path, all]) => method in all && patternOf(path).test(url.pathname))
      const operation = found?.[1][method]
      if (found === undefined || operation === undefined) return [`${call.method} ${url.pathname} is not described`]
      seen.add(`${method} ${found[0]}`)
      if (call.status === 0) return []
      const all = [
        ...queryProblems(operation, url.searchParams),
        ...requestProblems(operation, call),
        ...replyProblems(operation, call),
      ]
      return all.map((problem) => `${call.method} ${url.pathname} ${call.status}: ${problem}`)
    },
  }
}

/** Names of branches, refs and files may have slashes; numbers and ids have none. */
function patternOf(path: string): RegExp {
  const pattern = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    ['branch', 'ref', 'path'].includes(name) ? '.+' : '[^/]+',
  )
  return new RegExp(`^${pattern}$`)
}

function rooted(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(nullable(schema)).replaceAll('"#/', '"api#/')) as Schema
}

/** OpenAPI 3.0 says `nullable` where JSON Schema lists null among the types. */
function nullable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(nullable)
  if (value === null || typeof value !== 'object') return value
  const { nullable: may, ...rest } = Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, nullable(one)]),
  ) as Schema
  // A property may have that name, too.
  if (typeof may === 'object' && may !== null) return { ...rest, nullable: may }
  return may === true ? { anyOf: [rest, { type: 'null' }] } : rest
}
