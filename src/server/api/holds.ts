import { z } from 'zod'
import { holds } from '../../engine/tables.ts'
import { AppError } from '../../kernel/errors.ts'
import { mostPerPage, pageOf, pageQuery } from '../../kernel/page.ts'
import { route, type Caller, type Route } from '../../kernel/route.ts'
import { maySeeSync, visibleSyncs } from '../../kernel/visible.ts'
import { isUnchanged, strongTag, weakTag } from '../../kernel/etag.ts'
import { selectPage } from '../paging.ts'
import type { ApiParts } from './parts.ts'
import { Hold } from './rows.ts'

const Released = z.object({
  released: z.array(z.string()).meta({ description: 'Ids of what was released' }),
  unknown: z.array(z.string()).meta({ description: 'Ids that hold nothing (any more)' }),
})

export function holdRoutes(parts: ApiParts): readonly Route[] {
  return [holdList(parts), holdOne(parts), releaseOne(parts), releaseMany(parts)]
}

function holdList({ journal }: ApiParts): Route {
  const path = '/api/v1/holds'
  return route({
    method: 'GET',
    path,
    role: 'viewer',
    within: 'filtered',
    tag: 'holds',
    summary: 'List changes that wait for a person or a time',
    query: z.object({
      ...pageQuery,
      sync: z.string().optional(),
      target: z.string().optional(),
      key: z.string().optional(),
      reason: z.string().optional(),
      state: z.enum(['held', 'released']).default('held'),
    }),
    response: pageOf(Hold),
    async handle({ query, caller, headers }) {
      const etag = weakTag((await journal.head()).seq)
      if (isUnchanged(headers['if-none-match'], etag)) return { headers: { etag }, body: null }
      const { target, key, reason, state } = query
      const where = {
        ...visibleSyncs(caller, query.sync),
        state,
        ...(target !== undefined && { target }),
        ...(key !== undefined && { key }),
        ...(reason !== undefined && { reason }),
      }
      return { headers: { etag }, body: await selectPage(journal, holds, { where }, path, query) }
    },
  })
}

const oneHold = z.object({ hold: z.string() })

/** A hold of a sync that the caller may not see does not exist for it. */
async function holdFor({ journal }: ApiParts, id: string, caller: Caller) {
  const found = await journal.get(holds, { id })
  if (found === null || !maySeeSync(caller.scopes, found.sync)) {
    throw new AppError('request.not-found', `There is no hold ${id}.`)
  }
  return found
}

function holdOne(parts: ApiParts): Route {
  return route({
    method: 'GET',
    path: '/api/v1/holds/:hold',
    role: 'viewer',
    within: 'filtered',
    tag: 'holds',
    summary: 'Show one hold',
    params: oneHold,
    response: Hold,
    async handle({ params, caller }) {
      const found = await holdFor(parts, params.hold, caller)
      return { body: found, headers: { etag: strongTag(found.seq) } }
    },
  })
}

function releaseOne(parts: ApiParts): Route {
  return route({
    method: 'POST',
    path: '/api/v1/holds/:hold/release',
    role: 'operator',
    within: 'filtered',
    tag: 'holds',
    summary: 'Let a held change go',
    params: oneHold,
    response: Released,
    async handle({ params, caller }) {
      const { id } = await holdFor(parts, params.hold, caller)
      if (await parts.engine.release(id, caller.name)) return { body: { released: [id], unknown: [] } }
      throw new AppError('request.not-found', `There is no hold ${id}.`)
    },
  })
}

function releaseMany(parts: ApiParts): Route {
  return route({
    method: 'POST',
    path: '/api/v1/holds/release',
    role: 'operator',
    within: 'filtered',
    tag: 'holds',
    summary: 'Let held changes go, named by id: a change that is held meanwhile is not agreed to',
    body: z.object({ holds: z.array(z.string().max(200)).min(1).max(mostPerPage) }),
    response: Released,
    async handle({ body, caller }) {
      const wanted = [...new Set(body.holds)]
      const found = await parts.journal.select(holds, { where: { id: { in: wanted } } })
      const visible = new Set(found.filter(({ sync }) => maySeeSync(caller.scopes, sync)).map(({ id }) => id))
      const released: string[] = []
      for (const id of wanted) {
        if (visible.has(id) && (await parts.engine.release(id, caller.name))) released.push(id)
      }
      return { body: { released, unknown: wanted.filter((id) => !released.includes(id)) } }
    },
  })
}
