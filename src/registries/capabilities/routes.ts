/** Capabilities over REST: what there is, who depends on it, and the graph of it all. */
import { z } from 'zod'
import type { Journal, Seq, Stored } from '../../engine/journal.ts'
import { deliveries, type DeliveryRow } from '../../engine/tables.ts'
import { AppError } from '../../kernel/errors.ts'
import type { JsonObject } from '../../kernel/json.ts'
import { nextLink, pageOf, pageQuery, positionOf } from '../../kernel/page.ts'
import { route, type Caller, type Route } from '../../kernel/route.ts'
import { maySeeSync, visibleSyncs } from '../../kernel/visible.ts'
import {
  compareItems,
  metadataOf,
  type Catalogue,
  type CatalogueItem,
  type CatalogueView,
} from './catalogue/catalogue.ts'
import { createGraphs, type CatalogueEdge, type CatalogueGraph } from './catalogue/catalogue-graph.ts'
import { dependentsOf } from './catalogue/graph.ts'
import { graphFormats } from './catalogue/graph-text.ts'

export interface CatalogueParts {
  readonly journal: () => Journal
  readonly catalogue: Catalogue
}

const path = '/api/v1/capabilities'
const common = { method: 'GET', role: 'viewer', within: 'filtered', tag: 'capabilities' } as const
const sync = z.string().optional().meta({ description: 'Only of this sync' })

const Dependency = z.object({ capability: z.string(), relationship: z.string(), version: z.string() })

const Item = z.object({
  id: z.string(),
  sync: z.string(),
  type: z.string(),
  version: z.string(),
  domain: z.string().nullable().meta({ description: 'Second part of the identifier' }),
  title: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).meta({ description: 'As in the manifest' }),
  dependencies: z.array(Dependency).meta({ description: 'What it requires' }),
  file: z.string().nullable().meta({ description: 'Where it was read, within its source' }),
  commit: z.string().nullable().meta({ description: 'The commit that it was read of, where the source is Git' }),
  targets: z.record(z.string(), z.string()).meta({ description: 'State of its delivery at each target' }),
  seq: z.int().meta({ description: 'Position of the last event of the entry' }),
})

const OneItem = Item.extend({
  syncs: z.array(z.string()).meta({ description: 'Every sync that has one of this identifier' }),
})

const Dependent = z.object({
  id: z.string(),
  sync: z.string(),
  type: z.string(),
  version: z.string(),
  title: z.string().nullable(),
  distance: z.int().meta({ description: '1: requires it itself' }),
  relationship: z.string().nullable().meta({ description: 'Of those at distance 1' }),
  constraint: z.string().nullable().meta({ description: 'Of those at distance 1' }),
  met: z.boolean().nullable().meta({ description: 'Whether the version meets the constraint; null: cannot be told' }),
})

const Edge = z.object({
  from: z.string(),
  to: z.string(),
  relationship: z.string(),
  version: z.string(),
  met: z.boolean().nullable().meta({ description: 'null: there is no such capability, or no SemVer' }),
})

const GraphBody = z.object({
  nodes: z.array(Item.pick({ id: true, sync: true, type: true, version: true, domain: true, title: true })),
  edges: z.array(Edge),
  dangling: z.array(Edge).meta({ description: 'Edges that lead to nothing' }),
  cycles: z
    .array(z.array(z.string()))
    .meta({ description: 'A shortest circle of each group that requires each other' }),
})

export function catalogueRoutes(parts: CatalogueParts): readonly Route[] {
  const graphs = createGraphs()
  const targetsOf = createTargetStates(parts.journal)
  const look = async (caller: Caller, asked: string | undefined) => {
    visibleSyncs(caller, asked)
    const { head, view } = await parts.catalogue.current()
    const sees = (name: string) => (asked === undefined || asked === name) && maySeeSync(caller.scopes, name)
    return { head, view, sees, headers: { etag: `W/"${head}"` } }
  }
  const graphFor = (view: CatalogueView, sees: (name: string) => boolean) => graphs.graphOf(view, sees)
  return [list(look, targetsOf), graphRoute(look, graphFor), one(look, targetsOf), dependents(look, graphFor)]
}

