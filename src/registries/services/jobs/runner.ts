/**
 * Runs jobs: in the process that holds the lease of `services.jobs` and in no other, each beside the others, none
 * beside itself. Its last run and when it is due next are durable, so that whoever takes over goes on from there.
 */
import { createLeasehold, leaseLength } from '../../../engine/lease.ts'
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import { AppError, asAppError, messageOf } from '../../../kernel/errors.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { fullJitter, type Random } from '../../../kernel/retry.ts'
import type { JobRow } from '../tables.ts'
import { dueAfterFailure, firstDue, nextDue } from './due.ts'
import type { Job } from './job.ts'
import { askedBy, createRecords } from './records.ts'

export interface RunnerParts {
  readonly jobs: readonly Job[]
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Unique per process. */
  readonly holder: string
  /** Resolves when registrations and liveness are in memory. */
  ready(): Promise<void>
}

export interface JobState {
  readonly job: Job
  /** Of the ledger, or where this process runs the jobs of its memory; null: it never ran. */
  readonly row: JobRow | null
  readonly running: { readonly since: Instant; readonly by: string } | null
  readonly nextAt: Instant | null
}

/** `running`: it goes on. `asked`: another process runs the jobs, and will within seconds. */
export type Ran =
  | { readonly is: 'done'; readonly result: JsonObject; readonly startedAt: Instant; readonly endedAt: Instant }
  | { readonly is: 'running'; readonly startedAt: Instant }
  | { readonly is: 'asked' }

export interface RunAsk {
  readonly dryRun: boolean
  readonly by: string
  /** So long its end is waited for; without it until then. */
  readonly patience?: Ms
}

export interface Runner {
  list(): Promise<readonly JobState[]>
  /** When a run of each last succeeded, as far as this process knows. */
  succeeded(): ReadonlyMap<string, Instant>
  /**
   * Now, whatever the schedule says. Rejects with what the job failed of, with `request.conflict` while it runs, and
   * with `request.not-found`.
   */
  run(name: string, ask: RunAsk): Promise<Ran>
  start(): void
  /** Cuts off what runs; whoever takes over runs it again. */
  stop(): Promise<void>
}

interface Run {
  readonly since: Instant
  readonly by: string
  readonly cut: AbortController
  readonly done: Promise<unknown>
}

interface Duty {
  readonly job: Job
  row: JobRow | null
  due: Instant | null
  /** Who asked for the run that is due. */
  askedBy: string | null
  failures: number
  running: Run | null
}

export const jobsLease = 'services.jobs'
const stopBound: Ms = 4_000
const backoff = { first: 1_000, most: 30_000 }

