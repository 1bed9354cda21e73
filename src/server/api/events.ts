/** The history: every change of state, in the one order of all. */
import { z } from 'zod'
import type { Event, EventQuery, Journal, Seq } from '../../engine/journal.ts'
import { nextLink, pageOf, pageQuery, positionOf } from '../../kernel/page.ts'
import { route, type Caller, type Route } from '../../kernel/route.ts'
import { maySeeSync, visibleSyncs } from '../../kernel/visible.ts'
import { mayUseKey } from '../access/guard.ts'
import { isUnchanged, weakTag } from '../../kernel/etag.ts'
import type { ApiParts } from './parts.ts'
import { EventItem } from './rows.ts'

/** Filters shared by the list and the stream. */
export const eventFilters = {
  sync: z.string().optional(),
  target: z.string().optional(),
  key: z.string().optional(),
  type: z.string().optional().meta({ description: 'Exact, or a noun with a dot: "delivery."' }),
}

export type EventFilters = { readonly [C in keyof typeof eventFilters]?: string | undefined }

export function filterOf({ sync, target, key, type }: EventFilters): EventQuery {
  return {
    ...(sync !== undefined && { sync }),
    ...(target !== undefined && { target }),
    ...(key !== undefined && { key }),
    ...(type !== undefined && { type }),
  }
}

/** Events of no sync are the key-value store's, or of access and the house itself. */
export function maySeeEvent({ scopes }: Caller, event: Event): boolean {
  if (scopes === null) return true
  if (event.sync !== undefined) return maySeeSync(scopes, event.sync)
  return event.type.startsWith('kv.') && event.key !== undefined && mayUseKey(scopes, event.key)
}

/** Events read at once, and most such reads for one page of a caller who may see few of them. */
const chunk = 1000
const mostChunks = 20

export interface Reading {
  readonly events: readonly Event[]
  /** Everything up to here was considered. */
  readonly position: Seq
  /** There was nothing further when it was read. */
  readonly ended: boolean
}

/** Reads on from `from` until `limit` visible events are found, the end, or enough has been read. */
export async function readEvents(
  journal: Journal,
  query: EventQuery,
  from: Seq,
  limit: number,
  caller: Caller,
): Promise<Reading> {
  const found: Event[] = []
  let position = from
  const size = caller.scopes === null ? limit : chunk
  for (let reads = 0; reads < mostChunks; reads += 1) {
    const bound = query.last ? { before: position } : { after: position }
    const read = await journal.events({ ...query, ...bound, limit: size })
    for (const event of read) {
      position = event.seq
      if (maySeeEvent(caller, event)) found.push(event)
      if (found.length === limit) return { events: found, position, ended: false }
    }
    if (read.length < size) return { events: found, position, ended: true }
  }
  return { events: found, position, ended: false }
}

export function eventRoutes({ journal }: ApiParts): readonly Route[] {
  const path = '/api/v1/events'
  return [
    route({
      method: 'GET',
      path,
      role: 'viewer',
      within: 'filtered',
      tag: 'history',
      summary: 'List events, the newest first; from `after` on in the order in which they happened',
      query: z.object({
        ...pageQuery,
        ...eventFilters,
        after: z.int().min(0).optional().meta({ description: 'Only events after this position, oldest first' }),
        since: z.int().min(0).optional().meta({ description: 'Only events at or after this time in ms' }),
      }),
      response: pageOf(EventItem),
      async handle({ query, caller, headers }) {
        const etag = weakTag((await journal.head()).seq)
        if (isUnchanged(headers['if-none-match'], etag)) return { headers: { etag }, body: null }
        visibleSyncs(caller, query.sync)
        const [at] = positionOf(path, query) ?? []
        const forward = query.after !== undefined
        const from = at === undefined ? (query.after ?? Number.MAX_SAFE_INTEGER) : Number(at)
        const since = query.since !== undefined && { since: query.since }
        const ask = { ...filterOf(query), ...since, ...(!forward && { last: true }) }
        const { events, position, ended } = await readEvents(journal, ask, from, query.limit, caller)
        const next = ended ? null : nextLink(path, query, [position])
        return { headers: { etag }, body: { items: events, next } }
      },
    }),
  ]
}
