/** What lies behind a digest: the manifest for a platform, and when the image was built. Asked for once each. */
import { unavailable, whyOf } from '../../../connectors/oci/failure.ts'
import { platformName } from '../../../connectors/oci/manifest.ts'
import type { Image, ImageStore, Platform } from '../../../connectors/oci/store.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createMemory } from './memory.ts'

export interface Behind {
  platformDigest(repository: string, digest: Digest, platform: Platform, signal: AbortSignal): Promise<Digest | null>
  createdAt(repository: string, digest: Digest, signal: AbortSignal): Promise<Instant | null>
}

/** A digest and what belongs to it take some 300 bytes. */
const mostKnown = 20_000
/** The config of an image has a line for each layer; 4 MiB is what registries take at least. */
const longestConfig = 4 << 20
/** Builds that leave the time out write the beginning of time instead: 1970, 1980, or the year 1. */
const earliest: Instant = Date.UTC(1990, 0, 1)

export function createBehind(store: ImageStore): Behind {
  const platforms = createMemory<Digest | null>(mostKnown)
  const times = createMemory<Instant | null>(mostKnown)

  return {
    async platformDigest(repository, digest, platform, signal) {
      const key = `${digest} ${platformName(platform)}`
      const known = platforms.get(key)
      if (known !== undefined) return known
      try {
        const image = await store.image(repository, digest, signal, platform)
        return image && platforms.keep(key, image.digest)
      } catch (thrown) {
        if (!(thrown instanceof AppError) || whyOf(thrown) !== 'no-platform') throw thrown
        return platforms.keep(key, null)
      }
    },
    async createdAt(repository, digest, signal) {
      const known = times.get(digest)
      if (known !== undefined) return known
      const image = await store.image(repository, digest, signal, 'any')
      return image && times.keep(digest, await builtAt(store, repository, image, signal))
    },
  }
}

async function builtAt(
  store: ImageStore,
  repository: string,
  { config, digest }: Image,
  signal: AbortSignal,
): Promise<Instant | null> {
  const where = `${store.name}/${repository}`
  if (config.size > longestConfig) throw unavailable('too-large', where, `the config of ${digest} is no config`)
  const chunks: Uint8Array[] = []
  for await (const chunk of store.blob(repository, config, signal)) chunks.push(chunk)
  let created: unknown
  try {
    ;({ created } = JSON.parse(Buffer.concat(chunks).toString()) as { created?: unknown })
  } catch {
    // Of something that is no image, such as a chart, the config may be anything.
    return null
  }
  const at = typeof created === 'string' ? Date.parse(created) : Number.NaN
  return at >= earliest ? at : null
}
