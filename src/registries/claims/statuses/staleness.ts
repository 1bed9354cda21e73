/**
 * Which clusters have been silent for too long. A word of a cluster writes nothing where its statuses are known, so
 * the time of the last one is written by itself, and seldom: after a restart, and by other replicas, it is known to
 * within a quarter of the time that counts.
 */
import { quietly, type Journal } from '../../../engine/journal.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { HeldCluster } from './held.ts'
import type { Statuses } from './statuses.ts'
import { claimClusters } from '../tables.ts'

export interface Staleness {
  /**
   * Cluster → when it was last heard of, of those that are silent for too long now. `before`: those that were the
   * last time.
   */
  silent(before: ReadonlyMap<string, Instant>): Promise<ReadonlyMap<string, Instant>>
  /** Writes when clusters were heard of, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

export interface StalenessOptions {
  readonly sync: string
  readonly journal: Journal
  readonly statuses: Statuses
  readonly clock: Clock
  readonly logger: Logger
  readonly after: Ms
  /** When this process began to listen: before, nobody could be heard. */
  readonly since: Instant
}

export function createStaleness(options: StalenessOptions): Staleness {
  const { sync, journal, statuses, clock, logger, after, since } = options
  const every = after / 4

  async function heardElsewhere(): Promise<Map<string, Instant>> {
    const rows = await journal.select(claimClusters, { where: { sync } })
    return new Map(rows.map(({ cluster, heardAt }) => [decodeURIComponent(cluster), heardAt]))
  }

  async function write(): Promise<void> {
    const moved = [...(await statuses.clusters()).values()].filter(({ heardAt, writtenAt }) => heardAt !== writtenAt)
    if (moved.length === 0) return
    const known = journal.shared === true ? await heardElsewhere() : null
    const rows = moved.map(({ name, heardAt }: HeldCluster) => {
      const cluster = encodeURIComponent(name)
      return quietly(claimClusters, { sync, cluster, heardAt: Math.max(heardAt, known?.get(name) ?? 0) })
    })
    const times = moved.map(({ heardAt }) => heardAt)
    await journal.commit([], { quiet: rows })
    for (const [index, cluster] of moved.entries()) cluster.writtenAt = times[index]!
  }

  return {
    async silent(before) {
      const now = clock.now()
      const found = new Map<string, Instant>()
      const written = await heardElsewhere()
      for (const { name, heardAt, live } of (await statuses.clusters()).values()) {
        const last = Math.max(heardAt, written.get(name) ?? 0)
        const known = before.get(name)
        if (live > 0 && known !== undefined && last <= known) found.set(name, known)
        else if (live > 0 && now - Math.max(last, since) >= after) found.set(name, last)
      }
      return found
    },
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(every, signal)
        try {
          await write()
        } catch (thrown) {
          if (!signal.aborted) logger.warn({ err: thrown }, 'when clusters were heard of could not be written')
        }
      }
    },
  }
}
