/** What is wrong between capabilities, whether they come from files or from the ledger. Pure. */
import { cyclesOf, isHard, type Graph, type GraphEdge, type GraphNode } from '../catalogue/graph.ts'
import { capabilityTypes } from '../manifest/types/index.ts'
import { createRanges, type Ranges } from '../catalogue/versions.ts'
import type { RuleId } from './rules.ts'

export interface GraphFinding<E extends GraphEdge> {
  readonly rule: RuleId
  /** Where it shows. */
  readonly edge: E
  /** The other edges of a circle. */
  readonly others: readonly E[]
  readonly what: string
  readonly next: string
}

export function judgeGraph<E extends GraphEdge>(graph: Graph<GraphNode, E>): GraphFinding<E>[] {
  const similar = similarTo(graph.nodes)
  const ranges = createRanges()
  return [...graph.edges.flatMap((edge) => judgeEdge(graph, edge, ranges, similar)), ...judgeCycles(graph)]
}

function judgeEdge<E extends GraphEdge>(
  { nodes }: Graph<GraphNode, E>,
  edge: E,
  ranges: Ranges,
  similar: (id: string) => string | null,
): GraphFinding<E>[] {
  const found: GraphFinding<E>[] = []
  const add = (rule: RuleId, what: string, next: string) => found.push({ rule, edge, others: [], what, next })
  const { from, to, version } = edge
  if (!ranges.isConstraint(version)) {
    add('capability/invalid-constraint', `${quoted(version)} is no range of versions of ${to}`, 'write one like ^1.2.0')
  }
  const target = nodes.get(to)
  if (!target) {
    const instead = similar(to)
    const rule = edge.kind === 'requires' ? 'capability/dangling-dependency' : 'capability/dangling-reference'
    const verb = edge.kind === 'requires' ? 'requires' : 'refers to'
    const next = instead === null ? 'add its manifest, or correct the name' : `did you mean ${instead}?`
    add(rule, `${from} ${verb} ${to}, which does not exist`, next)
    return found
  }
  if (ranges.meets(target.version, version) === false) {
    const next = `widen the constraint, or raise ${to}`
    add('capability/unmet-constraint', `${from} wants ${to} ${version}, which is at ${target.version}`, next)
  }
  if (edge.kind === 'requires') judgeRelationship(nodes.get(from), target, edge, add)
  return found
}

const typesByName = new Map(capabilityTypes.map((type) => [type.name, type]))
/** Words of the schema that no pair of types allows for `requires`. */
const others = ['conditional', 'complementary', 'complements', 'enhances', 'replaces', 'conflicts']
const knownRelationships: ReadonlySet<string> = new Set([
  ...capabilityTypes.flatMap(({ mayRequire }) => Object.values(mayRequire).flat()),
  ...others,
])

function judgeRelationship(
  from: GraphNode | undefined,
  to: GraphNode,
  { relationship }: GraphEdge,
  add: (rule: RuleId, what: string, next: string) => void,
): void {
  const allowed = from && allowedBetween(from.type, to.type)
  if (!allowed || allowed.includes(relationship)) return
  const next = `use ${allowed.join(' or ')}`
  if (!knownRelationships.has(relationship)) {
    add('capability/unknown-relationship', `${quoted(relationship)} is no relationship`, next)
    return
  }
  const what = `a ${from.type} may not require a ${to.type} as ${relationship}: ${from.id} → ${to.id}`
  add('capability/relationship-not-allowed', what, next)
}

/** undefined: nobody says. */
function allowedBetween(from: string, to: string): readonly string[] | undefined {
  return typesByName.get(from)?.mayRequire[to] ?? typesByName.get(to)?.mayBeRequiredBy?.[from]
}

function judgeCycles<E extends GraphEdge>(graph: Graph<GraphNode, E>): GraphFinding<E>[] {
  const found: GraphFinding<E>[] = []
  let ends: Map<string, E[]> | null = null
  const between = (cycle: readonly string[], at: number): E[] => {
    ends ??= Map.groupBy(graph.edges, ({ from, to }) => `${from}\n${to}`)
    return ends.get(`${cycle[at]}\n${cycle[(at + 1) % cycle.length]}`)!
  }
  const describe = (rule: RuleId, cycle: readonly string[], next: string) => {
    const edges = cycle.map((_, at) => between(cycle, at).find(isHard) ?? between(cycle, at)[0]!)
    const verb = rule === 'capability/dependency-cycle' ? 'require' : 'refer to'
    const what =
      cycle.length === 1
        ? `${cycle[0]} requires itself`
        : `these ${verb} each other: ${[...cycle, cycle[0]].join(' → ')}`
    found.push({ rule, edge: edges[0]!, others: edges.slice(1), what, next })
  }
  for (const cycle of cyclesOf(graph, isHard)) {
    describe('capability/dependency-cycle', cycle, 'remove one of them, or make it optional')
  }
  for (const cycle of cyclesOf(graph, () => true)) {
    const hard = cycle.every((_, at) => between(cycle, at).some(isHard))
    if (!hard) describe('capability/optional-cycle', cycle, 'nothing needs to be done')
  }
  return found
}

/** A capability of the same name in another domain: the likely mistake. */
function similarTo(nodes: ReadonlyMap<string, GraphNode>): (id: string) => string | null {
  const last = (id: string) => id.slice(id.lastIndexOf('.') + 1)
  let byName: Map<string, string> | null = null
  return (id) => {
    byName ??= new Map([...nodes.keys()].map((one) => [last(one), one]))
    return byName.get(last(id)) ?? null
  }
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