type Look = (
  caller: Caller,
  asked: string | undefined,
) => Promise<{
  readonly head: Seq
  readonly view: CatalogueView
  readonly sees: (sync: string) => boolean
  /** The reply of an unchanged tag is made by the server. */
  readonly headers: { readonly etag: string }
}>

type TargetStates = (items: readonly CatalogueItem[], head: Seq) => Promise<readonly Readonly<Record<string, string>>[]>

/** Remembered until the head moves: what asks again and again costs nothing. */
function createTargetStates(journal: () => Journal): TargetStates {
  let at: Seq = -1
  let known = new Map<CatalogueItem, Readonly<Record<string, string>>>()
  return async (items, head) => {
    if (head !== at) known = new Map()
    at = head
    const kept = known
    for (const [name, wanted] of Map.groupBy(
      items.filter((item) => !kept.has(item)),
      (item) => item.sync,
    )) {
      const where = { sync: name, key: { in: wanted.map(({ id }) => id) } }
      const rows = Map.groupBy(await journal().select(deliveries, { where }), ({ key }) => key)
      for (const item of wanted) kept.set(item, statesOf(rows.get(item.id) ?? []))
    }
    return items.map((item) => kept.get(item)!)
  }
}

function statesOf(rows: readonly Stored<DeliveryRow>[]): Readonly<Record<string, string>> {
  return Object.fromEntries(rows.map(({ target, state }) => [target, state]))
}

function shown(item: CatalogueItem, targets: Readonly<Record<string, string>>): z.infer<typeof Item> {
  const { id, type, version, domain, title, dependencies, file, note, seq } = item
  const commit = (note as JsonObject | null)?.['commit']
  return {
    id,
    sync: item.sync,
    type,
    version,
    domain,
    title,
    metadata: metadataOf(item.metadata),
    dependencies: [...dependencies],
    file,
    commit: typeof commit === 'string' ? commit : null,
    targets,
    seq,
  }
}

function list(look: Look, targetsOf: TargetStates): Route {
  return route({
    ...common,
    path,
    summary: 'List capabilities',
    query: z.object({
      ...pageQuery,
      type: z.string().optional().meta({ description: 'service, pattern' }),
      domain: z.string().optional().meta({ description: 'Second part of the identifier' }),
      dependency: z.string().optional().meta({ description: 'Those that require this one' }),
      sync,
      q: z.string().max(200).optional().meta({ description: 'Text in identifier, title or description' }),
    }),
    response: pageOf(Item),
    async handle({ query, caller }) {
      const { head, view, sees, headers } = await look(caller, query.sync)
      const [id, order] = positionOf(path, query) ?? []
      const found: CatalogueItem[] = []
      for (const item of view.items.slice(id === undefined ? 0 : indexAfter(view.items, String(id), Number(order)))) {
        if (!sees(item.sync) || !matches(item, query)) continue
        found.push(item)
        if (found.length > query.limit) break
      }
      const page = found.slice(0, query.limit)
      const states = await targetsOf(page, head)
      const last = page.at(-1)
      const next = found.length > page.length && last ? nextLink(path, query, [last.id, last.order]) : null
      return { headers, body: { items: page.map((item, at) => shown(item, states[at]!)), next } }
    },
  })
}

interface Filters {
  readonly type?: string | undefined
  readonly domain?: string | undefined
  readonly dependency?: string | undefined
  readonly q?: string | undefined
}

function matches(item: CatalogueItem, { type, domain, dependency, q }: Filters): boolean {
  return (
    (type === undefined || item.type === type) &&
    (domain === undefined || item.domain === domain) &&
    (dependency === undefined || item.dependencies.some(({ capability }) => capability === dependency)) &&
    (q === undefined || item.words.includes(q.toLowerCase()))
  )
}

