/** What people make a sync do. */
import { z } from 'zod'
import type { Logger } from '../../kernel/logger.ts'
import { route, type Route } from '../../kernel/route.ts'
import { noSync, type ApiParts } from './parts.ts'
import { instant } from './rows.ts'
import { oneSync, statusOf } from './syncs.ts'

const allowDeletes = z.int().min(0).optional().meta({
  description: 'Believe absences at the first look, and let this many removals pass without the budget',
})

const Report = z.object({
  sync: z.string(),
  took: z.number().meta({ description: 'Milliseconds' }),
  scopes: z.object({ complete: z.int(), unchanged: z.int(), unavailable: z.int() }),
  entries: z.object({ appeared: z.int(), changed: z.int(), gone: z.int(), troubles: z.int() }),
  targets: z.array(
    z.object({
      target: z.string(),
      state: z.enum(['ok', 'unavailable', 'skipped']),
      why: z.string().nullable(),
      detail: z.string().nullable(),
      applied: z.int(),
      adopted: z.int(),
      drifted: z.int(),
      waiting: z.int(),
      rejected: z.int(),
      failed: z.int(),
      held: z.int(),
    }),
  ),
  unread: z.string().nullable().meta({ description: 'Why the set of targets, or a part of it, could not be read' }),
  ok: z.boolean().meta({ description: 'Everything seen, everything true, nothing held' }),
})

const Planned = z.object({
  target: z.string(),
  key: z.string(),
  op: z.enum(['put', 'delete']),
  label: z.string().nullable(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  reason: z.string().nullable(),
  hold: z.string().nullable().meta({ description: 'Why it would be held' }),
})

/** Changes shown of a plan; `total` counts them all. */
const mostPlanned = 10_000

const State = z.object({
  sync: z.string(),
  state: z.enum(['active', 'paused', 'orphaned']),
  nextPassAt: instant.nullable(),
})

const common = {
  method: 'POST',
  role: 'operator',
  within: { sync: 'sync' },
  tag: 'syncs',
  params: oneSync,
} as const

export function syncActionRoutes(parts: ApiParts, logger: Logger): readonly Route[] {
  return [syncNow(parts, logger), plan(parts), ...pauseAndResume(parts), forget(parts)]
}

function mustRun({ engine }: ApiParts, sync: string): void {
  if (!engine.syncs.includes(sync)) throw noSync(sync)
}

function syncNow(parts: ApiParts, logger: Logger): Route {
  return route({
    ...common,
    path: '/api/v1/syncs/:sync/sync',
    summary: 'Run one whole pass now and report; with wait=false say only that it will run',
    body: z
      .object({
        allowDeletes,
        only: z
          .array(z.object({ scope: z.string(), key: z.string().optional() }))
          .max(1000)
          .optional()
          .meta({ description: 'Only these scopes and keys' }),
        wait: z.boolean().default(true),
      })
      .optional(),
    response: Report,
    async handle({ params: { sync }, body }) {
      mustRun(parts, sync)
      const only = body?.only?.map(({ scope, key }) => (key === undefined ? { scope } : { scope, key }))
      const running = parts.engine.pass(sync, {
        why: 'asked',
        ...(body?.allowDeletes !== undefined && { allowDeletes: body.allowDeletes }),
        ...(only !== undefined && { only }),
      })
      if (body?.wait !== false) return { body: await running }
      running.catch((thrown: unknown) => logger.error({ err: thrown, sync }, 'a pass that was asked for failed'))
      return { status: 202, body: { sync } }
    },
  })
}

function plan(parts: ApiParts): Route {
  return route({
    ...common,
    path: '/api/v1/syncs/:sync/plan',
    summary: 'Look everywhere and say what a pass would do; nothing is written',
    body: z.object({ allowDeletes }).optional(),
    response: z.object({
      total: z.int(),
      changes: z.array(Planned).meta({ description: `The first ${mostPlanned}` }),
      looked: Report.meta({ description: 'How the looks went: what could not be read may need changes not shown' }),
    }),
    async handle({ params: { sync }, body }) {
      mustRun(parts, sync)
      const options = body?.allowDeletes === undefined ? {} : { allowDeletes: body.allowDeletes }
      const { changes, looked } = await parts.engine.plan(sync, options)
      return { body: { total: changes.length, changes: changes.slice(0, mostPlanned), looked } }
    },
  })
}

function pauseAndResume(parts: ApiParts): readonly Route[] {
  return (['pause', 'resume'] as const).map((action) =>
    route({
      ...common,
      path: `/api/v1/syncs/:sync/${action}`,
      summary: action === 'pause' ? 'Change nothing at targets until it is resumed' : 'Go on after a pause',
      response: State,
      async handle({ params: { sync }, caller }) {
        mustRun(parts, sync)
        await parts.engine[action](sync, caller.name)
        const { state, nextPassAt } = await parts.engine.status(sync)
        return { body: { sync, state, nextPassAt } }
      },
    }),
  )
}

function forget(parts: ApiParts): Route {
  return route({
    ...common,
    role: 'admin',
    path: '/api/v1/syncs/:sync/forget',
    summary: 'End the keeping of a sync, scope or target that the config no longer names',
    body: z.object({ scope: z.string().optional(), target: z.string().optional() }).optional(),
    response: z.object({ forgotten: z.int().meta({ description: 'Entries and deliveries' }) }),
    async handle({ params: { sync }, body, caller }) {
      if ((await statusOf(parts, sync)) === null) throw noSync(sync)
      const scope = body?.scope !== undefined && { scope: body.scope }
      const target = body?.target !== undefined && { target: body.target }
      const forgotten = await parts.engine.forget({ sync, ...scope, ...target }, caller.name)
      return { body: { forgotten } }
    },
  })
}
