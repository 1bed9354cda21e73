/** Removes rows that are kept for no longer: by schedule where that is enabled, and when a person asks. */
import type { Journal, Fence } from '../../../engine/journal.ts'
import { isoTime, type Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import type { Registrations } from '../registration/registrations.ts'
import type { Roster } from '../roster/roster.ts'
import type { Job } from './job.ts'
import { nameOf } from './named.ts'
import { planPurge, shownPlan, type PlannedPurge, type Retention } from './purge-plan.ts'

export interface PurgeParts {
  readonly roster: Roster
  readonly journal: Pick<Journal, 'select'>
  readonly registrations: Pick<Registrations, 'transit'>
  readonly clock: Pick<Clock, 'now'>
}

export interface PurgeAsk {
  readonly retention: Retention
  readonly dryRun: boolean
  /** Actor of the events. */
  readonly by: string
  /** What that person gave as reason. */
  readonly reason?: string
  /** Of the job. */
  readonly fence?: () => Fence
}

/** Written together: more would keep heartbeats waiting for longer. */
const together = 100

/** What of the plan was done: `skipped` changed meanwhile, and is looked at again next time. */
export async function purge(parts: PurgeParts, ask: PurgeAsk, signal: AbortSignal): Promise<JsonObject> {
  const { roster, clock } = parts
  const plan = await planPurge(parts, ask.retention, clock.now())
  // Before anything is gone: what is gone has no name.
  const shown = shownPlan(roster, plan)
  const counts = { due: plan.purge.length, kept_count: plan.kept.length }
  if (ask.dryRun) return { ...counts, purged: 0, ...shown }
  let purged = 0
  let part: PlannedPurge[] = []
  for (const [n, planned] of plan.purge.entries()) {
    const next = plan.purge[n + 1]
    part.push(planned)
    // No parent beside its children: they must be gone by then.
    const ends = next === undefined || roster.typeOf(next.slot) !== roster.typeOf(planned.slot)
    if (!ends && part.length < together) continue
    signal.throwIfAborted()
    const gone = await Promise.all(part.map((one) => purgeOne(parts, ask, one)))
    purged += gone.filter(Boolean).length
    part = []
  }
  return { ...counts, purged, skipped: plan.purge.length - purged, ...shown }
}

/** false: it changed since the plan. */
async function purgeOne({ registrations, roster, clock }: PurgeParts, ask: PurgeAsk, planned: PlannedPurge) {
  const { slot, seq, why, since } = planned
  try {
    const parent = roster.columns.parent[slot]!
    const done = await registrations.transit(slot, 'purge', {
      actor: ask.by,
      rule: why,
      at: clock.now(),
      ifSeq: seq,
      // Of one that is pending: the version is that of the plan, so it was not heard of since.
      force: true,
      data: { since: isoTime(since), ...(parent >= 0 && { parent: nameOf(roster, parent) }) },
      ...(ask.reason !== undefined && { reason: ask.reason }),
      ...(ask.fence && { fence: ask.fence() }),
    })
    return done.is === 'done'
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.class === 'reject') return false
    throw thrown
  }
}

export function purgeJob(parts: PurgeParts, logger: Logger, config: ServicesConfig['jobs']['purge']): Job {
  const retention = { revoked: config.revoked_after, deleted: config.deleted_after, pending: config.pending_after }
  return {
    name: 'purge',
    about: 'Removes what was revoked or deleted long ago, and what was registered long ago and never heard of',
    schedule: { interval: config.every },
    enabled: config.enabled,
    most: 3_600_000,
    async run({ dryRun, by, signal, fence }) {
      const result = await purge(parts, { retention, dryRun, by, fence }, signal)
      const { purged } = result
      if (purged !== 0) logger.info({ purged }, 'services that are kept for no longer were removed')
      return result
    },
  }
}