export function createRunner(parts: RunnerParts): Runner {
  const { jobs, journal, clock, random, logger, holder, ready } = parts
  const lease = createLeasehold(journal, clock, jobsLease, holder)
  const records = createRecords(journal, () => lease.fence())
  const duties = new Map<string, Duty>(
    jobs.map((job) => [job.name, { job, row: null, due: null, askedBy: null, failures: 0, running: null }]),
  )
  const stopping = new AbortController()
  let looping: Promise<void> | null = null
  let holding = false
  let woken = new AbortController()

  /** Looks what is due; says how long to wait for the next look. */
  async function turn(): Promise<Ms> {
    if (!(await lease.acquire())) {
      if (holding) logger.info({ holder }, 'jobs are run by another process')
      holding = false
      for (const { running } of duties.values()) running?.cut.abort(new AppError('journal.fenced', 'jobs'))
      return leaseLength / 3
    }
    await ready()
    if (!holding || journal.shared) await learn()
    if (!holding) logger.info({ holder }, 'this process runs the jobs')
    holding = true
    let soonest = Number.POSITIVE_INFINITY
    for (const duty of duties.values()) {
      if (duty.due === null || duty.running !== null) continue
      if (duty.due <= clock.now()) void begin(duty, { dryRun: false, by: duty.askedBy ?? `job:${duty.job.name}` })
      else soonest = Math.min(soonest, duty.due)
    }
    // Whether the lease is still held is looked at as often as it is renewed.
    return Math.min(leaseLength / 3, soonest - clock.now())
  }

  async function learn(): Promise<void> {
    const rows = await records.read()
    for (const duty of duties.values()) {
      if (duty.running !== null) continue
      const row = rows.get(duty.job.name) ?? null
      const asked = row === null ? null : askedBy(row)
      if (holding && asked === null) continue
      const { job } = duty
      const now = clock.now()
      duty.row = row
      duty.askedBy = asked
      const cut = row !== null && goingOn(row) !== null
      if (asked !== null || (cut && job.enabled)) duty.due = now
      else duty.due = job.enabled ? firstDue(job.schedule, row?.nextAt ?? null, now, random) : null
      if (cut) await write(duty, { endedAt: now, error: 'cut off: the process that ran it is gone' })
      else if (row?.nextAt !== duty.due) await write(duty, {})
    }
  }

  /** Also where it cannot be written: what is shown is what this process knows. */
  async function write(duty: Duty, change: Partial<JobRow>): Promise<void> {
    duty.row = { ...(duty.row ?? records.blank(duty.job.name)), ...change, nextAt: duty.due }
    await records.write(duty.row)
  }

  function begin(duty: Duty, { dryRun, by }: Omit<RunAsk, 'patience'>): Promise<Ran> {
    const cut = new AbortController()
    const since = clock.now()
    const done = execute(duty, { dryRun, by }, since, cut.signal)
    // A dry run is in nobody's way. Whoever asked may have gone when it fails.
    if (dryRun) {
      done.catch(() => {})
      return done
    }
    duty.running = { since, by, cut, done }
    const over = () => {
      duty.running = null
      woken.abort(null)
    }
    done.then(over, over)
    return done
  }

  async function execute(duty: Duty, ask: RunAsk, startedAt: Instant, cut: AbortSignal): Promise<Ran> {
    const { job } = duty
    const due = Math.min(duty.due ?? startedAt, startedAt)
    const signal = AbortSignal.any([cut, stopping.signal])
    const deadline = createDeadline(clock, job.most, signal, `job ${job.name}`)
    let work: Promise<unknown> = Promise.resolve()
    try {
      if (!ask.dryRun) await write(duty, { startedAt, endedAt: null, by: ask.by })
      const context = {
        ...ask,
        signal: deadline.signal,
        succeededAt: duty.row?.succeededAt ?? null,
        fence: () => lease.fence(),
      }
      const running = job.run(context)
      work = running
      const result = await deadline.within(running)
      const endedAt = clock.now()
      if (!ask.dryRun) {
        duty.failures = 0
        duty.askedBy = null
        duty.due = job.enabled ? nextDue(job.schedule, { due, startedAt, now: endedAt }, random) : null
        logger.debug({ job: job.name, by: ask.by, ms: endedAt - startedAt }, 'job ran')
        await write(duty, { endedAt, result, succeededAt: endedAt, error: null })
      }
      return { is: 'done', result, startedAt, endedAt }
    } catch (thrown) {
      if (!ask.dryRun) await fail(duty, thrown, startedAt, signal.aborted)
      throw asAppError(thrown)
    } finally {
      deadline.end()
      // One that does not heed its signal is not begun a second time beside itself.
      await work.catch(() => {})
    }
  }

  async function fail(duty: Duty, thrown: unknown, startedAt: Instant, cut: boolean): Promise<void> {
    const { job } = duty
    const now = clock.now()
    // Of a run that was cut off the time stays when it was due: whoever goes on runs it at once.
    if (!cut) {
      duty.failures += 1
      duty.askedBy = null
      const usual = job.enabled ? nextDue(job.schedule, { due: startedAt, startedAt, now }, random) : null
      duty.due = dueAfterFailure(usual, duty.failures, now, random)
    }
    if (cut) logger.info({ job: job.name }, 'job was cut off; it is run again')
    else logger.warn({ job: job.name, err: thrown }, 'job failed')
    await write(duty, { endedAt: now, error: messageOf(thrown) }).catch((unwritten: unknown) => {
      logger.debug({ job: job.name, err: unwritten }, 'last run of a job could not be recorded')
    })
  }

  async function loop(): Promise<void> {
    let failures = 0
    while (!stopping.signal.aborted) {
      woken = new AbortController()
      let wait: Ms
      try {
        wait = await turn()
        failures = 0
      } catch (thrown) {
        logger.warn({ err: thrown }, 'jobs could not be looked at')
        wait = backoff.first + fullJitter((failures += 1), backoff, random)
      }
      await clock.sleep(Math.max(0, wait), AbortSignal.any([stopping.signal, woken.signal]))
    }
  }

  async function patiently(done: Promise<Ran>, { patience }: RunAsk): Promise<Ran> {
    if (patience === undefined) return await done
    const startedAt = clock.now()
    const over = new AbortController()
    const late = clock.sleep(patience, over.signal).then(() => ({ is: 'running' as const, startedAt }))
    try {
      return await Promise.race([done, late])
    } finally {
      over.abort(null)
    }
  }

  async function run(name: string, ask: RunAsk): Promise<Ran> {
    const duty = duties.get(name)
    if (duty === undefined) throw new AppError('request.not-found', `there is no job ${name}`)
    await ready()
    if (ask.dryRun) return await patiently(begin(duty, ask), ask)
    if (!(await lease.acquire())) {
      await records.ask(duty.job.name, ask.by, clock.now())
      return { is: 'asked' }
    }
    try {
      if (!holding) duty.row = (await records.read()).get(name) ?? null
      if (duty.running !== null) throw new AppError('request.conflict', `job ${name} runs already`)
      const done = begin(duty, ask)
      return looping === null ? await done : await patiently(done, ask)
    } finally {
      // A command that runs beside no server: nobody else is kept waiting for the lease to run out.
      if (looping === null) await lease.release()
    }
  }

  return {
    run,
    async list() {
      const rows = holding ? null : await records.read()
      return [...duties.values()].map(({ job, ...duty }) => {
        const row = rows === null ? duty.row : (rows.get(job.name) ?? null)
        return {
          job,
          row,
          // Of its own this process knows better than the ledger.
          running: duty.running ?? (rows !== null && row !== null ? goingOn(row) : null),
          nextAt: rows === null ? duty.due : (row?.nextAt ?? null),
        }
      })
    },
    succeeded() {
      const known = [...duties.values()].flatMap(({ job, row }) => {
        return holding && row !== null && row.succeededAt !== null ? [[job.name, row.succeededAt] as const] : []
      })
      return new Map(known)
    },
    start() {
      looping ??= loop()
    },
    async stop() {
      stopping.abort(new AppError('aborted', 'jobs'))
      const runs = [...duties.values()].map(({ running }) => running?.done)
      const ended = new AbortController()
      const calm = async () => {
        await Promise.allSettled([looping, ...runs])
        await lease.release()
        ended.abort(null)
      }
      await Promise.race([calm(), clock.sleep(stopBound, ended.signal)])
    },
  }
}

/** By what the ledger says of it. */
function goingOn({ startedAt, endedAt, by }: JobRow): JobState['running'] {
  return startedAt === null || endedAt !== null ? null : { since: startedAt, by: by ?? '' }
}
