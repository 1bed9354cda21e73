/** Lists of services, filtered from memory; the rows of a page come from the ledger. */
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import type { Stored } from '../../../engine/journal.ts'
import { parseDuration } from '../../../kernel/duration.ts'
import { AppError } from '../../../kernel/errors.ts'
import { cursorOf, pageQuery, positionOf, type Asked } from '../../../kernel/page.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { registrationSources, serviceStatuses, serviceTypes, type ServiceType } from '../model.ts'
import { createLists, type ListPage, type ListQuery, type Lists } from '../roster/lists.ts'
import type { Slot } from '../roster/roster.ts'
import { services, type ServiceRow } from '../tables.ts'
import { base, idSegment, reads, type RouteParts, slotOf, typeNamed, typeNames } from './parts.ts'
import { Service, shownOf } from './shown.ts'

const words = (description: string) => z.array(z.string().max(200)).optional().meta({ description })
const text = z.string().max(512).optional()

export const listFilters = {
  status: words(`${serviceStatuses.join(', ')}; several, or with commas`),
  source: words(`${registrationSources.join(', ')}; several, or with commas`),
  q: text.meta({
    description: 'Beginning of an id or of a value of the metadata; `site=ber`: of the value of that key',
  }),
  poller: text.meta({ description: 'Below this poller' }),
  agent: text.meta({ description: 'Below this agent' }),
  kind: text.meta({ description: 'Of checkers' }),
  late: z.boolean().optional().meta({ description: 'Active, and silent for longer than it should be' }),
  stale: text.meta({ description: 'Not heard of for so long, such as 1h; never heard of counts since registration' }),
}
type Filters = z.infer<z.ZodObject<typeof listFilters>>

const query = z.object({
  ...pageQuery,
  ...listFilters,
  offset: z.int().min(0).optional().meta({ description: 'So many are left out; a cursor is stable, this is not' }),
})
const Page = z.object({
  items: z.array(Service),
  total: z.int(),
  total_is: z.enum(['exact', 'at-least']).meta({ description: 'at-least: counting all would have taken too long' }),
  next_cursor: z.string().nullable(),
})

const common = { ...reads, query, response: Page } as const

export function listRoutes(parts: RouteParts): readonly Route[] {
  const lists = listsOf(parts)
  return [ofType(parts, lists), below(parts, lists, 'agent'), below(parts, lists, 'checker')]
}

export function listsOf({ roster, clock }: Pick<RouteParts, 'roster' | 'clock'>): () => Lists {
  let made: Lists | undefined
  return () => (made ??= createLists({ roster, clock, pause: () => setImmediate() }))
}

function ofType(parts: RouteParts, lists: () => Lists): Route {
  return route({
    ...common,
    path: `${base}/:type`,
    summary: 'List pollers, agents or checkers, the newest registered first',
    params: z.object({ type: z.enum(typeNames) }),
    async handle({ params, query: asked, signal }) {
      await parts.ready()
      const type = typeNamed(params.type)
      return { body: await pageFor(parts, lists(), `${base}/${type}s`, asked, { type }, signal) }
    },
  })
}

function below(parts: RouteParts, lists: () => Lists, type: 'agent' | 'checker'): Route {
  const names = typeNames.filter(
    (name) => typeNamed(name) === 'poller' || (type === 'checker' && typeNamed(name) === 'agent'),
  )
  return route({
    ...common,
    path: `${base}/:type/:id/${type}s`,
    summary:
      type === 'agent' ? 'List the agents of a poller' : 'List the checkers of an agent, or of all agents of a poller',
    params: z.object({ type: z.enum(names), id: idSegment }),
    async handle({ params: { type: above, id }, query: asked, signal }) {
      await parts.ready()
      const parent = typeNamed(above)
      slotOf(parts, { type: parent, id })
      const path = `${base}/${parent}s/${encodeURIComponent(id)}/${type}s`
      return { body: await pageFor(parts, lists(), path, asked, { type, [parent]: id }, signal) }
    },
  })
}

