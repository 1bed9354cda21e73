/** Deploys that go on beside the passes of the engine: a job for each stage, some of them at once. */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { createSlots } from '../../../kernel/slots.ts'
import type { Release, StageKey } from '../model.ts'
import type { Progress } from '../routes/parts.ts'
import type { Deployer, DeployRequest, DeployResult } from './deployer.ts'

/** How a job ended. `pending` is no end. */
export type JobEnd = Exclude<DeployResult, { readonly is: 'pending' }>

export interface Job {
  readonly key: StageKey
  readonly effectId: string
  readonly release: Release
  /** When it was begun here. */
  readonly since: Instant
  /** What `pending` gave last: worth writing down. */
  handle: Json
  /** null: it goes on. */
  end: JobEnd | null
  /** Resolves with its end; never rejects. */
  readonly ended: Promise<JobEnd>
  /** Resolves once the handle changed, or it ended. */
  moved(): Promise<void>
  progress(): Progress
}

export interface JobStart {
  readonly request: DeployRequest
  readonly handle: Json
  fence(): void
}

export interface Jobs {
  of(key: StageKey): Job | null
  /** Only where no other job of the stage goes on. */
  start(start: JobStart): Job
  /** Forgets a job that ended. */
  drop(job: Job): void
  /** Ends a job; resolves once it has ended: false: it had not within `bound`. */
  abort(job: Job, bound: Ms): Promise<boolean>
  close(): Promise<void>
}

/** For what a deployer does after its own bound. */
const margin: Ms = 10_000
/** How long one that was told to stop is waited for. */
const graceful: Ms = 5_000

export function createJobs(
  deployer: Deployer,
  { clock, logger, atOnce }: { readonly clock: Clock; readonly logger: Logger; readonly atOnce: number },
): Jobs {
  const jobs = new Map<StageKey, Job>()
  const stops = new Map<Job, AbortController>()
  const closing = new AbortController()
  const slots = createSlots(atOnce)

  async function run({ request, fence }: JobStart, job: Job, say: (step: string) => void, signal: AbortSignal) {
    const leave = await slots.take(signal).catch(() => null)
    if (leave === null) return failedBy(signal.reason)
    const bound = createDeadline(clock, deployer.bound + margin, signal, `deploy of ${job.key} by ${deployer.name}`)
    const work = callUntilEnd(request, job, { say, fence }, bound.signal)
    try {
      return await bound.within(work)
    } catch (thrown) {
      // What still runs must have come to its end before the next one begins.
      bound.end()
      return (await settledWithin(work, graceful)) ?? failedBy(thrown)
    } finally {
      bound.end()
      leave()
    }
  }

  /** null: it does not come to its end. */
  async function settledWithin(work: Promise<JobEnd>, length: Ms): Promise<JobEnd | null> {
    const over = new AbortController()
    const late = clock.sleep(length, over.signal).then(() => null)
    const end = await Promise.race([work.catch(failedBy), late])
    over.abort(null)
    return end
  }

  async function callUntilEnd(
    request: DeployRequest,
    job: Job,
    { say, fence }: { say(step: string): void; fence(): void },
    signal: AbortSignal,
  ): Promise<JobEnd> {
    for (;;) {
      signal.throwIfAborted()
      const result = await deployer.deploy(request, { handle: job.handle, say, fence }, signal)
      if (result.is !== 'pending') return result
      job.handle = result.handle
      if (result.detail !== undefined) say(result.detail)
      await clock.sleep(result.again, signal)
    }
  }

  return {
    of: (key) => jobs.get(key) ?? null,
    start(start) {
      const { stage, release, effectId } = start.request
      const since = clock.now()
      let step = { step: 'waiting for its turn', stepAt: since }
      let move = Promise.withResolvers<void>()
      let handle = start.handle
      const ended = Promise.withResolvers<JobEnd>()
      const stop = new AbortController()
      const signal = AbortSignal.any([stop.signal, closing.signal])
      const job: Job = {
        key: stage.key,
        effectId,
        release,
        since,
        get handle() {
          return handle
        },
        set handle(next) {
          const isSame = JSON.stringify(handle) === JSON.stringify(next)
          handle = next
          if (isSame) return
          move.resolve()
          move = Promise.withResolvers()
        },
        end: null,
        ended: ended.promise,
        moved: () => move.promise,
        progress: () => ({ ...step, revision: release.revision, since }),
      }
      const say = (said: string) => {
        step = { step: said, stepAt: clock.now() }
        logger.debug({ key: job.key, deployer: deployer.name, step: said }, 'step of a deploy')
      }
      jobs.set(job.key, job)
      stops.set(job, stop)
      void run(start, job, say, signal).then((end) => {
        job.end = end
        ended.resolve(end)
        move.resolve()
      })
      return job
    },
    drop(job) {
      stops.delete(job)
      if (jobs.get(job.key) === job) jobs.delete(job.key)
    },
    async abort(job, bound) {
      stops.get(job)?.abort(new AppError('aborted', `another version of ${job.key} came`))
      const over = new AbortController()
      await Promise.race([job.ended, clock.sleep(bound, over.signal)])
      over.abort(null)
      return job.end !== null
    },
    async close() {
      closing.abort(new AppError('aborted', 'the deployer is closed'))
      const over = new AbortController()
      const all = Promise.all([...jobs.values()].map(({ ended }) => ended))
      await Promise.race([all, clock.sleep(graceful, over.signal)])
      over.abort(null)
    },
  }
}

function failedBy(thrown: unknown): JobEnd {
  const error = asAppError(thrown, 'target.unavailable')
  return { is: 'failed', error, effect: error.class === 'reject' ? 'none' : 'unknown' }
}
