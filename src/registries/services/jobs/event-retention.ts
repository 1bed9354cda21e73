/**
 * Drops history that is older than it is kept, by whole segments. The program does so each hour whatever it serves;
 * here it is shown, can be run at once, and says beforehand what would go.
 */
import type { Journal } from '../../../engine/journal.ts'
import { isoTime, type Clock, type Ms } from '../../../kernel/clock.ts'
import type { Job } from './job.ts'

export interface EventRetentionParts {
  readonly journal: Pick<Journal, 'events' | 'retain'>
  readonly clock: Pick<Clock, 'now'>
  /** `retention.events` of the configuration. */
  readonly kept: Ms
}

const hour: Ms = 3_600_000

export function eventRetentionJob({ journal, clock, kept }: EventRetentionParts): Job {
  return {
    name: 'event-retention',
    about: 'Drops events of all registries that are older than they are kept, by whole segments',
    schedule: { interval: hour },
    enabled: true,
    most: 1_800_000,
    async run({ dryRun }) {
      const before = clock.now() - kept
      const [oldest] = await journal.events({ limit: 1 })
      const found = { before: isoTime(before), oldest: oldest === undefined ? null : isoTime(oldest.at) }
      if (dryRun) return { ...found, due: oldest !== undefined && oldest.at < before }
      return { ...found, ...(await journal.retain(before)) }
    },
  }
}
