/** Modules over REST: what is released where, how it stands at each builder; and the registry's notifications. */
import { z } from 'zod'
import type { Engine } from '../../engine/engine.ts'
import type { Journal } from '../../engine/journal.ts'
import { deliveries, entries, scopes, type EntryRow } from '../../engine/tables.ts'
import { AppError } from '../../kernel/errors.ts'
import { nextLink, pageOf, pageQuery, positionOf } from '../../kernel/page.ts'
import { route, type Route } from '../../kernel/route.ts'
import { visibleSyncs } from '../../kernel/visible.ts'
import type { ModuleDocument } from './model.ts'
import { hintsOf, Notification } from './notifications.ts'
import type { ReleaseNote } from './release.ts'
import type { Place } from './source.ts'

export interface RouteParts {
  readonly journal: Journal
  readonly engine: () => Pick<Engine, 'hint'>
  /** Sync name → its registries. */
  readonly syncs: ReadonlyMap<string, readonly Place[]>
}

const path = '/api/v1/modules'

const Item = z.object({
  sync: z.string(),
  module: z.string(),
  channel: z.string(),
  version: z.string(),
  registry: z.string(),
  shadowed: z.boolean().meta({ description: 'A registry that is listed before has the same channel of this module' }),
  archive: z.string().meta({ description: 'Digest of what builders get' }),
  size: z.int().meta({ description: 'Of the archive, in bytes' }),
  image: z.string().nullable().meta({ description: 'Digest of the module image that it was made of' }),
  signed: z.boolean().nullable(),
  critical: z.boolean().nullable(),
  targets: z.record(z.string(), z.string()).meta({ description: 'State of its delivery at each target' }),
  seq: z.int().meta({ description: 'Position of the last event of the entry' }),
})

export function moduleRoutes(parts: RouteParts): readonly Route[] {
  return [list(parts), notify(parts)]
}

type Row = EntryRow & { readonly seq: number }

function list({ journal, syncs }: RouteParts): Route {
  return route({
    method: 'GET',
    path,
    role: 'viewer',
    within: 'filtered',
    tag: 'modules',
    summary: 'List what registries release, by module and channel',
    query: z.object({
      ...pageQuery,
      sync: z.string().optional(),
      module: z.string().optional(),
      channel: z.string().optional(),
    }),
    response: pageOf(Item),
    async handle({ query, caller }) {
      const visible = visibleSyncs(caller, query.sync).sync
      const sees = (name: string) =>
        visible === undefined || (typeof visible === 'string' ? visible === name : visible.in.includes(name))
      const [after] = positionOf(path, query) ?? []
      const found: Row[] = []
      for (const sync of [...syncs.keys()].filter(sees).toSorted()) {
        const { module } = query
        const where = { sync, state: 'live', ...(module !== undefined && { key: { prefix: `${module}/` } }) } as const
        found.push(...(await journal.select(entries, { where, order: ['key'] })))
      }
      const rows = found
        .filter(({ item }) => query.channel === undefined || documentOf(item).channel === query.channel)
        .map((row) => ({ row, place: `${row.sync}\n${row.key}\n${row.scope}` }))
        .filter(({ place }) => after === undefined || place > String(after))
        .toSorted((a, b) => (a.place < b.place ? -1 : 1))
      const page = rows.slice(0, query.limit)
      const items = await shown(
        journal,
        page.map(({ row }) => row),
      )
      const next = rows.length > page.length ? nextLink(path, query, [page.at(-1)!.place]) : null
      return { body: { items, next } }
    },
  })
}

const documentOf = (item: unknown) => item as ModuleDocument

async function shown(journal: Journal, rows: readonly Row[]): Promise<z.infer<typeof Item>[]> {
  const items: z.infer<typeof Item>[] = []
  for (const [sync, some] of Map.groupBy(rows, (row) => row.sync)) {
    const key = { in: [...new Set(some.map((row) => row.key))] }
    const states = Map.groupBy(await journal.select(deliveries, { where: { sync, key } }), (row) => row.key)
    const live = Map.groupBy(await journal.select(entries, { where: { sync, key, state: 'live' } }), (row) => row.key)
    const ranks = new Map((await journal.select(scopes, { where: { sync } })).map(({ scope, rank }) => [scope, rank]))
    const before = (a: EntryRow, b: EntryRow) =>
      (ranks.get(a.scope) ?? 0) - (ranks.get(b.scope) ?? 0) || (a.scope < b.scope ? -1 : 1)
    for (const row of some) {
      const { module, channel, version, registry, archive, size } = documentOf(row.item)
      const note = row.note as Partial<ReleaseNote> | null
      items.push({
        sync,
        module,
        channel,
        version,
        registry,
        archive,
        size,
        shadowed: (live.get(row.key) ?? []).toSorted(before)[0]?.scope !== row.scope,
        image: note?.image ?? null,
        signed: note?.signed ?? null,
        critical: note?.critical ?? null,
        targets: Object.fromEntries((states.get(row.key) ?? []).map(({ target, state }) => [target, state])),
        seq: row.seq,
      })
    }
  }
  return items
}

/** Answered at once: a hint costs nothing where it is wrong, and the interval finds what none told of. */
function notify({ engine, syncs }: RouteParts): Route {
  return route({
    method: 'POST',
    path: '/api/v1/syncs/:sync/notifications',
    role: 'operator',
    within: { sync: 'sync' },
    tag: 'modules',
    summary: 'Tell what a registry has seen: pushes and deletions are looked at, pulls are not',
    params: z.object({ sync: z.string() }),
    body: Notification,
    response: z.object({ scopes: z.int().meta({ description: 'How many parts of registries will be looked at' }) }),
    handle({ params: { sync }, body }) {
      const places = syncs.get(sync)
      if (!places) throw new AppError('request.not-found', `There is no sync of modules named ${sync}.`)
      const hints = hintsOf(body, places)
      for (const hint of hints) engine().hint(sync, hint)
      return Promise.resolve({ status: 202, body: { scopes: hints.length } })
    },
  })
}
