/** Removes registrations that are kept for no longer, on request. It says what it would do unless it is told to do it. */
import { z } from 'zod'
import { route, type Route } from '../../../kernel/route.ts'
import { purge } from '../jobs/purge.ts'
import { base, tag, type RouteParts } from './parts.ts'

const day = 86_400_000

const Purged = z.looseObject({
  dry_run: z.boolean(),
  due: z.int().meta({ description: 'How many may go' }),
  purged: z.int(),
  kept_count: z.int().meta({ description: 'Due, and left for what hangs below them' }),
  services: z.array(z.object({ service: z.string(), why: z.string(), since: z.iso.datetime() })),
  kept: z.array(z.object({ service: z.string(), why: z.string(), since: z.iso.datetime(), children: z.int() })),
})

export function purgeRoute(parts: RouteParts): Route {
  return route({
    method: 'POST',
    path: `${base}/purge`,
    role: 'admin',
    within: { services: 'purge' },
    tag,
    summary:
      'Remove what was revoked, deleted or never heard of for long; without `"dry_run": false` only say what would go',
    body: z
      .object({
        retention_days: z
          .number()
          .min(0)
          .max(36_600)
          .optional()
          .meta({ description: 'In the place of what the configuration says of each status' }),
        dry_run: z.boolean().default(true),
        reason: z.string().min(1).max(500).optional(),
      })
      .default({ dry_run: true }),
    response: Purged,
    async handle({ body, caller, signal }) {
      await parts.ready()
      const { retention_days: days, dry_run: dryRun, reason } = body ?? { dry_run: true }
      const { revoked_after: revoked, deleted_after: deleted, pending_after: pending } = parts.config.jobs.purge
      const all = days === undefined ? null : days * day
      const retention = { revoked: all ?? revoked, deleted: all ?? deleted, pending: all ?? pending }
      const ask = { retention, dryRun, by: caller.name, ...(reason !== undefined && { reason }) }
      return { body: { dry_run: dryRun, ...(await purge(parts, ask, signal)) } }
    },
  })
}
