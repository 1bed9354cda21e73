/** Samples counts by type and status each minute. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock } from '../../../kernel/clock.ts'
import type { ServicesConfig } from '../config.ts'
import type { Roster } from '../roster/roster.ts'
import { takeSample } from '../stats/samples.ts'
import type { Job } from './job.ts'

export interface SampleParts {
  readonly journal: Journal
  readonly roster: Pick<Roster, 'count'>
  readonly clock: Pick<Clock, 'now'>
  readonly config: ServicesConfig['jobs']['sample']
}

export function sampleJob({ journal, roster, clock, config }: SampleParts): Job {
  const keep = { minutes: config.keep_minutes, hours: config.keep_hours }
  return {
    name: 'sample',
    about: 'Counts services by type and status, each minute and each hour',
    schedule: { cron: '* * * * *' },
    enabled: true,
    most: 50_000,
    async run({ dryRun, fence }) {
      return dryRun ? {} : { ...(await takeSample({ journal, roster, keep }, clock.now(), fence())) }
    },
  }
}
