/** What the process before this one saw last, as the engine's entries have it: so that a restart finds nothing new. */
import type { Journal } from '../../../engine/journal.ts'
import { entries } from '../../../engine/tables.ts'
import type { Release, Stage, StageKey, Version } from '../model.ts'

export interface Memories {
  /** null: nothing that can be gone by. */
  of(stage: Stage, repository: string): Promise<Version | null>
}

export function createMemories({ journal }: { readonly journal: Pick<Journal, 'select'> }): Memories {
  const deployers = new Map<string, Promise<Map<StageKey, Release>>>()

  async function read(deployer: string): Promise<Map<StageKey, Release>> {
    const found = new Map<StageKey, Release>()
    for (const { key, item, note } of await journal.select(entries, { where: { sync: deployer, state: 'live' } })) {
      // What a person pinned it to is nothing that was seen.
      const { pinned = false } = (note ?? {}) as { pinned?: boolean }
      if (!pinned && item !== null) found.set(key, item as unknown as Release)
    }
    return found
  }

  return {
    async of({ key, deployer }, repository) {
      const reading = deployers.get(deployer) ?? read(deployer)
      deployers.set(deployer, reading)
      reading.catch(() => deployers.delete(deployer))
      const known = await reading
      const release = known.get(key)
      // Asked for once: from then on the watch knows better.
      known.delete(key)
      if (!release || release.repository !== repository) return null
      const { tag, digest, at } = release
      return { tag, digest, at }
    },
  }
}
