import { sha256 } from '../../../kernel/digest.ts'
import { foldersOf } from './paths.ts'

/** Which entries of an image matter. All of it looks at paths alone, so that every layer is judged alike. */
export interface Filter {
  /** Of the rule and its version: what was kept of a layer by another rule is not taken for this one's. */
  readonly name: string
  /** The content of a file at this path is kept. */
  keeps(path: string): boolean
  /** An entry here may decide about a kept path: it stands there, above it or below it. */
  concerns(path: string): boolean
  /** Files that are kept for links that lead to them, or because they were asked for by name. */
  readonly named: ReadonlySet<string>
}

const none: ReadonlySet<string> = new Set()

/** As the directories of the original, and in its order: they lead each archive, as builders make no parents. */
export const documentationFolders = ['docs', 'openapi', 'openapi/conversions', 'crds'] as const

const folders: ReadonlySet<string> = new Set(['docs', 'openapi', 'crds'])
const rootFiles: ReadonlySet<string> = new Set(['module.yaml', 'oss.yaml'])
const release = 'version.json'
const isCode = (path: string) => path.endsWith('.go')
const firstOf = (path: string) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : path)

/** Whether a path belongs in the archive. */
export type Ships = (path: string) => boolean

/** What documentation is made of: three folders at the root, and two files beside them. */
export const shipsDocumentation: Ships = (path) =>
  path.includes('/') ? folders.has(firstOf(path)) && !isCode(path) : rootFiles.has(path)

/** The original's rule: these names anywhere in the path, so that `charts/x/crds/a.yaml` is shipped too. */
export const shipsCompat: Ships = (path) =>
  !isCode(path) && documentationFolders.some((folder) => path.includes(`${folder}/`))

const concernsDocumentation = (first: string) =>
  first === '' || folders.has(first) || rootFiles.has(first) || first === release

/** version.json is kept too, so that a release image, which has nothing else, is read once. */
export const documentation: Filter = {
  name: 'd1',
  keeps: (path) => shipsDocumentation(path) || path === release,
  concerns: (path) => concernsDocumentation(firstOf(path)),
  named: none,
}

export const compat: Filter = { name: 'c1', keeps: shipsCompat, concerns: () => true, named: none }

/** The same with more files, wherever in the image they are. */
export function withNames(filter: Filter, names: ReadonlySet<string>): Filter {
  if (names.size === 0) return filter
  const above = new Set([...names].flatMap((name) => [...foldersOf(name)]))
  const isBelow = (path: string) => {
    for (const folder of foldersOf(path)) if (names.has(folder)) return true
    return false
  }
  return {
    name: `${filter.name}-${sha256(JSON.stringify([...names].toSorted())).slice(0, 32)}`,
    keeps: (path) => filter.keeps(path) || names.has(path),
    concerns: (path) => filter.concerns(path) || names.has(path) || above.has(path) || isBelow(path),
    named: names,
  }
}
