/** How the registry stands, in one answer. */
import { z } from 'zod'
import { isoTime, type Clock, type Ms } from '../../../kernel/clock.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { registrationSources, serviceStatuses, serviceTypes } from '../model.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import type { PreservationRow } from '../tables.ts'
import { countsBy } from './samples.ts'
import { pendingSince, whyPending } from './stuck.ts'
import type { Survey } from './survey.ts'

const time = z.iso.datetime()
const ref = { service_type: z.enum(serviceTypes), service_id: z.string() }

export const Stats = z.object({
  at: time,
  total: z.int(),
  counts: z
    .record(z.enum(serviceTypes), z.record(z.enum(serviceStatuses), z.int()))
    .meta({ description: 'By type and status' }),
  by: z
    .array(
      z.object({
        service_type: z.enum(serviceTypes),
        status: z.enum(serviceStatuses),
        registration_source: z.enum(registrationSources),
        count: z.int(),
      }),
    )
    .meta({ description: 'By type, status and source; those that there are' }),
  late: z.record(z.enum(serviceTypes), z.int()).meta({ description: 'Active ones that missed three heartbeats' }),
  oldest_pending: z.object({ ...ref, since: time }).nullable(),
  stuck_pending: z.object({
    count: z.int(),
    after_seconds: z.number(),
    services: z
      .array(z.object({ ...ref, since: time, why: z.string().meta({ description: 'Reason constant' }) }))
      .meta({ description: 'Registered and not heard of, the longest first; the first hundred' }),
  }),
  preservation: z
    .array(z.object({ group: z.string(), since: time, until: time, silent: z.int(), active: z.int() }))
    .meta({ description: 'Groups of which nobody turns inactive for now: too many fell silent at once' }),
  quarantined: z.int().meta({ description: 'Unregistered senders that wait for a person' }),
  flush_lag_seconds: z
    .number()
    .meta({ description: 'Age of the oldest heartbeat that this process has in memory alone' }),
})
export type Stats = z.infer<typeof Stats>

export interface StatsParts {
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'isLate' | 'counts'>
  readonly clock: Pick<Clock, 'now'>
  readonly survey: () => Promise<Survey>
  /** Groups that are held now, whichever process holds them. */
  readonly preserved: () => Promise<readonly PreservationRow[]>
  readonly quarantined: () => number
  /** Pending for longer is stuck. */
  readonly stuckAfter: Ms
}

const mostShown = 100

export async function readStats(parts: StatsParts): Promise<Stats> {
  const { roster, clock, stuckAfter } = parts
  const now = clock.now()
  const [{ late }, preserved] = await Promise.all([parts.survey(), parts.preserved()])
  const { count, slots } = pendingSince(roster, { after: 0, until: now - stuckAfter, most: mostShown })
  const { slots: oldest } = pendingSince(roster, { after: 0, until: now, most: 1 })
  const shown = (slot: Slot) => ({
    service_type: roster.typeOf(slot),
    service_id: roster.idOf(slot),
    since: isoTime(roster.columns.statusAt[slot]!),
  })
  return {
    at: isoTime(now),
    total: roster.size,
    counts: countsBy((type, status) => roster.count(type, status)),
    by: bySource(roster),
    late: Object.fromEntries(serviceTypes.map((type, n) => [type, late[n]!])) as Stats['late'],
    oldest_pending: oldest[0] === undefined ? null : shown(oldest[0]),
    stuck_pending: {
      count,
      after_seconds: stuckAfter / 1000,
      services: slots.map((slot) => ({ ...shown(slot), why: whyPending(parts, slot) })),
    },
    preservation: preserved.map(({ group, since, until, silent, active }) => {
      return { group, since: isoTime(since), until: isoTime(until), silent, active }
    }),
    quarantined: parts.quarantined(),
    flush_lag_seconds: parts.liveness.counts().flushLag / 1000,
  }
}

function bySource(roster: Roster): Stats['by'] {
  return serviceTypes.flatMap((service_type) =>
    serviceStatuses.flatMap((status) =>
      registrationSources.flatMap((registration_source) => {
        const count = roster.count(service_type, status, registration_source)
        return count === 0 ? [] : [{ service_type, status, registration_source, count }]
      }),
    ),
  )
}
