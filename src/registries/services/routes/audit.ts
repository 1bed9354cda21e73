/** The history as evidence: whether it is whole, and all of it to take away. */
import { z } from 'zod'
import type { Event, Journal } from '../../../engine/journal.ts'
import { csvLine } from '../../../kernel/csv.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { EventView, eventSync, isOurs, viewOf } from './event-view.ts'
import { base, reads, type RouteParts, tag } from './parts.ts'

export function auditRoutes(parts: RouteParts): readonly Route[] {
  return [verify(parts), exported(parts)]
}

function verify(parts: RouteParts): Route {
  return route({
    method: 'POST',
    path: `${base}/audit/verify`,
    role: 'admin',
    within: { services: 'read' },
    tag,
    summary: 'Recompute the hash chain of everything that is kept of the history, that of services with the rest',
    response: z.object({
      ok: z.boolean(),
      blocks: z.int().optional(),
      events: z.int().optional(),
      from: z.int().optional(),
      to: z.int().optional(),
      at: z.int().optional().meta({ description: 'Where the chain is broken' }),
      why: z.string().optional(),
    }),
    async handle({ signal }) {
      return { body: await parts.journal.verify(signal) }
    },
  })
}

const time = z.iso.datetime({ offset: true }).optional()

function exported(parts: RouteParts): Route {
  return route({
    ...reads,
    path: `${base}/audit/export`,
    summary: 'Stream the whole history of services that is kept, the oldest first',
    query: z.object({
      format: z.enum(['jsonl', 'csv']).default('jsonl'),
      since: time.meta({ description: 'Not older than this' }),
      until: time.meta({ description: 'Older than this' }),
      since_seq: z.int().min(0).default(0),
    }),
    response: EventView,
    handle({ query: { format, since, until, since_seq: after }, signal }) {
      const bounds = {
        since: since === undefined ? 0 : Date.parse(since),
        until: until === undefined ? null : Date.parse(until),
      }
      const read = readAll(parts.journal, after, bounds, signal)
      const type = format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl; charset=utf-8'
      const name = `services-audit.${format}`
      const headers = { 'content-type': type, 'content-disposition': `attachment; filename="${name}"` }
      return Promise.resolve({ headers, body: format === 'csv' ? csvOf(read) : jsonlOf(read) })
    },
  })
}

const chunk = 1_000

/** Pages of what is ours, none of them empty. */
async function* readAll(
  journal: Journal,
  after: number,
  { since, until }: { readonly since: number; readonly until: number | null },
  signal: AbortSignal,
): AsyncGenerator<readonly EventView[]> {
  for (let position = after; !signal.aborted;) {
    const read: Event[] = await journal.events({ sync: eventSync, after: position, since, limit: chunk })
    const wanted = read.filter((event) => isOurs(event) && (until === null || event.at < until))
    if (wanted.length > 0) yield wanted.map(viewOf)
    const last = read.at(-1)
    if (last === undefined || read.length < chunk || (until !== null && last.at >= until)) return
    position = last.seq
  }
}

async function* jsonlOf(pages: AsyncIterable<readonly EventView[]>): AsyncGenerator<string> {
  for await (const page of pages) yield page.map((view) => `${JSON.stringify(view)}\n`).join('')
}

async function* csvOf(pages: AsyncIterable<readonly EventView[]>): AsyncGenerator<string> {
  const names = Object.keys(EventView.shape) as (keyof EventView)[]
  yield csvLine(names)
  for await (const page of pages) yield page.map((view) => csvLine(names.map((name) => view[name]))).join('')
}
