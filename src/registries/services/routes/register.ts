/** Explicit registration: one service, or a batch of one type. Durable before it is answered. */
import { z } from 'zod'
import { AppError } from '../../../kernel/errors.ts'
import { strongTag } from '../../../kernel/etag.ts'
import { directRoute, type DirectReply, type Route } from '../../../kernel/route.ts'
import { registrationSources, serviceTypes, type ServiceType } from '../model.ts'
import type { Asked, Registered, RegisterResult } from '../registration/registrations.ts'
import { base, byOf, tag, typeNamed, typeNames, type RouteParts, type TypeName } from './parts.ts'
import { isFields, readRegistration, type Fault } from './read-registration.ts'

const mostItems = 1_000
const mostBytes = 16 * 1024 * 1024

const id = z.string().optional()
const body = z.looseObject({
  service_id: id.meta({ description: 'Or under the name of its type: poller_id, agent_id, checker_id' }),
  poller_id: id.meta({ description: 'Of an agent: its parent. Of a checker: must be that of its agent' }),
  agent_id: id.meta({ description: 'Of a checker: its parent' }),
  checker_id: id,
  parent_id: id.meta({ description: 'The parent, in place of poller_id or agent_id' }),
  checker_kind: z.string().optional(),
  component_id: id.meta({ description: 'Default: its own id' }),
  registration_source: z.enum(registrationSources).exclude(['implicit']).default('config'),
  metadata: z.record(z.string(), z.string()).optional(),
  spiffe_identity: z.string().nullable().optional(),
  interval: z.string().nullable().optional().meta({ description: 'Time between two heartbeats, such as 30s' }),
  inactive_after: z.string().nullable().optional().meta({ description: 'Silence after which it is inactive' }),
})

const results = ['registered', 'claimed', 'unchanged'] as const satisfies readonly RegisterResult[]

const One = z.object({
  result: z.enum(results),
  service_type: z.enum(serviceTypes),
  service_id: z.string(),
  status: z.string(),
  version: z.int(),
})
const Many = z.object({
  registered: z.int(),
  claimed: z.int().meta({ description: 'Had come by a heartbeat, and are registered now' }),
  unchanged: z.int(),
  refused: z.int(),
  items: z
    .array(
      z.object({
        index: z.int(),
        service_id: z.string().optional(),
        result: z.enum([...results, 'refused']),
        code: z.string().optional(),
        detail: z.string().optional(),
      }),
    )
    .meta({ description: 'Those that are not `registered`, in order; the others are' }),
})

export function registerRoute(parts: RouteParts): Route {
  return directRoute({
    method: 'POST',
    path: `${base}/:type`,
    role: 'operator',
    within: { services: 'write' },
    tag,
    summary:
      'Register a service (201; 200 where it is so already), or up to 1,000 of one type as a list, with an outcome for each',
    params: z.object({ type: z.enum(typeNames) }),
    rawBody: z.union([body, z.array(body), z.object({ services: z.array(body) })]),
    mostBytes,
    response: z.union([One, Many]),
    async direct({ params, body: bytes, caller, contentType }) {
      refuseOtherTypes(contentType)
      await parts.ready()
      const type = typeNamed(params['type'] as TypeName)
      const given = parseJson(bytes)
      const many = Array.isArray(given) ? (given as unknown[]) : isBatch(given) ? given.services : null
      return many === null ? registerOne(parts, type, given, caller) : registerMany(parts, type, many, caller)
    },
  })
}

/** Forms of pages of others come as something else: of JSON a browser asks first. */
function refuseOtherTypes(contentType: string): void {
  if (contentType === 'application/json' || contentType.endsWith('+json')) return
  throw new AppError('request.media-type', 'Send the registration as application/json.')
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (thrown) {
    throw new AppError('request.invalid', 'The body is not JSON.', { cause: thrown })
  }
}

function isBatch(given: unknown): given is { readonly services: readonly unknown[] } {
  return isFields(given) && Array.isArray(given['services']) && Object.keys(given).length === 1
}

type Caller = Parameters<typeof byOf>[0]

async function registerOne(parts: RouteParts, type: ServiceType, given: unknown, caller: Caller): Promise<DirectReply> {
  const read = readRegistration(type, given, caller.name)
  if (isFaulty(read)) throw invalid(read)
  const [outcome] = await parts.registrations.register([read], byOf(caller), parts.clock.now())
  if (outcome instanceof AppError) throw outcome
  return oneReply(parts, read, outcome!)
}

function isFaulty(read: Asked | readonly Fault[]): read is readonly Fault[] {
  return Array.isArray(read)
}

function invalid(faults: readonly Fault[]): AppError {
  const errors = faults.map((fault) => ({ in: 'body', ...fault }))
  return new AppError('request.invalid', sentenceOf(faults), { data: { errors } })
}

function sentenceOf([first, ...more]: readonly Fault[]): string {
  return `body${first!.pointer} ${first!.detail}${more.length === 0 ? '' : `, and ${more.length} more`}`
}

function oneReply({ roster }: RouteParts, { type, id }: Asked, { result, slot }: Registered): DirectReply {
  const version = roster.columns.seq[slot]!
  const about = { result, service_type: type, service_id: id, status: roster.statusOf(slot), version }
  const headers = { etag: strongTag(version) }
  const location = `${base}/${type}s/${encodeURIComponent(id)}`
  return result === 'registered'
    ? { status: 201, body: JSON.stringify(about), headers: { ...headers, location } }
    : { status: 200, body: JSON.stringify(about), headers }
}

async function registerMany(
  parts: RouteParts,
  type: ServiceType,
  given: readonly unknown[],
  caller: Caller,
): Promise<DirectReply> {
  if (given.length > mostItems) {
    throw invalid([{ pointer: '', detail: `holds more than ${mostItems} registrations` }])
  }
  const asked: Asked[] = []
  // What was wrong with an item, or its place among those that are asked for.
  const places = given.map((one) => {
    const read = readRegistration(type, one, caller.name)
    return isFaulty(read) ? invalid(read) : asked.push(read) - 1
  })
  const outcomes = asked.length === 0 ? [] : await parts.registrations.register(asked, byOf(caller), parts.clock.now())
  const counts = { registered: 0, claimed: 0, unchanged: 0, refused: 0 }
  const items: z.infer<typeof Many>['items'] = []
  for (const [index, place] of places.entries()) {
    const outcome = typeof place === 'number' ? outcomes[place]! : place
    const ref = typeof place === 'number' ? { service_id: asked[place]!.id } : idOf(type, given[index])
    if (outcome instanceof AppError) {
      counts.refused += 1
      const { code, detail, data } = outcome
      items.push({ index, ...ref, result: 'refused', ...data, code, detail })
    } else {
      const result = outcome.result as (typeof results)[number]
      counts[result] += 1
      if (result !== 'registered') items.push({ index, ...ref, result })
    }
  }
  return { status: 200, body: JSON.stringify({ ...counts, items }) }
}

function idOf(type: ServiceType, given: unknown): { readonly service_id?: string } {
  const found = isFields(given) ? (given['service_id'] ?? given[`${type}_id`]) : undefined
  return typeof found === 'string' ? { service_id: found.slice(0, 256) } : {}
}
