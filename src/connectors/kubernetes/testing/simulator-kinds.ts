/** The simulated cluster's word on its kinds: `/apis/group` and `/apis/group/version`. */
import type { ServedKind } from '../discovery.ts'
import type { Answer } from './simulator-rest.ts'

type Declared = Omit<ServedKind, 'verbs'>

/** null: the path asks for something else, or for a group that nobody declared. */
export function kindsAnswer(kinds: readonly Declared[], path: string): Answer | null {
  const [, group, version] = /^\/apis\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? []
  if (group === undefined) return null
  const of = kinds.filter((kind) => kind.group === group && (version === undefined || kind.version === version))
  if (of.length === 0) return null
  const body = version === undefined ? groupOf(group, of) : resourcesOf(`${group}/${version}`, of)
  return { status: 200, body: JSON.stringify(body) }
}

/** The first that was declared is the preferred version. */
function groupOf(name: string, kinds: readonly Declared[]): object {
  const versions = [...new Set(kinds.map(({ version }) => version))].map((version) => {
    return { groupVersion: `${name}/${version}`, version }
  })
  return { kind: 'APIGroup', apiVersion: 'v1', name, versions, preferredVersion: versions[0] }
}

function resourcesOf(groupVersion: string, kinds: readonly Declared[]): object {
  const verbs = ['get', 'list', 'watch']
  const resources = kinds.flatMap(({ plural, kind, namespaced }) => [
    { name: plural, kind, namespaced, verbs },
    { name: `${plural}/status`, kind, namespaced, verbs: ['get'] },
  ])
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources }
}
