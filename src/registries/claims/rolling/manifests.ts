/** Manifests that entries name by their path, each read once: which objects they are. */
import type { Forge } from '../../../connectors/forge/forge.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { RegistryClaim } from '../file/claim.ts'
import { manifestPaths, objectsOfManifest } from '../file/manifest.ts'
import type { ObjectName } from '../model.ts'

export interface Manifests {
  /** By path. The same map for as long as nothing new is known. */
  known(): ReadonlyMap<string, readonly ObjectName[]>
  /**
   * Reads those of these entries that are not known yet. Throws `target.unavailable` where there are more than can be
   * read at once: those that were read stay known.
   */
  learn(
    at: { readonly head: string; readonly blob: string },
    of: readonly RegistryClaim[],
    signal: AbortSignal,
  ): Promise<void>
}

/** At a forge that is asked once in a while, this takes seconds. */
const mostAtOnce = 50

export function createManifests(forge: Forge): Manifests {
  let known = new Map<string, readonly ObjectName[]>()
  /** The registry at which a path led to nothing: asked again once that has changed. */
  const nothingAt = new Map<string, string>()

  return {
    known: () => known,
    async learn({ head, blob }, of, signal) {
      const unread = manifestPaths(of).filter((path) => !known.has(path) && nothingAt.get(path) !== blob)
      const now = unread.slice(0, mostAtOnce)
      if (now.length === 0) return
      const found = new Map(known)
      try {
        for (const path of now) {
          const read = await forge.read(head, path, signal)
          const objects = read.is === 'file' ? objectsOfManifest(read.bytes) : []
          if (objects.length > 0) found.set(path, objects)
          else nothingAt.set(path, blob)
        }
      } finally {
        known = found
      }
      if (unread.length <= now.length) return
      const detail = `${found.size} manifests that the registry of ${forge.name} names are read, ${unread.length - now.length} are not yet`
      throw new AppError('target.unavailable', detail)
    },
  }
}
