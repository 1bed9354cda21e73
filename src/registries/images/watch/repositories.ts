/** What the ledger keeps of repositories over restarts: bookkeeping, written seldom and many at a time. */
import { quietly, type Journal } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { imageRepositories, type RepositoryRow } from '../tables.ts'
import type { Place } from './watch.ts'

export interface Repositories {
  /** Reads them once. */
  load(): Promise<void>
  of(place: Place): RepositoryRow | null
  /** Written at once where webhooks turned out otherwise, else when what is written is old. */
  note(row: RepositoryRow): void
  /** Resolves once nothing is on its way any more. */
  close(): Promise<void>
}

export interface RepositoriesParts {
  readonly journal: Pick<Journal, 'select' | 'commit'>
  readonly clock: Clock
  readonly logger: Logger
}

/** How old `lookedAt` of a row may be; what is asked from the running process is exact. */
const noteEvery: Ms = 10 * 60_000

export function createRepositories({ journal, clock, logger }: RepositoriesParts): Repositories {
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
        for (const name of rows.keys()) written.delete(name)
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
      const before = dirty.get(nameOf(row)) ?? written.get(nameOf(row))
      const due = before === undefined || clock.now() - (before.lookedAt ?? 0) >= noteEvery
      if (!due && before.hookedAt === row.hookedAt && before.missedAt === row.missedAt) return
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
