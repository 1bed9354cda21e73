import { z } from 'zod'
import type { SyncStatus } from '../../engine/engine.ts'
import { deliveries, entries, holds, scopes, syncs, targets } from '../../engine/tables.ts'
import { nextLink, pageOf, pageQuery, positionOf } from '../../kernel/page.ts'
import { route, type Route } from '../../kernel/route.ts'
import { maySeeSync } from '../../kernel/visible.ts'
import { noSync, type ApiParts } from './parts.ts'
import { deliveryStates, instant } from './rows.ts'

const Sync = z.object({
  sync: z.string(),
  registry: z.string(),
  state: z.enum(['active', 'paused', 'orphaned']),
  running: z.boolean(),
  owner: z.boolean().meta({ description: 'This replica runs it' }),
  lastPassAt: instant.nullable(),
  lastPassOk: z.boolean().nullable(),
  nextPassAt: instant.nullable(),
})

const byState = z.record(z.string(), z.int())

const SyncDetail = Sync.extend({
  counts: z.object({
    scopes: byState,
    entries: byState,
    deliveries: byState,
    holds: z.int(),
  }),
  targets: z.array(
    z.object({
      target: z.string(),
      state: z.string(),
      why: z.string().nullable(),
      detail: z.string().nullable(),
      unsettled: byState.meta({ description: 'Deliveries that are not simply applied, by state' }),
    }),
  ),
})

export const oneSync = z.object({ sync: z.string() })

export function syncRoutes(parts: ApiParts): readonly Route[] {
  return [syncList(parts), syncOne(parts)]
}

/** By name: what runs here, and what the ledger knows from before or from elsewhere. */
export async function statusOf({ journal, engine }: ApiParts, sync: string): Promise<SyncStatus | null> {
  if (engine.syncs.includes(sync)) return engine.status(sync)
  const found = await journal.get(syncs, { sync })
  if (found === null) return null
  const { seq: _seq, ...row } = found
  return { ...row, running: false, owner: false }
}

function syncList(parts: ApiParts): Route {
  const path = '/api/v1/syncs'
  return route({
    method: 'GET',
    path,
    role: 'viewer',
    within: 'filtered',
    tag: 'syncs',
    summary: 'List syncs and how they do',
    query: z.object(pageQuery),
    response: pageOf(Sync),
    async handle({ query, caller }) {
      const [after = ''] = positionOf(path, query) ?? []
      // The config file names them all: there are few enough for one read.
      const stored = await parts.journal.select(syncs)
      const names = [...new Set([...parts.engine.syncs, ...stored.map(({ sync }) => sync)])]
        .filter((name) => name > after && maySeeSync(caller.scopes, name))
        .toSorted()
      const page = names.slice(0, query.limit)
      const items = (await Promise.all(page.map((name) => statusOf(parts, name)))).filter((one) => one !== null)
      const last = page.at(-1)
      const more = names.length > page.length && last !== undefined
      return { body: { items, next: more ? nextLink(path, query, [last]) : null } }
    },
  })
}

const unsettled = deliveryStates.filter((state) => state !== 'applied')

function syncOne(parts: ApiParts): Route {
  const count = createCounts(parts)
  return route({
    method: 'GET',
    path: '/api/v1/syncs/:sync',
    role: 'viewer',
    within: { sync: 'sync' },
    tag: 'syncs',
    summary: 'Show one sync, with its targets and what is counted of it',
    params: oneSync,
    response: SyncDetail,
    async handle({ params: { sync } }) {
      const status = await statusOf(parts, sync)
      if (status === null) throw noSync(sync)
      return { body: { ...status, ...(await count(sync)) } }
    },
  })
}

type Counts = Pick<z.infer<typeof SyncDetail>, 'counts' | 'targets'>

/** Counting reads an index of every delivery; while the journal stands still the last count holds. */
function createCounts({ journal }: ApiParts): (sync: string) => Promise<Counts> {
  const kept = new Map<string, { head: number; counts: Counts }>()

  async function countAll(sync: string): Promise<Counts> {
    const where = { sync }
    const [ofScopes, ofEntries, ofDeliveries, ofHolds, open, rows] = await Promise.all([
      journal.count(scopes, where, ['state']),
      journal.count(entries, where, ['state']),
      journal.count(deliveries, where, ['state']),
      journal.count(holds, { sync, state: 'held' }),
      journal.count(deliveries, { sync, state: { in: unsettled } }, ['target', 'state']),
      journal.select(targets, { where }),
    ])
    const states = (tallies: typeof ofScopes) =>
      Object.fromEntries(tallies.map(({ by, count }) => [String(by[0]), count]))
    return {
      counts: {
        scopes: states(ofScopes),
        entries: states(ofEntries),
        deliveries: states(ofDeliveries),
        holds: ofHolds[0]?.count ?? 0,
      },
      targets: rows.map(({ target, state, why, detail }) => {
        const own = open.filter(({ by }) => by[0] === target).map(({ by, count }) => [String(by[1]), count] as const)
        return { target, state, why, detail, unsettled: Object.fromEntries(own) }
      }),
    }
  }

  return async (sync) => {
    const head = (await journal.head()).seq
    const last = kept.get(sync)
    if (last?.head === head) return last.counts
    const counts = await countAll(sync)
    kept.set(sync, { head, counts })
    return counts
  }
}
