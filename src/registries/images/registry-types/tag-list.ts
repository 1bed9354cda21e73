/** From what a registry lists to what counts of it. */
import { sha256 } from '../../../kernel/digest.ts'
import { isArtefact } from '../tags/artefacts.ts'
import type { ListedTag, TagList } from './image-registry.ts'

/** Signatures and the like are no images: they are dropped. */
export function tagListOf(all: readonly ListedTag[]): TagList {
  const tags = all.filter(({ name }) => !isArtefact(name))
  const lines = tags.map(({ name, digest = '', pushedAt = '' }) => `${name} ${digest} ${pushedAt}`)
  return { tags, checksum: sha256(lines.toSorted().join('\n')) }
}

/** The very same array gives the very same list, and costs nothing: connectors keep arrays of what has not changed. */
export function rememberedLists<T>(toTag: (listed: T) => ListedTag): (all: readonly T[]) => TagList {
  const known = new WeakMap<readonly T[], TagList>()
  return (all) => {
    const list = known.get(all) ?? tagListOf(all.map(toTag))
    known.set(all, list)
    return list
  }
}
