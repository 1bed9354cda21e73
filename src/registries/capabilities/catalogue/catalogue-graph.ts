/** What depends on what in the catalogue, for one set of syncs; and what the rules find in it. */
import type { CatalogueItem, CatalogueView } from './catalogue.ts'
import { judgeGraph } from '../check/graph-rules.ts'
import type { RuleId } from '../check/rules.ts'
import { cyclesOf, danglingOf, incomingOf, isHard, type Graph, type GraphEdge } from './graph.ts'
import { createRanges, isVersion } from './versions.ts'

export interface CatalogueEdge extends GraphEdge {
  /** Whether the version that there is meets the constraint; null: cannot be told. */
  readonly met: boolean | null
}

export interface CatalogueGraph extends Graph<CatalogueItem, CatalogueEdge> {
  readonly incoming: ReadonlyMap<string, readonly CatalogueEdge[]>
  readonly dangling: readonly CatalogueEdge[]
  readonly cycles: readonly (readonly string[])[]
}

/** Sets of syncs that graphs are kept for; each takes a few milliseconds to make anew. */
const mostKept = 16

/** `graphOf` a view is made once for each set of syncs that somebody asks for. */
export function createGraphs(): { graphOf(view: CatalogueView, sees: (sync: string) => boolean): CatalogueGraph } {
  const kept = new WeakMap<CatalogueView, Map<string, CatalogueGraph>>()
  return {
    graphOf(view, sees) {
      const items = view.items.filter(({ sync }) => sees(sync))
      const name = [...new Set(items.map(({ sync }) => sync))].toSorted().join('\n')
      const ofView = kept.get(view) ?? new Map<string, CatalogueGraph>()
      kept.set(view, ofView)
      const known = ofView.get(name)
      if (known) return known
      if (ofView.size >= mostKept) ofView.clear()
      const graph = makeGraph(items)
      ofView.set(name, graph)
      return graph
    },
  }
}

/** Where several syncs have one identifier, the first of the configuration stands for all. */
function makeGraph(items: readonly CatalogueItem[]): CatalogueGraph {
  const nodes = new Map<string, CatalogueItem>()
  for (const item of items) if (!nodes.has(item.id)) nodes.set(item.id, item)
  const ranges = createRanges()
  const edges = [...nodes.values()].flatMap(edgesOf).map((edge): CatalogueEdge => {
    const target = nodes.get(edge.to)
    return { ...edge, met: target ? ranges.meets(target.version, edge.version) : null }
  })
  const graph = { nodes, edges }
  return { ...graph, incoming: incomingOf(edges), dangling: danglingOf(graph), cycles: cyclesOf(graph, isHard) }
}

function edgesOf({ id, dependencies }: CatalogueItem): GraphEdge[] {
  return dependencies.map(({ capability, relationship, version }) => {
    return { from: id, to: capability, kind: 'requires', relationship, version }
  })
}

/** How often each rule finds something in each sync. What one sync requires, another may have. */
export function findingCounts({ items }: CatalogueView): { sync: string; rule: RuleId; count: number }[] {
  const found: { sync: string; rule: RuleId; count: number }[] = []
  for (const [sync, own] of Map.groupBy(items, (item) => item.sync)) {
    const nodes = new Map(items.map((item) => [item.id, item]))
    for (const item of own) nodes.set(item.id, item)
    const counts = new Map<RuleId, number>()
    const count = (rule: RuleId) => counts.set(rule, (counts.get(rule) ?? 0) + 1)
    for (const { version } of own) if (!isVersion(version)) count('capability/invalid-version')
    for (const { rule } of judgeGraph({ nodes, edges: own.flatMap(edgesOf) })) count(rule)
    for (const [rule, many] of counts) found.push({ sync, rule, count: many })
  }
  return found
}
