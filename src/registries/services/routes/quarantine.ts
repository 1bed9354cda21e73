/** Who reported without being registered, and waits for a person. */
import { z } from 'zod'
import { isoTime } from '../../../kernel/clock.ts'
import { cursorOf, pageQuery, positionOf } from '../../../kernel/page.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { serviceTypes, type ServiceRef, type ServiceType } from '../model.ts'
import { oneParams, refIn } from './one.ts'
import { base, byOf, reads, type RouteParts, tag } from './parts.ts'

const path = `${base}/quarantine`
const reason = z.string().min(1).max(500).optional()

const Waiting = z.object({
  service_type: z.enum(serviceTypes),
  service_id: z.string(),
  parent_id: z.string().nullable(),
  checker_kind: z.string().nullable(),
  source_ip: z.string(),
  by: z.string().meta({ description: 'Whose credential it came by last' }),
  first_at: z.iso.datetime(),
  last_at: z.iso.datetime(),
  count: z.int().meta({ description: 'How often it asked' }),
})

export function quarantineRoutes(parts: RouteParts): readonly Route[] {
  return [list(parts), approve(parts), dismiss(parts)]
}

function list(parts: RouteParts): Route {
  return route({
    ...reads,
    path,
    summary: 'List those that reported without being registered and wait for a person',
    query: z.object(pageQuery),
    response: z.object({ items: z.array(Waiting), total: z.int(), next_cursor: z.string().nullable() }),
    async handle({ query }) {
      await parts.ready()
      const { quarantine } = parts
      const after = positionOf(path, query)
      const rows = await quarantine.list({ limit: query.limit + 1, ...(after !== null && { after: placeOf(after) }) })
      const page = rows.slice(0, query.limit)
      const last = page.at(-1)
      const next = rows.length > page.length && last ? cursorOf(path, query, [last.type, last.id]) : null
      const items = page.map(({ type, id, parent, kind, source, by, firstAt, lastAt, count }) => ({
        service_type: type,
        service_id: id,
        parent_id: parent === '' ? null : parent,
        checker_kind: kind,
        source_ip: source,
        by,
        first_at: isoTime(firstAt),
        last_at: isoTime(lastAt),
        count,
      }))
      return { body: { items, total: quarantine.size(), next_cursor: next } }
    },
  })
}

function placeOf([type, id]: readonly (string | number)[]): ServiceRef {
  return { type: String(type) as ServiceType, id: String(id) }
}

function approve(parts: RouteParts): Route {
  return route({
    method: 'POST',
    path: `${path}/:type/:id/approve`,
    role: 'operator',
    within: { services: 'write' },
    tag,
    summary: 'Register one that waits: its next heartbeat activates it',
    params: oneParams,
    body: z.object({ reason }).default({}),
    response: z.object({ service_type: z.enum(serviceTypes), service_id: z.string(), status: z.string() }),
    async handle({ params, body, caller }) {
      await parts.ready()
      const ref = refIn(params)
      const { slot } = await parts.quarantine.approve(ref, byOf(caller, body?.reason))
      return { body: { service_type: ref.type, service_id: ref.id, status: parts.roster.statusOf(slot) } }
    },
  })
}

function dismiss(parts: RouteParts): Route {
  return route({
    method: 'POST',
    path: `${path}/:type/:id/dismiss`,
    role: 'operator',
    within: { services: 'write' },
    tag,
    summary: 'Send one away that waits; if it asks again, it waits again',
    params: oneParams,
    body: z.object({ reason }).default({}),
    async handle({ params, body, caller }) {
      await parts.ready()
      await parts.quarantine.dismiss(refIn(params), byOf(caller, body?.reason))
      return {}
    },
  })
}
