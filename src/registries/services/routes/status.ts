/** Transitions that a person asks for, each with a reason. */
import { z } from 'zod'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Route, type RouteReply, type RouteRequest } from '../../../kernel/route.ts'
import type { Trigger } from '../lifecycle.ts'
import { serviceTypes, type ServiceRef } from '../model.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import { ifMatch, oneParams, refIn } from './one.ts'
import { base, byOf, idSegment, slotOf, tag, typeNamed, typeNames, type RouteParts } from './parts.ts'

/** What becomes of a service on request, and what that is called in its life. */
const triggers = { inactive: 'deactivate', active: 'activate', revoked: 'revoke', deleted: 'delete' } as const
const statuses = Object.keys(triggers) as readonly (keyof typeof triggers)[]

/** Of what was touched, so many are named. */
const mostNamed = 1_000

const reason = z.string().min(1).max(500).meta({ description: 'Why; it goes into the history' })
const cascade = z.boolean().default(false).meta({ description: 'All that is below it, too' })
const Override = z.object({ status: z.enum(statuses), reason, cascade })

const Transited = z.object({
  result: z.enum(['done', 'unchanged']),
  count: z.int().meta({ description: 'How many services changed' }),
  services: z
    .array(
      z.object({
        service_type: z.enum(serviceTypes),
        service_id: z.string(),
        status: z.string().nullable().meta({ description: 'null: it is gone' }),
        version: z.int().nullable(),
      }),
    )
    .meta({ description: `The first ${mostNamed} of them` }),
})

const common = { role: 'admin', within: { services: 'write' }, tag } as const

type Ask = Pick<RouteRequest<never, never, never>, 'caller' | 'headers'>
type Asked = { readonly reason?: string | undefined; readonly cascade?: boolean; readonly force?: boolean }

export function statusRoutes(parts: RouteParts): readonly Route[] {
  return [override(parts, 'POST'), override(parts, 'PUT'), overrideById(parts), undelete(parts), remove(parts)]
}

function override(parts: RouteParts, method: 'POST' | 'PUT'): Route {
  return route({
    ...common,
    method,
    path: `${base}/:type/:id/status`,
    summary: 'Set the status of a service, with a reason',
    params: oneParams,
    body: Override,
    response: Transited,
    handle: ({ params, body, ...ask }) => transit(parts, refIn(params), triggers[body.status], body, ask),
  })
}

/** The original's design names no type: where an id is that of several services, the body has to. */
function overrideById(parts: RouteParts): Route {
  return route({
    ...common,
    method: 'PUT',
    path: `${base}/:id/status`,
    summary: 'Set the status of the service that has this id, with a reason',
    params: z.object({ id: idSegment }),
    body: Override.extend({ type: z.enum(typeNames).optional().meta({ description: 'Where several have this id' }) }),
    response: Transited,
    async handle({ params: { id }, body, ...ask }) {
      await parts.ready()
      const types = serviceTypes.filter((type) => parts.roster.find(type, id) !== noSlot)
      const type = body.type === undefined ? types[0] : typeNamed(body.type)
      if (type === undefined) throw new AppError('request.not-found', `There is no poller, agent or checker ${id}.`)
      if (body.type === undefined && types.length > 1) {
        const which = `${id} is the id of ${types.map((one) => `a ${one}`).join(' and ')}`
        throw new AppError('request.conflict', `${which.replace('a agent', 'an agent')}; say which as \`type\`.`)
      }
      return transit(parts, { type, id }, triggers[body.status], body, ask)
    },
  })
}

function undelete(parts: RouteParts): Route {
  return route({
    ...common,
    method: 'POST',
    path: `${base}/:type/:id/undelete`,
    summary: 'Bring back a deleted service, with the status that it had',
    params: oneParams,
    body: z.object({ reason, cascade }),
    response: Transited,
    handle: ({ params, body, ...ask }) => transit(parts, refIn(params), 'undelete', body, ask),
  })
}

function remove(parts: RouteParts): Route {
  return route({
    ...common,
    method: 'DELETE',
    within: { services: 'purge' },
    path: `${base}/:type/:id`,
    summary: 'Remove a registration for good; of an active or pending service only with `force`',
    params: oneParams,
    query: z.object({ cascade, force: z.boolean().default(false), reason: reason.optional() }),
    response: Transited,
    handle: ({ params, query, ...ask }) => transit(parts, refIn(params), 'purge', query, ask),
  })
}

async function transit(
  parts: RouteParts,
  ref: ServiceRef,
  trigger: Exclude<Trigger, 'silence'>,
  { reason: why, cascade: all = false, force = false }: Asked,
  { caller, headers }: Ask,
): Promise<RouteReply> {
  await parts.ready()
  const { roster, registrations, clock } = parts
  const slot = slotOf(parts, ref)
  // What is purged has no name afterwards.
  const named = new Map<Slot, ServiceRef>([[slot, ref]])
  if (all && trigger === 'purge') {
    for (const below of registrations.below(slot).slice(0, mostNamed)) named.set(below, registrations.refOf(below))
  }
  const options = { ...byOf(caller, why), ...ifMatch(roster, slot, headers), at: clock.now(), cascade: all, force }
  const done = await registrations.transit(slot, trigger, options)
  const slots = done.is === 'done' ? done.slots : [slot]
  const services = slots.slice(0, mostNamed).map((one) => {
    const { type, id } = named.get(one) ?? registrations.refOf(one)
    const gone = done.is === 'done' && trigger === 'purge'
    const about = { service_type: type, service_id: id }
    return gone
      ? { ...about, status: null, version: null }
      : { ...about, status: roster.statusOf(one), version: roster.columns.seq[one]! }
  })
  const result = done.is === 'done' ? 'done' : 'unchanged'
  return {
    body: { result, count: done.is === 'done' ? slots.length : 0, services } satisfies z.infer<typeof Transited>,
  }
}
