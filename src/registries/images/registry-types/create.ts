/** What all types of registries have in common. */
import { credentialsOf, openRegistry, type OpenParts } from '../../../connectors/oci/open.ts'
import type { RegistryOptions } from '../../../connectors/oci/registry.ts'
import { createBehind } from './behind.ts'
import type { ImageRegistryConfig } from './config.ts'
import type { Abilities, ImageRegistry, TagList } from './image-registry.ts'
import { latestTag } from './latest.ts'
import type { Place } from './place.ts'
import { rememberedLists } from './tag-list.ts'

export interface Kind {
  readonly abilities: Abilities
  /** How the registry calls an image that is written so: with `library/`, in lower case. */
  repository?(image: string): string
  /** The same of tags. */
  tag?(tag: string): string
  /** What is known of such registries beforehand. */
  readonly options?: Partial<RegistryOptions>
  /**
   * A list that tells more than names. 'names': the protocol's own list will do, or is all there is. Default: that.
   */
  list?(repository: string, wantsTimes: boolean, signal: AbortSignal): Promise<TagList | null | 'names'>
  close?(): Promise<void>
}

export function createImageRegistry(
  name: string,
  settings: ImageRegistryConfig,
  place: Place,
  kind: Kind,
  parts: OpenParts,
): ImageRegistry {
  const { abilities, repository: called = asIs, tag: tagged = asIs, list } = kind
  const { host: at, reach, login } = place
  const store = openRegistry(at, reach, parts, {
    keepsLists: true,
    minRemaining: settings.min_remaining,
    ...kind.options,
  })
  const behind = createBehind(store)
  const named = rememberedLists((tag: string) => ({ name: tag }))
  const credentials = credentialsOf(at, reach, parts)
  const host = settings.pull_host ?? store.name

  const registry: ImageRegistry = {
    name,
    type: settings.type,
    abilities,
    host,
    reference: (image) => `${host}/${called(image)}`,
    async listTags(image, signal, want = {}) {
      const repository = called(image)
      const listed = (await list?.(repository, want.times === true, signal)) ?? null
      if (list !== undefined && listed !== 'names') return listed
      const tags = await store.tags(repository, signal)
      return tags && named(tags)
    },
    getLatestTag: (image, selection, signal) => latestTag(registry, image, selection, signal),
    async digestOf(image, tag, signal, known) {
      const headed = await store.head(called(image), tagged(tag), signal, known)
      if (headed.is === 'missing') return null
      return headed.is === 'unchanged' ? 'unchanged' : headed.digest
    },
    platformDigest: (image, digest, platform, signal) => behind.platformDigest(called(image), digest, platform, signal),
    createdAt: (image, digest, signal) => behind.createdAt(called(image), digest, signal),
    async pullCredential(image) {
      if (login !== null) return login
      const found = await credentials(store.name, called(image))
      return found !== null && 'username' in found ? found : null
    },
    async close() {
      await Promise.all([store.close(), kind.close?.()])
    },
  }
  return registry
}

const asIs = (text: string) => text
