/** The `services` section. All of it has defaults: `services: {}` is a registry that lets in whoever has a token. */
import { z } from 'zod'
import type { Ms } from '../../kernel/clock.ts'
import { duration } from '../../kernel/settings.ts'
import { longestId } from './model.ts'

const second: Ms = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const id = () => z.string().min(1).max(longestId)
const length = (least: Ms, usual: Ms) => duration({ least }).default(usual)

const implicit = z
  .strictObject({
    policy: z
      .enum(['allow', 'quarantine', 'deny'])
      .default('allow')
      .describe(
        'What becomes of a heartbeat whose sender is not registered. allow: it is, by that; quarantine: a person decides; deny: it is refused',
      ),
    most_per_minute: z.int().min(0).default(1_000).describe('New ids of one token in a minute; more go to quarantine'),
    most_quarantined: z.int().min(0).default(10_000).describe('Ids that wait for a person; more are only counted'),
  })
  .prefault({})

const known = z
  .strictObject({
    list: z.array(id()).default([]).describe('Pollers that are known without being registered'),
    mode: z
      .enum(['off', 'shadow', 'enforce'])
      .default('enforce')
      .describe(
        'enforce: the registry decides; shadow: it is asked, and only recorded; off: only the list, else everybody',
      ),
  })
  .prefault({})

const inactiveAfter = z
  .strictObject({
    poller: length(second, day),
    agent: length(second, day),
    checker: length(second, day),
  })
  .prefault({})
  .describe('Silence after which a service is inactive; each may declare its own')

const preservation = z
  .strictObject({
    share: z.number().min(0).max(1).default(0.15).describe('Share of a group that may turn inactive within the window'),
    least: z.int().min(1).default(3).describe('So many may in any case, less one'),
    window: length(second, 10 * minute),
    release_after: length(second, hour).describe('A group that is held is let go after this'),
    group_by: z.string().min(1).optional().describe('Metadata of pollers that names their group, such as site'),
  })
  .prefault({})
  .describe('When too many of one group fall silent at once, more likely the way to them is broken than they are')

const jobs = z
  .strictObject({
    mark_inactive: z.strictObject({ every: length(second, 5 * minute) }).prefault({}),
    archive: z
      .strictObject({
        enabled: z.boolean().default(true),
        every: length(minute, 7 * day),
        after: length(second, 90 * day).describe('Inactive for so long'),
        folder: z.string().min(1).optional().describe('Where JSONL.gz files go; default: archive in the state folder'),
        url: z
          .string()
          .regex(/^https?:\/\//)
          .optional()
          .describe('Where they are put (HTTP PUT) in its place'),
      })
      .prefault({}),
    purge: z
      .strictObject({
        enabled: z.boolean().default(false),
        every: length(minute, day),
        revoked_after: length(second, 90 * day).describe('Since it was revoked'),
        deleted_after: length(second, 7 * day).describe('Since it was deleted: until then it can be brought back'),
        pending_after: length(second, 30 * day).describe('Since it was registered, where it was never heard of'),
      })
      .prefault({}),
    stuck_pending: z
      .strictObject({ every: length(second, 5 * minute), after: length(second, 30 * minute) })
      .prefault({})
      .describe('Tells of services that were registered and not heard of'),
    sample: z.strictObject({ keep_minutes: length(hour, 2 * day), keep_hours: length(hour, 90 * day) }).prefault({}),
  })
  .prefault({})

export const ServicesConfig = z.strictObject({
  implicit,
  known,
  interval: length(second, 30 * second).describe('Time between two heartbeats of a service that declares none'),
  late_after: z.number().min(1).default(3).describe('Intervals of silence after which a service is late'),
  inactive_after: inactiveAfter,
  skew: length(0, minute).describe('So far ahead of ours the clock of a sender may be'),
  preservation,
  jobs,
  metrics: z
    .strictObject({
      most_ids: z.int().min(0).default(1_000).describe('Above so many services, ages by id are left out'),
    })
    .prefault({}),
})
export type ServicesConfig = z.infer<typeof ServicesConfig>
