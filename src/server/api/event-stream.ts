/** Server-sent events (HTML §9.2): the history as it happens, resumed by position without gap or repetition. */
import { z } from 'zod'
import type { Journal, Seq } from '../../engine/journal.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { route, type Caller, type Route } from '../../kernel/route.ts'
import { visibleSyncs } from '../../kernel/visible.ts'
import { eventFilters, filterOf, readEvents, type EventFilters } from './events.ts'
import type { ApiParts } from './parts.ts'

/** Events read for one stream at once; what a slow reader has not taken waits in the journal, not here. */
const chunk = 200
/** Proxies cut connections that say nothing for 30 to 60 s. */
const heartbeat: Ms = 15_000
/** Shortest time between two reads for one stream, however fast the journal moves. */
const pace: Ms = 100

export function eventStreamRoutes({ journal, clock, streams }: ApiParts): readonly Route[] {
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
      async handle({ query, caller, headers, signal }) {
        visibleSyncs(caller, query.sync)
        if (streams.open >= streams.most) {
          throw new AppError('request.too-many', 'Too many event streams are open.', { data: { retryAfter: 10 } })
        }
        const from = resumePoint(headers['last-event-id']) ?? query.after ?? (await journal.head()).seq
        streams.open += 1
        // Also when the reader never takes the first byte.
        signal.addEventListener('abort', () => (streams.open -= 1), { once: true })
        return {
          headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
          body: streamEvents({ journal, clock, filters: query, caller, from, signal }),
        }
      },
    }),
  ]
}

function resumePoint(header: string | string[] | undefined): Seq | null {
  if (header === undefined || header === '') return null
  const seq = Number(header)
  if (/^\d+$/.test(String(header)) && Number.isSafeInteger(seq)) return seq
  throw new AppError('request.invalid', 'Last-Event-ID is no position; send the id of an event.')
}

interface Stream {
  readonly journal: Journal
  readonly clock: Clock
  readonly filters: EventFilters
  readonly caller: Caller
  readonly from: Seq
  readonly signal: AbortSignal
}

async function* streamEvents({ journal, clock, filters, caller, from, signal }: Stream): AsyncGenerator<string> {
  let moved = new AbortController()
  const unsubscribe = journal.subscribe(() => moved.abort())
  try {
    yield 'retry: 2000\n\n'
    yield await gapNote(journal, from)
    let position = from
    for (;;) {
      // Before reading: a commit that comes meanwhile is read in the next round.
      moved = new AbortController()
      const head = await journal.head()
      const began = clock.monotonic()
      const read = await readEvents(journal, filterOf(filters), position, chunk, caller)
      for (const event of read.events) {
        yield `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
      }
      // What a filter leaves out is not read again: everything up to the head of before was considered.
      position = read.ended ? Math.max(read.position, head.seq) : read.position
      if (signal.aborted) return
      if (!read.ended) continue
      await clock.sleep(heartbeat, AbortSignal.any([moved.signal, signal]))
      if (signal.aborted) return
      // An id without data moves the point of resumption and dispatches nothing.
      if (moved.signal.aborted) await clock.sleep(pace - (clock.monotonic() - began), signal)
      else yield `: still here\nid: ${position}\n\n`
    }
  } finally {
    unsubscribe()
  }
}

/** Tells a reader whose position lies before what retention kept. Positions have no holes. */
async function gapNote(journal: Journal, from: Seq): Promise<string> {
  const [next] = await journal.events({ after: from, limit: 1 })
  if (next === undefined || next.seq === from + 1) return ': from here on\n\n'
  const data = JSON.stringify({ after: from, kept: next.seq })
  return `event: gap\ndata: ${data}\n\n`
}
