import { z } from 'zod'
import { createEventFeed, type EventFeed } from '../../engine/event-feed.ts'
import { eventFrame, eventFrames, eventStreamHeaders, resumePoint } from '../../engine/event-frames.ts'
import { route, type Route } from '../../kernel/route.ts'
import { visibleSyncs } from '../../kernel/visible.ts'
import { eventFilters, filterOf, maySeeEvent } from './events.ts'
import type { ApiParts } from './parts.ts'

export function eventStreamRoutes(parts: ApiParts): readonly Route[] {
  let feed: EventFeed | undefined
  return [
    route({
      method: 'GET',
      path: '/api/v1/events/stream',
      role: 'viewer',
      within: 'filtered',
      tag: 'history',
      summary: 'Stream events as they happen; Last-Event-ID or `after` resumes behind that position',
      query: z.object({ ...eventFilters, after: z.int().min(0).optional() }),
      response: z.string().meta({ contentType: 'text/event-stream' }),
      streams: true,
      async handle({ query, caller, headers, signal }) {
        const { journal } = parts
        visibleSyncs(caller, query.sync)
        const from = resumePoint(headers['last-event-id']) ?? query.after ?? (await journal.head()).seq
        feed ??= createEventFeed(parts)
        const sees = caller.scopes === null ? {} : { sees: maySeeEvent.bind(null, caller) }
        const following = { from, query: filterOf(query), ...sees, signal }
        const body = eventFrames(journal, feed, following, (event) => eventFrame(event.seq, event.type, event))
        return { headers: eventStreamHeaders, body }
      },
    }),
  ]
}
