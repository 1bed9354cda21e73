/** The history of services: lists, a wait for what comes next, and the stream. */
import { z } from 'zod'
import type { EventFeed } from '../../../engine/event-feed.ts'
import { createEventFeed } from '../../../engine/event-feed.ts'
import { eventFrame, eventFrames, eventStreamHeaders, resumePoint } from '../../../engine/event-frames.ts'
import type { Event, Seq } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { cursorOf, pageQuery, positionOf } from '../../../kernel/page.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { filterOf, readOn, type EventFilter } from './event-filter.ts'
import { EventView, viewOf } from './event-view.ts'
import { base, idSegment, reads, type RouteParts, typeNames } from './parts.ts'

const path = `${base}/events`
const longestWait = 60

const filters = {
  service: idSegment.optional().meta({ description: 'Id of a service, or its type and id: agent/edge-1' }),
  type: z.array(z.string().max(200)).optional().meta({
    description: 'Event types (deactivated, quarantine.entered), or types of services; several, or with commas',
  }),
  service_type: z.enum(typeNames).optional(),
}
const sinceSeq = z.int().min(0).optional().meta({ description: 'Only what came after this position, the oldest first' })

export function eventRoutes(parts: RouteParts): readonly Route[] {
  let made: EventFeed | undefined
  const feed = () => (made ??= createEventFeed(parts))
  return [listRoute(parts, feed), streamRoute(parts, feed)]
}

function listRoute({ journal, clock }: RouteParts, feed: () => EventFeed): Route {
  return route({
    ...reads,
    path,
    summary: 'List what happened to services, the newest first; with `since_seq` and `wait`, what comes next',
    query: z.object({
      ...pageQuery,
      ...filters,
      since_seq: sinceSeq,
      since: z.iso.datetime({ offset: true }).optional().meta({ description: 'Not older than this' }),
      wait: z
        .number()
        .min(0)
        .max(longestWait)
        .default(0)
        .meta({ description: 'With since_seq: seconds to wait for an event where there is none yet' }),
    }),
    response: z.object({
      items: z.array(EventView),
      last_seq: z.int().meta({ description: 'Everything up to here was considered: the next `since_seq`' }),
      next_cursor: z.string().nullable(),
    }),
    async handle({ query, signal }) {
      const { wait, since_seq: after, limit } = query
      const filter = filterOf(query)
      const [at] = positionOf(path, query) ?? []
      const from = at === undefined ? (after ?? Number.MAX_SAFE_INTEGER) : Number(at)
      const since = query.since === undefined ? {} : { since: Date.parse(query.since) }
      const order = after === undefined ? { last: true as const } : {}
      // Before it is read: what comes meanwhile is behind this position.
      const head = (await journal.head()).seq
      let { events, position, ended } = await readOn(journal, filter, { ...since, ...order }, from, limit)
      if (after !== undefined && ended) position = Math.max(position, head)
      if (after !== undefined && events.length === 0 && wait > 0) {
        ;({ events, position } = await nextOf(feed(), clock, {
          filter,
          from: position,
          limit,
          bound: wait * 1_000,
          signal,
        }))
      }
      const last = after === undefined ? head : position
      const next = ended ? null : cursorOf(path, query, [position])
      return { body: { items: events.map(viewOf), last_seq: last, next_cursor: next } }
    },
  })
}

interface Waiting {
  readonly filter: EventFilter
  readonly from: Seq
  readonly limit: number
  readonly bound: Ms
  readonly signal: AbortSignal
}

/** The next events that pass, or none when the time is over. */
async function nextOf(feed: EventFeed, clock: Clock, { filter, from, limit, bound, signal }: Waiting) {
  const stop = new AbortController()
  const ended = AbortSignal.any([stop.signal, signal])
  void clock.sleep(bound, ended).then(() => stop.abort())
  let position = from
  const following = { from, query: filter.query, sees: filter.sees, signal: ended }
  for await (const told of feed.follow(following)) {
    position = told.position
    if (told.events.length === 0) continue
    stop.abort()
    const events = told.events.slice(0, limit)
    return { events, position: events.length < told.events.length ? events.at(-1)!.seq : position }
  }
  return { events: [], position }
}

function streamRoute(parts: RouteParts, feed: () => EventFeed): Route {
  const frames = new WeakMap<Event, string>()
  /** Of those at the head, one text for all who watch. */
  const frame = (event: Event): string => {
    const known = frames.get(event)
    if (known !== undefined) return known
    const view = viewOf(event)
    const text = eventFrame(event.seq, view.event_type, view)
    frames.set(event, text)
    return text
  }
  return route({
    ...reads,
    path: `${path}/stream`,
    summary: 'Stream what happens to services; Last-Event-ID or `since_seq` resumes behind that position',
    query: z.object({ ...filters, since_seq: sinceSeq }),
    response: z.string().meta({ contentType: 'text/event-stream' }),
    streams: true,
    async handle({ query, headers, signal }) {
      const { journal } = parts
      const from = resumePoint(headers['last-event-id']) ?? query.since_seq ?? (await journal.head()).seq
      const { query: asked, sees } = filterOf(query)
      return {
        headers: eventStreamHeaders,
        body: eventFrames(journal, feed(), { from, query: asked, sees, signal }, frame),
      }
    },
  })
}
