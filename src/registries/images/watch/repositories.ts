/** What the ledger keeps of repositories over restarts: bookkeeping, written seldom and many at a time. */
import { quietly, type Journal } from '../../../engine/journal.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { imageRepositories, type RepositoryRow } from '../tables.ts'
import type { Place } from './watch.ts'

export interface Repositories {
  /** Reads them once. */
  load(): Promise<void>
  of(place: Place): RepositoryRow | null
  /** Many that are noted together are written together. */
  note(row: RepositoryRow): void
  /** Resolves once nothing is on its way any more. */
  close(): Promise<void>
}

export interface RepositoriesParts {
  readonly journal: Pick<Journal, 'select' | 'commit'>
  readonly logger: Logger
}

export function createRepositories({ journal, logger }: RepositoriesParts): Repositories {
  const written = new Map<string, RepositoryRow>()
  let dirty = new Map<string, RepositoryRow>()
  let loading: Promise<void> | null = null
  let writing: Promise<void> | null = null

  async function read(): Promise<void> {
    for (const row of await journal.select(imageRepositories)) {
      if (!written.has(nameOf(row))) written.set(nameOf(row), row)
    }
  }

  async function write(): Promise<void> {
    while (dirty.size > 0) {
      const rows = dirty
      dirty = new Map()
      for (const [name, row] of rows) written.set(name, row)
      try {
        await journal.commit([], { quiet: [...rows.values()].map((row) => quietly(imageRepositories, row)) })
      } catch (thrown) {
        // The next note of each brings it along.
        logger.debug({ err: thrown }, 'repositories could not be noted')
      }
    }
    writing = null
  }

  return {
    load() {
      loading ??= read().catch((thrown: unknown) => {
        loading = null
        throw thrown
      })
      return loading
    },
    of: (place) => written.get(nameOf(place)) ?? null,
    note(row) {
      dirty.set(nameOf(row), row)
      writing ??= write()
    },
    async close() {
      await writing
    },
  }
}

function nameOf({ registry, image }: Place): string {
  return `${registry}/${image}`
}
