/**
 * Settings that every sync of every registry has, as one set of names in the config file:
 *
 *   capabilities:
 *     catalog:
 *       interval: 30s             # or cron: '0 * * * *' or '@every 30s'; neither: only when asked
 *       first_sight: overwrite    # or hold, keep
 *       drift: repair             # or report, keep
 *       removal_budget: { least: 5, share: 0.3, over: 1h }
 *       notify: [{ url: 'https://…', secret: '${HOOK_SECRET}' }]     # hooks.ts
 *
 * A registry spreads `syncSettings` into its strict object, refines that with `oneSchedule`, and hands
 * the result to `syncPolicy`.
 */
import { z } from 'zod'
import type { RemovalBudget, SyncSpec } from '../engine/engine.ts'
import { parseSchedule, shortestInterval } from '../engine/schedule.ts'
import type { Ms } from '../kernel/clock.ts'
import { duration } from '../kernel/settings.ts'
import { hooksOf, notify, type Hook } from './hooks.ts'

const second: Ms = 1000

export const syncSettings = {
  interval: duration({ least: shortestInterval }).optional().describe('Time between two full passes'),
  cron: z
    .string()
    .refine((text) => parseSchedule(text) !== null, {
      error: "is no schedule\nwrite five or six cron fields such as '0 3 * * 1-5', or '@hourly', or '@every 30s'",
    })
    .optional()
    .describe("Cron line of five or six fields, with 'TZ=Area/City ' before it if need be; excludes interval"),
  jitter: z.number().min(0).max(0.5).optional().describe('Share of the interval by which each pass is moved; 0.1'),
  first_sight: z
    .enum(['overwrite', 'hold', 'keep'])
    .optional()
    .describe('What to do where a target held something else before it was ever written'),
  drift: z
    .enum(['repair', 'report', 'keep'])
    .default('repair')
    .describe('What to do where a target no longer holds what it acknowledged'),
  target_every: duration({ least: second }).optional().describe('How often targets are looked at; each pass'),
  removal_budget: z
    .strictObject({
      least: z.int().min(0).default(5).describe('Removals that always pass'),
      share: z.number().min(0).max(1).default(0.3).describe('Share of the keys held'),
      over: duration({ least: second })
        .default(3600 * second)
        .describe('Time in which it refills'),
    })
    .optional()
    .describe('Most removals at a target over a time; more are held until released'),
  notify,
} as const

type SyncSettings = z.infer<z.ZodObject<typeof syncSettings>>

/** For `z.strictObject({ ...syncSettings, … }).superRefine(oneSchedule)`. */
export function oneSchedule(
  settings: { readonly interval?: unknown; readonly cron?: unknown },
  context: z.RefinementCtx,
): void {
  if (settings.interval === undefined || settings.cron === undefined) return
  context.addIssue({ code: 'custom', path: ['cron'], message: 'is given beside interval\nkeep one of the two' })
}

/** What is told of a sync besides: no part of the loop. */
export interface Noticed {
  readonly notify?: readonly Hook[]
}

/** The part of a SyncSpec that `syncSettings` decides. */
export function syncPolicy(
  settings: SyncSettings,
  defaults: { readonly interval: Ms; readonly firstSight: SyncSpec<never>['firstSight'] },
): Pick<SyncSpec<never>, 'schedule' | 'firstSight' | 'drift' | 'targetEvery' | 'budget'> & Noticed {
  const { cron, jitter, target_every: targetEvery, removal_budget: budget } = settings
  const { interval = defaults.interval } = settings
  return {
    // `cron` was parsed once already: the schema refuses what is no schedule.
    schedule: { ...(cron === undefined ? { interval } : parseSchedule(cron)), ...(jitter !== undefined && { jitter }) },
    firstSight: settings.first_sight ?? defaults.firstSight,
    drift: settings.drift,
    ...(targetEvery !== undefined && { targetEvery }),
    ...(budget !== undefined && { budget: budget satisfies RemovalBudget }),
    ...(settings.notify !== undefined && { notify: hooksOf(settings.notify) }),
  }
}
