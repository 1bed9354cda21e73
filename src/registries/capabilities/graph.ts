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
  const next = new Map<string, string[]>()
  for (const edge of edges) {
    if (!nodes.has(edge.from) || !nodes.has(edge.to) || !counts(edge)) continue
    const there = next.get(edge.from)
    if (there) there.push(edge.to)
    else next.set(edge.from, [edge.to])
  }
  return (
    groupsOf(next)
      // Nearly all groups are one node, which is a circle only if it leads to itself.
      .filter((group) => group.length > 1 || next.get(group[0]!)?.includes(group[0]!))
      .map((group) => shortestCycle(group, next))
      .filter((cycle) => cycle !== null)
      .toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1))
  )
}

/** Strongly connected components (Tarjan 1972), without recursion: a chain of 10,000 is no depth for a stack. */
function groupsOf(next: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const onStack = new Set<string>()
  const groups: string[][] = []

  function enter(node: string): { node: string; at: number } {
    order.set(node, order.size)
    low.set(node, order.get(node)!)
    stack.push(node)
    onStack.add(node)
    return { node, at: 0 }
  }
  function lower(node: string, to: number): void {
    low.set(node, Math.min(low.get(node)!, to))
  }
  function leave(node: string): void {
    if (low.get(node) !== order.get(node)) return
    const group = stack.splice(stack.lastIndexOf(node))
    for (const one of group) onStack.delete(one)
    groups.push(group)
  }

  for (const start of next.keys()) {
    if (order.has(start)) continue
    const path = [enter(start)]
    while (path.length > 0) {
      const here = path.at(-1)!
      const to = next.get(here.node)?.[here.at++]
      if (to === undefined) {
        path.pop()
        leave(here.node)
        const above = path.at(-1)
        if (above) lower(above.node, low.get(here.node)!)
      } else if (!order.has(to)) path.push(enter(to))
      else if (onStack.has(to)) lower(here.node, order.get(to)!)
    }
  }
  return groups
}

/** From the smallest of the group back to it, by breadth. */
function shortestCycle(group: readonly string[], next: ReadonlyMap<string, readonly string[]>): string[] | null {
  const within = new Set(group)
  const start = group.toSorted()[0]!
  const from = new Map<string, string>()
  const queue = [start]
  for (let at = 0; at < queue.length; at++) {
    for (const to of next.get(queue[at]!) ?? []) {
      if (to === start) return backFrom(queue[at]!, from)
      if (!within.has(to) || from.has(to)) continue
      from.set(to, queue[at]!)
      queue.push(to)
    }
  }
  return null
}

function backFrom(last: string, from: ReadonlyMap<string, string>): string[] {
  const path: string[] = []
  for (let node: string | undefined = last; node !== undefined; node = from.get(node)) path.push(node)
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
