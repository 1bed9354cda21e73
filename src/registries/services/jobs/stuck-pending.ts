/** Tells of services that were registered and not heard of: once each, in the log; the list is in the statistics. */
import { isoTime, type Clock } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import type { Liveness } from '../liveness/liveness.ts'
import type { Roster } from '../roster/roster.ts'
import { pendingSince, whyPending } from '../stats/stuck.ts'
import type { Job } from './job.ts'
import { mostShown, nameOf } from './named.ts'

export interface StuckPendingParts {
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'isLate'>
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
  readonly config: ServicesConfig['jobs']['stuck_pending']
}

export function stuckPendingJob({ roster, liveness, clock, logger, config }: StuckPendingParts): Job {
  return {
    name: 'stuck-pending',
    about: 'Tells of services that were registered and not heard of since',
    schedule: { interval: config.every },
    enabled: true,
    most: 60_000,
    run({ dryRun, succeededAt }) {
      const until = clock.now() - config.after
      const all = pendingSince(roster, { after: 0, until, most: mostShown })
      // What was stuck by the last run was told then, whoever ran it.
      const after = succeededAt === null ? 0 : succeededAt - config.after
      const fresh = pendingSince(roster, { after, until, most: mostShown })
      const shownOf = (slot: number) => ({
        service: nameOf(roster, slot),
        why: whyPending({ roster, liveness }, slot),
        since: isoTime(roster.columns.statusAt[slot]!),
      })
      if (fresh.count > 0 && !dryRun) {
        const services = fresh.slots.map(shownOf)
        logger.warn({ count: fresh.count, services }, 'registered services have not been heard of')
      }
      return Promise.resolve({ count: all.count, new: fresh.count, services: all.slots.map(shownOf) })
    },
  }
}