/** The first item behind a place. */
function indexAfter(items: readonly CatalogueItem[], id: string, order: number): number {
  let low = 0
  for (let high = items.length; low < high;) {
    const middle = (low + high) >>> 1
    if (compareItems(items[middle]!, id, order) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

function one(look: Look, targetsOf: TargetStates): Route {
  return route({
    ...common,
    path: `${path}/:id`,
    summary: 'Show one capability',
    params: z.object({ id: z.string() }),
    query: z.object({ sync }),
    response: OneItem,
    async handle({ params: { id }, query, caller }) {
      const { head, view, sees, headers } = await look(caller, query.sync)
      const found = view.items.slice(indexAfter(view.items, id, -1)).filter((item) => item.id === id && sees(item.sync))
      const [item] = found
      if (!item) throw noCapability(id)
      const [states] = await targetsOf([item], head)
      return { headers, body: { ...shown(item, states!), syncs: found.map((other) => other.sync) } }
    },
  })
}

type GraphFor = (view: CatalogueView, sees: (sync: string) => boolean) => CatalogueGraph

function dependents(look: Look, graphFor: GraphFor): Route {
  return route({
    ...common,
    path: `${path}/:id/dependents`,
    summary: 'List what requires one capability, the nearest first; also one that does not exist',
    params: z.object({ id: z.string() }),
    query: z.object({ sync, transitive: z.boolean().default(false) }),
    response: z.object({ id: z.string(), exists: z.boolean(), items: z.array(Dependent) }),
    async handle({ params: { id }, query, caller }) {
      const { view, sees, headers } = await look(caller, query.sync)
      const graph = graphFor(view, sees)
      const found = dependentsOf(graph.incoming, id, query.transitive)
      if (found.length === 0 && !graph.nodes.has(id)) throw noCapability(id)
      const direct = new Map((graph.incoming.get(id) ?? []).map((edge) => [edge.from, edge]))
      const items = found.map(({ id: from, distance }) => {
        const { sync: name, type, version, title } = graph.nodes.get(from)!
        const edge = direct.get(from) ?? null
        const constraint = edge && {
          relationship: edge.relationship,
          constraint: edge.version,
          met: edge.met,
        }
        const none = { relationship: null, constraint: null, met: null }
        return { id: from, sync: name, type, version, title, distance, ...(constraint ?? none) }
      })
      return { headers, body: { id, exists: graph.nodes.has(id), items } }
    },
  })
}

function graphRoute(look: Look, graphFor: GraphFor): Route {
  return route({
    ...common,
    path: `${path}/graph`,
    summary: 'Show what requires what, what is missing, and what goes in a circle',
    query: z.object({
      sync,
      format: z.enum(['json', 'dot', 'mermaid']).default('json').meta({ description: 'dot, mermaid: text' }),
    }),
    response: GraphBody,
    async handle({ query: { format, sync: asked }, caller }) {
      const { view, sees, headers } = await look(caller, asked)
      const graph = graphFor(view, sees)
      if (format !== 'json') {
        const { type, write } = graphFormats[format]
        return { headers: { ...headers, 'content-type': type }, body: write(graph) }
      }
      const edge = (of: CatalogueEdge) => {
        return { from: of.from, to: of.to, relationship: of.relationship, version: of.version, met: of.met }
      }
      const nodes = [...graph.nodes.values()].map(({ id, sync: name, type, version, domain, title }) => {
        return { id, sync: name, type, version, domain, title }
      })
      const { edges, dangling, cycles } = graph
      return { headers, body: { nodes, edges: edges.map(edge), dangling: dangling.map(edge), cycles } }
    },
  })
}

function noCapability(id: string): AppError {
  return new AppError('request.not-found', `There is no capability ${id}.`)
}
