/** Capabilities and what they need of each other, as a graph. Pure; costs grow with nodes and edges. */

export interface GraphNode {
  readonly id: string
  readonly type: string
  readonly version: string
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
  /** The list of `dc_relation` that it stands in: requires, optional, extends … */
  readonly kind: string
  /** prerequisite, runtime, optional … */
  readonly relationship: string
  /** A range of SemVer; `*` is any. */
  readonly version: string
}

export interface Graph<N extends GraphNode = GraphNode, E extends GraphEdge = GraphEdge> {
  readonly nodes: ReadonlyMap<string, N>
  readonly edges: readonly E[]
}

/** Without its other end, its beginning cannot be used: only these edges make a cycle that is wrong. */
export function isHard({ kind, relationship }: GraphEdge): boolean {
  return kind === 'requires' && relationship !== 'optional' && relationship !== 'conditional'
}

/** Edges that lead to nothing. */
export function danglingOf<E extends GraphEdge>({ nodes, edges }: Graph<GraphNode, E>): E[] {
  return edges.filter(({ to }) => !nodes.has(to))
}

/**
 * One cycle, as short as can be, of every group of nodes that all reach each other; begins with the
 * smallest of its identifiers. Not every cycle: there may be more of them than nodes by any factor.
 */
export function cyclesOf<E extends GraphEdge>(
  { nodes, edges }: Graph<GraphNode, E>,
  counts: (edge: E) => boolean,
): string[][] {
  const ids = [...nodes.keys()]
  const at = new Map(ids.map((id, index) => [id, index]))
  const next: number[][] = ids.map(() => [])
  for (const edge of edges) {
    const [from, to] = [at.get(edge.from), at.get(edge.to)]
    if (from !== undefined && to !== undefined && counts(edge)) next[from]!.push(to)
  }
  return groupsOf(next)
    .map((group) =>
      shortestCycle(
        group.toSorted((a, b) => (ids[a]! < ids[b]! ? -1 : 1)),
        next,
      ).map((one) => ids[one]!),
    )
    .toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1))
}

/**
 * Groups of nodes that all reach each other, those of one node only where it leads to itself: strongly
 * connected components (Tarjan 1972), without recursion, because a chain of 10,000 is no depth for a stack.
 */
function groupsOf(next: readonly (readonly number[])[]): number[][] {
  const order = new Int32Array(next.length).fill(-1)
  const low = new Int32Array(next.length)
  const onStack = new Uint8Array(next.length)
  const stack: number[] = []
  const groups: number[][] = []
  let entered = 0

  function enter(node: number): { readonly node: number; at: number } {
    order[node] = low[node] = entered++
    stack.push(node)
    onStack[node] = 1
    return { node, at: 0 }
  }
  function leave(node: number): void {
    if (low[node] !== order[node]) return
    const group = stack.splice(stack.lastIndexOf(node))
    for (const one of group) onStack[one] = 0
    if (group.length > 1 || next[node]!.includes(node)) groups.push(group)
  }

  for (let start = 0; start < next.length; start++) {
    if (order[start] !== -1) continue
    const path = [enter(start)]
    while (path.length > 0) {
      const here = path.at(-1)!
      const to = next[here.node]![here.at++]
      if (to === undefined) {
        path.pop()
        leave(here.node)
        const above = path.at(-1)
        if (above) low[above.node] = Math.min(low[above.node]!, low[here.node]!)
      } else if (order[to] === -1) path.push(enter(to))
      else if (onStack[to] === 1) low[here.node] = Math.min(low[here.node]!, order[to]!)
    }
  }
  return groups
}

/** From the first of the group back to it, by breadth. */
function shortestCycle(group: readonly number[], next: readonly (readonly number[])[]): number[] {
  const within = new Set(group)
  const start = group[0]!
  const from = new Map<number, number>()
  const queue = [start]
  for (const node of queue) {
    for (const to of next[node]!) {
      if (to === start) return backFrom(node, from)
      if (!within.has(to) || from.has(to)) continue
      from.set(to, node)
      queue.push(to)
    }
  }
  return []
}

function backFrom(last: number, from: ReadonlyMap<number, number>): number[] {
  const path: number[] = []
  for (let node: number | undefined = last; node !== undefined; node = from.get(node)) path.push(node)
  return path.toReversed()
}

/** Who needs `id`, directly or, with `transitive`, through others; nearest first, `id` itself not. */
export function dependentsOf(
  incoming: ReadonlyMap<string, readonly GraphEdge[]>,
  id: string,
  transitive: boolean,
): { readonly id: string; readonly distance: number }[] {
  const found = new Map<string, number>([[id, 0]])
  const queue = [id]
  for (let at = 0; at < queue.length && (transitive || at === 0); at++) {
    const distance = found.get(queue[at]!)! + 1
    for (const { from } of incoming.get(queue[at]!) ?? []) {
      if (found.has(from)) continue
      found.set(from, distance)
      queue.push(from)
    }
  }
  found.delete(id)
  return [...found].map(([one, distance]) => ({ id: one, distance }))
}

export function incomingOf<E extends GraphEdge>(edges: readonly E[]): ReadonlyMap<string, readonly E[]> {
  return Map.groupBy(edges, ({ to }) => to)
}
