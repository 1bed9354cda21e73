/** What is done on a schedule: when it last ran, what came of it, and running it now. */
import { z } from 'zod'
import { isoTime, type Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import { route, type Route } from '../../../kernel/route.ts'
import type { JobState, Runner } from '../jobs/runner.ts'
import { base, reads, tag } from './parts.ts'

const time = z.iso.datetime()
const result = z
  .unknown()
  .meta({ description: 'What the job says of it: counts, and the first services with the reason' })

const JobView = z.object({
  job: z.string(),
  about: z.string(),
  enabled: z.boolean().meta({ description: 'Runs by its schedule; one that does not can be run by hand' }),
  every_seconds: z.number().nullable(),
  cron: z.string().nullable(),
  next_at: time.nullable(),
  running_since: time.nullable(),
  last: z
    .object({
      started_at: time,
      ended_at: time.nullable(),
      by: z.string().nullable().meta({ description: 'Who asked for it, or the job itself' }),
      error: z.string().nullable(),
    })
    .nullable(),
  succeeded_at: time.nullable(),
  result: result.nullable().meta({ description: 'Of the last run that succeeded' }),
})

const Ran = z.object({
  job: z.string(),
  dry_run: z.boolean(),
  status: z
    .enum(['done', 'running', 'asked'])
    .meta({ description: 'running: it goes on; asked: another replica runs the jobs, and this one within seconds' }),
  started_at: time.nullable(),
  ended_at: time.nullable(),
  result: result.nullable(),
})

const params = z.object({ job: z.string().min(1).max(64) })
const path = `${base}/jobs`

/** After that it is said that it goes on. */
const patience: Ms = 20_000

export interface JobRouteParts {
  readonly runner: Pick<Runner, 'list' | 'run'>
}

export function jobRoutes({ runner }: JobRouteParts): readonly Route[] {
  return [list(runner), one(runner), run(runner)]
}

function list(runner: Pick<Runner, 'list'>): Route {
  return route({
    ...reads,
    path,
    summary: 'List the jobs of the services registry with their last runs',
    response: z.object({ items: z.array(JobView) }),
    handle: async () => ({ body: { items: (await runner.list()).map(viewOf) } }),
  })
}

function one(runner: Pick<Runner, 'list'>): Route {
  return route({
    ...reads,
    path: `${path}/:job`,
    summary: 'Show a job with its last run',
    params,
    response: JobView,
    async handle({ params: { job } }) {
      const state = (await runner.list()).find((found) => found.job.name === job)
      if (state === undefined)
        throw new AppError('request.not-found', `There is no job ${job}; GET ${path} lists them.`)
      return { body: viewOf(state) }
    },
  })
}

function run(runner: Pick<Runner, 'run'>): Route {
  return route({
    method: 'POST',
    path: `${path}/:job/run`,
    role: 'admin',
    // Jobs purge, too.
    within: { services: 'purge' },
    tag,
    summary: 'Run a job now, or say what it would do (dry_run)',
    params,
    body: z.strictObject({ dry_run: z.boolean().default(false) }),
    response: Ran,
    async handle({ params: { job }, body, caller }) {
      const ran = await runner.run(job, { dryRun: body.dry_run, by: caller.name, patience })
      const done = ran.is === 'done' ? ran : null
      return {
        status: done === null ? 202 : 200,
        body: {
          job,
          dry_run: body.dry_run,
          status: ran.is,
          started_at: ran.is === 'asked' ? null : isoTime(ran.startedAt),
          ended_at: done && isoTime(done.endedAt),
          result: done && (done.result as Json),
        },
      }
    },
  })
}

function viewOf({ job, row, running, nextAt }: JobState): z.infer<typeof JobView> {
  const timeOf = (at: number | null | undefined) => (at === null || at === undefined ? null : isoTime(at))
  const { startedAt = null, succeededAt } = row ?? {}
  return {
    job: job.name,
    about: job.about,
    enabled: job.enabled,
    every_seconds: job.schedule.interval === undefined ? null : job.schedule.interval / 1000,
    cron: job.schedule.cron ?? null,
    next_at: timeOf(nextAt),
    running_since: timeOf(running?.since),
    last:
      row === null || startedAt === null
        ? null
        : { started_at: isoTime(startedAt), ended_at: timeOf(row.endedAt), by: row.by, error: row.error },
    succeeded_at: timeOf(succeededAt),
    result: (row?.result ?? null) as z.infer<typeof result> | null,
  }
}
