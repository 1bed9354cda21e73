import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cyclesOf, danglingOf, dependentsOf, incomingOf, isHard, type GraphEdge } from './graph.ts'

type Pair = readonly [from: number, to: number]

function graphOf(size: number, pairs: readonly Pair[]) {
  const name = (at: number) => `n${String(at).padStart(5, '0')}`
  const ids = Array.from({ length: size }, (_, at) => name(at))
  const edges = pairs.map(([from, to]): GraphEdge => {
    return { from: name(from), to: name(to), kind: 'requires', relationship: 'prerequisite', version: '*' }
  })
  return { nodes: new Map(ids.map((id) => [id, { id, type: 'pattern', version: '1.0.0' }])), edges }
}

/** By brute force: whether `to` is reached from `from` by at least one edge. */
function reaches(edges: readonly GraphEdge[], from: string, to: string): boolean {
  const seen = new Set<string>()
  for (const queue = [from]; queue.length > 0;) {
    const here = queue.pop()
    for (const edge of edges) {
      if (edge.from !== here || seen.has(edge.to)) continue
      seen.add(edge.to)
      queue.push(edge.to)
    }
  }
  return seen.has(to)
}

const size = 8
const pairs = fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 16 })

test('one true cycle of every group that reaches itself, beginning with the smallest', () => {
  fc.assert(
    fc.property(pairs, (given) => {
      const graph = graphOf(size, given)
      const cycles = cyclesOf(graph, isHard)
      for (const cycle of cycles) {
        cycle.forEach((from, at) => {
          const to = cycle[(at + 1) % cycle.length]!
          assert.ok(
            graph.edges.some((edge) => edge.from === from && edge.to === to),
            `${from} → ${to}`,
          )
        })
        assert.equal(new Set(cycle).size, cycle.length)
      }
      const inCircles = [...graph.nodes.keys()].filter((id) => reaches(graph.edges, id, id))
      const groups = inCircles.filter(
        (id) =>
          !inCircles.some((other) => other < id && reaches(graph.edges, id, other) && reaches(graph.edges, other, id)),
      )
      assert.deepEqual(
        cycles.map(([first]) => first),
        groups,
      )
    }),
  )
})

test('a circle of ten thousand, and edges that do not count', () => {
  const many = 10_000
  const graph = graphOf(
    many,
    Array.from({ length: many }, (_, at) => [at, (at + 1) % many] as const),
  )
  assert.equal(cyclesOf(graph, isHard)[0]!.length, many)
  assert.deepEqual(
    cyclesOf(graph, ({ to }) => to !== 'n00000'),
    [],
  )
})

test('dependents by distance, around circles; edges that lead nowhere', () => {
  const { nodes, edges } = graphOf(4, [
    [1, 0],
    [2, 1],
    [0, 2],
    [3, 2],
    [3, 9],
  ])
  const incoming = incomingOf(edges)
  assert.deepEqual(dependentsOf(incoming, 'n00000', false), [{ id: 'n00001', distance: 1 }])
  assert.deepEqual(
    dependentsOf(incoming, 'n00000', true).map(({ id, distance }) => `${id} ${distance}`),
    ['n00001 1', 'n00002 2', 'n00003 3'],
  )
  assert.deepEqual(
    danglingOf({ nodes, edges }).map(({ to }) => to),
    ['n00009'],
  )
})
