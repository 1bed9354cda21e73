/** Which document of a file is the registry, and of which layout. */
import type { Layout } from './claim.ts'
import { ownFields, readList, scalarText, type ClaimList } from './entries.ts'
import { invalid, target, textOf, type MapNode, type Node, type Pair, type Tree } from './tree.ts'

export const sidecarHead = { apiVersion: 'regista/v1', kind: 'ClaimStatuses' } as const

export interface Registry {
  readonly layout: Layout
  /** null: nothing is in the file yet. */
  readonly root: MapNode | null
  readonly lists: readonly ClaimList[]
}

/** The first document that is a registry; others stay as they are. Throws `source.invalid`. */
export function readRegistry(tree: Tree): Registry {
  let problem: unknown
  for (const root of tree.documents) {
    if (root === null || (root.is === 'scalar' && scalarText(tree, root) === null)) continue
    try {
      return registryOf(tree, root)
    } catch (thrown) {
      problem ??= thrown
    }
  }
  if (problem !== undefined) throw problem as Error
  return { layout: 'cluster-map', root: null, lists: [] }
}

function registryOf(tree: Tree, root: Node): Registry {
  if (root.is !== 'map') throw invalid(lineOf(tree, root), `neither clusters nor a ClaimRegistry; ${expected}`)
  const { fields, twice } = ownFields(tree, root)
  if (twice !== null) {
    throw invalid(lineOf(tree, fields.get(twice)!.key), `${shown(twice)} is there twice; put both into one`)
  }
  const kind = fields.get('kind')
  const said = kind ? scalarText(tree, kind.value) : null
  if (kind === undefined || said === null) return clusterMap(tree, root)
  const layout = kinds.get(said)
  if (!layout) throw invalid(lineOf(tree, kind.key), `${shown(said)} is no kind of registry; ${expected}`)
  const claims = fields.get('claims')
  if (!claims) return { layout, root, lists: [] }
  return { layout, root, lists: [checkedList(tree, claims, 'claims', null)] }
}

const kinds: ReadonlyMap<string, Layout> = new Map([
  ['ClaimRegistry', 'claim-registry'],
  [sidecarHead.kind, 'sidecar'],
])

const expected =
  'a registry maps each cluster to a list of its claims, or has "kind: ClaimRegistry" and a list "claims"'

function clusterMap(tree: Tree, root: MapNode): Registry {
  const lists = root.pairs.map((pair) => {
    if (pair.key.is !== 'scalar') throw invalid(lineOf(tree, pair.key), `a cluster's name is no text; ${expected}`)
    const cluster = textOf(tree, pair.key)
    return checkedList(tree, pair, cluster, cluster)
  })
  return { layout: 'cluster-map', root, lists }
}

function checkedList(tree: Tree, pair: Pair, name: string, cluster: string | null): ClaimList {
  const value = target(pair.value)
  if (value.is === 'list' || (value.is === 'scalar' && scalarText(tree, value) === null)) {
    return readList(tree, pair, cluster, null)
  }
  throw invalid(lineOf(tree, pair.key), `${shown(name)} is no list; ${expected}`)
}

const lineOf = (tree: Tree, node: Node) => tree.line(Math.max(0, node.at))

/** Short, and one line whatever is in it. */
const shown = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
