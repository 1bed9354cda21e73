/** One service: what is known of it, and changes of its registration that are no transition. */
import { z } from 'zod'
import { isoTime } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { isUnchanged, strongTag, wantedSeqs } from '../../../kernel/etag.ts'
import { route, type Route, type RouteRequest } from '../../../kernel/route.ts'
import { parentType, serviceStatuses, type ServiceRef } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import { EventView, eventsOf } from './event-view.ts'
import { base, byOf, idSegment, reads, type RouteParts, rowOf, slotOf, tag, typeNamed, typeNames } from './parts.ts'
import { readAbout, type Fault } from './read-registration.ts'
import { isSilent, Service, shownOf } from './shown.ts'

const mostEvents = 20
const path = `${base}/:type/:id`
export const oneParams = z.object({ type: z.enum(typeNames), id: idSegment })

const Refused = z.object({
  at: z.iso.datetime(),
  why: z.string().meta({ description: 'A reason constant' }),
  source_ip: z.string(),
  by: z.string(),
  count: z.int(),
})

const Whole = Service.extend({
  parents: z
    .array(z.object({ service_type: z.string(), service_id: z.string(), status: z.string(), silent: z.boolean() }))
    .meta({ description: 'The nearest first' }),
  children: z.record(z.string(), z.int()).meta({ description: 'How many by status' }),
  last_refused: Refused.nullable().meta({ description: 'Since this process began: a heartbeat that was not taken' }),
  events: z.array(EventView).meta({ description: 'The newest first' }),
})

export function showRoute(parts: RouteParts): Route {
  return route({
    ...reads,
    path,
    summary: 'Show a service: registration, when it was last heard of, parents, children, last events',
    params: oneParams,
    response: Whole,
    async handle({ params, headers }) {
      await parts.ready()
      const ref = refIn(params)
      const slot = slotOf(parts, ref)
      const etag = strongTag(parts.roster.columns.seq[slot]!)
      if (isUnchanged(headers['if-none-match'], etag)) return { headers: { etag }, body: null }
      const [row, events] = await Promise.all([rowOf(parts, ref), eventsOf(parts.journal, ref, mostEvents)])
      const refused = parts.beats.refusedOf(ref)
      const body: z.infer<typeof Whole> = {
        ...shownOf(parts, slot, row, parts.clock.now()),
        parents: parentsOf(parts, slot),
        children: countsOf(parts.roster, slot),
        last_refused: refused && {
          at: isoTime(refused.at),
          why: refused.why,
          source_ip: refused.from,
          by: refused.by,
          count: refused.count,
        },
        events,
      }
      return { headers: { etag: strongTag(row.seq) }, body }
    },
  })
}

export function refIn({ type, id }: { readonly type: (typeof typeNames)[number]; readonly id: string }): ServiceRef {
  return { type: typeNamed(type), id }
}

export function parentsOf(parts: RouteParts, slot: Slot): z.infer<typeof Whole>['parents'] {
  const { roster } = parts
  const found: z.infer<typeof Whole>['parents'] = []
  for (let up = roster.columns.parent[slot]!; up !== noSlot; up = roster.columns.parent[up]!) {
    const about = { service_type: roster.typeOf(up), service_id: roster.idOf(up), status: roster.statusOf(up) }
    found.push({ ...about, silent: isSilent(parts, up) })
  }
  return found
}

export function countsOf(roster: Roster, slot: Slot): Record<string, number> {
  const { status } = roster.columns
  const counts = serviceStatuses.map(() => 0)
  for (const child of roster.childrenOf(slot)) counts[status[child]!]! += 1
  return Object.fromEntries(serviceStatuses.flatMap((name, n) => (counts[n] === 0 ? [] : [[name, counts[n]!]])))
}

const nullable = (description: string) => z.string().nullable().optional().meta({ description })

export function editRoute(parts: RouteParts): Route {
  return route({
    method: 'PATCH',
    path,
    role: 'operator',
    within: { services: 'write' },
    tag,
    summary: 'Change what a registration says; another parent_id moves the service with all that is below it',
    params: oneParams,
    body: z.object({
      metadata: z.record(z.string(), z.string()).optional().meta({ description: 'In the place of what was there' }),
      interval: nullable('Time between two heartbeats, such as 30s; null: as configured'),
      inactive_after: nullable('Silence after which it is inactive; null: as configured'),
      spiffe_identity: nullable('null: none'),
      parent_id: z.string().optional(),
      reason: z.string().min(1).max(500).optional(),
    }),
    response: Service,
    async handle({ params, body, caller, headers }) {
      await parts.ready()
      const ref = refIn(params)
      const slot = slotOf(parts, ref)
      const { parent_id: parent, reason, ...fields } = body
      const faults: Fault[] = []
      const edit = readAbout(fields, (field, detail) => void faults.push({ pointer: `/${field}`, detail }))
      if (parent !== undefined && parentType(ref.type) === null) {
        faults.push({ pointer: '/parent_id', detail: 'a poller has none' })
      }
      if (faults.length > 0) {
        const errors = faults.map((fault) => ({ in: 'body', ...fault }))
        throw new AppError('request.invalid', `body${faults[0]!.pointer} ${faults[0]!.detail}`, { data: { errors } })
      }
      const by = { ...byOf(caller, reason), ...ifMatch(parts.roster, slot, headers) }
      const now = parts.clock.now()
      await parts.registrations.edit(slot, { ...edit, ...(parent !== undefined && { parent }) }, by, now)
      const row = await rowOf(parts, ref)
      return { headers: { etag: strongTag(row.seq) }, body: shownOf(parts, slot, row, now) }
    },
  })
}

/** The version that a change is meant for, where the caller names one: no other is changed. */
export function ifMatch(
  roster: Roster,
  slot: Slot,
  headers: RouteRequest<never, never, never>['headers'],
): { readonly ifSeq?: number } {
  const wanted = wantedSeqs(headers['if-match'])
  if (wanted === null || wanted === 'any') return {}
  const now = roster.columns.seq[slot]!
  if (wanted.includes(now)) return { ifSeq: now }
  throw new AppError('request.precondition', `It is at version ${now} by now; read it again.`, { data: { seq: now } })
}
