/** The ledger's tables as lists: entries, scopes, targets, deliveries. */
import { z } from 'zod'
import type { Where } from '../../engine/journal.ts'
import { deliveries, entries, scopes, targets } from '../../engine/tables.ts'
import { pageOf, pageQuery } from '../../kernel/page.ts'
import { route, type Route } from '../../kernel/route.ts'
import { visibleSyncs } from '../../kernel/visible.ts'
import { isUnchanged, weakTag } from '../../kernel/etag.ts'
import { selectPage } from '../paging.ts'
import type { ApiParts } from './parts.ts'
import { Delivery, deliveryStates, Entry, Scope, Target } from './rows.ts'

const common = { method: 'GET', role: 'viewer', within: 'filtered', tag: 'ledger' } as const
const sync = z.string().optional()
const key = z.string().optional()
const prefix = z.string().optional().meta({ description: 'Keys that start with this' })

export function listRoutes({ journal }: ApiParts): readonly Route[] {
  return [entryList(journal), scopeList(journal), targetList(journal), deliveryList(journal)]
}

function keyFilter(asked: { key?: string | undefined; prefix?: string | undefined }) {
  if (asked.key !== undefined) return { key: asked.key }
  return asked.prefix === undefined ? {} : { key: { prefix: asked.prefix } }
}

function entryList(journal: ApiParts['journal']): Route {
  const path = '/api/v1/entries'
  return route({
    ...common,
    path,
    summary: 'List what sources say exists',
    query: z.object({
      ...pageQuery,
      sync,
      scope: z.string().optional(),
      key,
      prefix,
      state: z.enum(['live', 'stray', 'gone']).optional(),
      items: z.boolean().default(false).meta({ description: 'With the items themselves' }),
    }),
    response: pageOf(Entry),
    async handle({ query, caller, headers }) {
      // Read first: a change that comes between makes the next answer differ, never this one stay.
      const etag = weakTag((await journal.head()).seq)
      if (isUnchanged(headers['if-none-match'], etag)) return { headers: { etag }, body: null }
      const { scope, state } = query
      const where: Where<typeof entries.row & object> = {
        ...visibleSyncs(caller, query.sync),
        ...keyFilter(query),
        ...(scope !== undefined && { scope }),
        ...(state !== undefined && { state }),
      }
      const without = query.items ? [] : (['item'] as const)
      return { headers: { etag }, body: await selectPage(journal, entries, { where, without }, path, query) }
    },
  })
}

function scopeList(journal: ApiParts['journal']): Route {
  const path = '/api/v1/scopes'
  return route({
    ...common,
    path,
    summary: 'List the parts of sources, and how the last look at each went',
    query: z.object({
      ...pageQuery,
      sync,
      state: z.enum(['ok', 'unavailable', 'gone', 'orphaned']).optional(),
    }),
    response: pageOf(Scope),
    async handle({ query, caller }) {
      const { state } = query
      const where = { ...visibleSyncs(caller, query.sync), ...(state !== undefined && { state }) }
      return { body: await selectPage(journal, scopes, { where }, path, query) }
    },
  })
}

function targetList(journal: ApiParts['journal']): Route {
  const path = '/api/v1/targets'
  return route({
    ...common,
    path,
    summary: 'List targets, and how each does as a whole',
    query: z.object({
      ...pageQuery,
      sync,
      state: z.enum(['new', 'ok', 'unavailable', 'orphaned']).optional(),
    }),
    response: pageOf(Target),
    async handle({ query, caller }) {
      const { state } = query
      const where = { ...visibleSyncs(caller, query.sync), ...(state !== undefined && { state }) }
      return { body: await selectPage(journal, targets, { where }, path, query) }
    },
  })
}

function deliveryList(journal: ApiParts['journal']): Route {
  const path = '/api/v1/deliveries'
  return route({
    ...common,
    path,
    summary: 'List what each target acknowledged of each key, and what is on its way',
    query: z.object({
      ...pageQuery,
      sync,
      target: z.string().optional(),
      key,
      prefix,
      state: z.array(z.enum(deliveryStates)).optional().meta({ description: 'May be given several times' }),
    }),
    response: pageOf(Delivery),
    async handle({ query, caller }) {
      const { target, state } = query
      const where: Where<typeof deliveries.row & object> = {
        ...visibleSyncs(caller, query.sync),
        ...keyFilter(query),
        ...(target !== undefined && { target }),
        ...(state !== undefined && { state: { in: state } }),
      }
      return { body: await selectPage(journal, deliveries, { where }, path, query) }
    },
  })
}