async function pageFor(
  parts: RouteParts,
  lists: Lists,
  path: string,
  asked: z.infer<typeof query>,
  fixed: Partial<ListQuery> & { readonly type: ServiceType },
  signal: AbortSignal,
): Promise<z.infer<typeof Page>> {
  const page = await findPage(parts, lists, path, asked, fixed, signal)
  const ids = page.slots.map((slot) => parts.roster.idOf(slot))
  const rows = await rowsOf(parts, fixed.type, ids)
  const now = parts.clock.now()
  // Who is gone since has no row.
  const items = page.slots.flatMap((slot, n) => {
    const row = rows.get(ids[n]!)
    return row === undefined ? [] : [shownOf(parts, slot, row, now)]
  })
  return { items, ...aboutPage(path, asked, page) }
}

export function findPage(
  parts: RouteParts,
  lists: Lists,
  path: string,
  asked: Asked & Filters & { readonly offset?: number | undefined },
  fixed: Partial<ListQuery>,
  signal: AbortSignal,
): Promise<ListPage> {
  const position = positionOf(path, boundTo(asked))
  const after = position === null ? null : standingOf(position)
  const { limit, offset, q, poller, agent, kind } = asked
  const named = Object.entries({ q, poller, agent, kind }).filter(([, value]) => value !== undefined && value !== '')
  const is = testOf(parts, asked)
  return lists.list(
    {
      ...Object.fromEntries(named),
      statuses: chosen('status', asked.status, serviceStatuses),
      sources: chosen('source', asked.source, registrationSources),
      ...(is && { is }),
      ...(after !== null && { after }),
      ...(offset !== undefined && after === null && { offset }),
      ...fixed,
      limit,
    },
    signal,
  )
}

export function aboutPage(path: string, asked: Asked, { next, total, exact }: ListPage) {
  const cursor = next && cursorOf(path, boundTo(asked), [next.registeredAt, next.type, next.id])
  return { total, total_is: exact ? ('exact' as const) : ('at-least' as const), next_cursor: cursor }
}

/** A cursor goes on where the page before ended, wherever that began. */
function boundTo(asked: Asked): Asked {
  return { ...asked, offset: undefined }
}

function standingOf([registeredAt, type, id]: readonly (string | number)[]) {
  return { registeredAt: Number(registeredAt), type: Number(type), id: String(id) }
}

function chosen<T extends string>(field: string, given: readonly string[] | undefined, known: readonly T[]): T[] {
  const asked = (given ?? []).flatMap((list) => list.split(',')).filter((word) => word !== '')
  for (const word of asked) {
    if ((known as readonly string[]).includes(word)) continue
    throw wrong(field, `knows ${known.join(', ')}`)
  }
  return asked as T[]
}

function wrong(field: string, detail: string): AppError {
  const errors = [{ in: 'query', pointer: `/${field}`, detail }]
  return new AppError('request.invalid', `query/${field} ${detail}`, { data: { errors } })
}

function testOf({ roster, liveness, clock }: RouteParts, { late, stale }: Filters): ((slot: Slot) => boolean) | null {
  const length = stale === undefined || stale === '' ? null : parseDuration(stale)
  if (stale && (length === null || length < 0)) throw wrong('stale', 'must be a duration such as 1h')
  if (late === undefined && length === null) return null
  const active = serviceStatuses.indexOf('active')
  const { columns } = roster
  const before = length === null ? Number.POSITIVE_INFINITY : clock.now() - length
  return (slot) => {
    if (late !== undefined && (columns.status[slot] === active && liveness.isLate(slot)) !== late) return false
    return length === null || (liveness.lastSeen(slot) || columns.registeredAt[slot]!) <= before
  }
}

async function rowsOf({ journal }: RouteParts, type: ServiceType, ids: readonly string[]) {
  if (ids.length === 0) return new Map<string, Stored<ServiceRow>>()
  const rows = await journal.select(services, { where: { type, id: { in: ids } }, limit: ids.length })
  return new Map(rows.map((row) => [row.id, row]))
}

export const typesBelow: { readonly [type in ServiceType]: ServiceType | null } = {
  poller: serviceTypes[1],
  agent: serviceTypes[2],
  checker: null,
}
