/** Pollers, below them their agents, below those their checkers: one level at a time, from memory alone. */
import { z } from 'zod'
import { AppError } from '../../../kernel/errors.ts'
import { pageQuery } from '../../../kernel/page.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { refOf, serviceStatuses, serviceTypes } from '../model.ts'
import type { Slot } from '../roster/roster.ts'
import { aboutPage, findPage, listFilters, listsOf, typesBelow } from './list.ts'
import { countsOf } from './one.ts'
import { base, reads, type RouteParts, slotOf } from './parts.ts'
import { healthOf, healths, timeOf } from './shown.ts'

const path = `${base}/tree`
const { status, source, q, kind, late, stale } = listFilters

const Node = z.object({
  service_type: z.enum(serviceTypes),
  service_id: z.string(),
  checker_kind: z.string().nullable(),
  status: z.enum(serviceStatuses),
  health: z.enum(healths),
  last_seen: z.iso.datetime().nullable(),
  children: z.int(),
  children_by_status: z.record(z.string(), z.int()),
})

export function treeRoute(parts: RouteParts): Route {
  const lists = listsOf(parts)
  return route({
    ...reads,
    path,
    summary: 'Show one level of the tree: pollers, or what is below `parent`',
    query: z.object({
      ...pageQuery,
      parent: z.string().max(300).optional().meta({ description: 'Type and id: poller/p1, agent/a1' }),
      status,
      source,
      q,
      kind,
      late,
      stale,
    }),
    response: z.object({
      items: z.array(Node),
      total: z.int(),
      total_is: z.enum(['exact', 'at-least']),
      next_cursor: z.string().nullable(),
    }),
    async handle({ query, signal }) {
      await parts.ready()
      const { parent, ...asked } = query
      const level = levelOf(parts, parent)
      const page = await findPage(parts, lists(), `${path}/${parent ?? ''}`, asked, level, signal)
      const items = page.slots.map((slot) => nodeOf(parts, slot))
      return { body: { items, ...aboutPage(`${path}/${parent ?? ''}`, asked, page) } }
    },
  })
}

function levelOf(parts: RouteParts, parent: string | undefined) {
  if (parent === undefined) return { type: serviceTypes[0] }
  const ref = refOf(parent)
  const type = ref && typesBelow[ref.type]
  if (ref === null || type === null) {
    const errors = [{ in: 'query', pointer: '/parent', detail: 'must be poller/… or agent/…' }]
    throw new AppError('request.invalid', 'query/parent must be poller/… or agent/…', { data: { errors } })
  }
  slotOf(parts, ref)
  return { type, [ref.type]: ref.id }
}

function nodeOf(parts: RouteParts, slot: Slot): z.infer<typeof Node> {
  const { roster, liveness } = parts
  return {
    service_type: roster.typeOf(slot),
    service_id: roster.idOf(slot),
    checker_kind: roster.kindOf(slot),
    status: roster.statusOf(slot),
    health: healthOf(parts, slot),
    last_seen: timeOf(liveness.seen(slot).lastSeen),
    children: roster.columns.children[slot]!,
    children_by_status: countsOf(roster, slot),
  }
}
