/** Does the jobs of one batch at one docs-builder: several modules at a time, the jobs of a module in order. */
import type { Readable } from 'node:stream'
import type { DocsBuilder } from '../../connectors/docs-builder/client.ts'
import { hadNoEffect, statusOf } from '../../connectors/docs-builder/errors.ts'
import type { Outcome } from '../../engine/target.ts'
import { AppError, asAppError } from '../../kernel/errors.ts'
import { waiting, type Job, type Told } from './target-jobs.ts'

export interface DeliveryParts {
  readonly builder: DocsBuilder
  readonly open: (archive: string) => Promise<Readable>
  /** Modules at a time. */
  readonly atOnce: number
  /** It cannot be asked afterwards what it dropped. */
  readonly blind: boolean
  /** Throws when nothing may be written any more. */
  readonly fence: () => void
  /** Something was done. */
  readonly done: () => void
  readonly signal: AbortSignal
}

/** So many that did not answer in time, without one between them that did, and the builder is left alone. */
const mostLate = 3

/** Yields outcomes as they come. Throws what concerns the builder as a whole, once all that was under way has ended. */
export async function* deliverJobs(modules: readonly (readonly Job[])[], parts: DeliveryParts): AsyncGenerator<Told> {
  const queue = [...modules]
  const told: Told[] = []
  let news = Promise.withResolvers<void>()
  const delivery = createDelivery(parts, (...outcomes) => {
    told.push(...outcomes)
    news.resolve()
  })
  const work = async () => {
    for (let jobs = queue.shift(); jobs; jobs = queue.shift()) for (const job of jobs) await delivery.run(job)
  }
  let ended = false
  const all = Promise.all(Array.from({ length: parts.atOnce }, work)).finally(() => {
    ended = true
    news.resolve()
  })
  all.catch(() => {})
  while (!ended || told.length > 0) {
    await news.promise
    news = Promise.withResolvers()
    yield* told.splice(0)
  }
  await all
  if (delivery.failure() !== null) throw delivery.failure()
}

function createDelivery(parts: DeliveryParts, tell: (...told: Told[]) => void) {
  const { builder, fence, signal } = parts
  let failure: AppError | null = null
  let late = 0

  const tellAll = (job: Job, outcome: Outcome) => tell(...job.places.map(({ key }): Told => [key, outcome]))

  /** Whether the builder is still worth a request, after one that it did not answer. */
  async function isThere(error: AppError): Promise<boolean> {
    if (statusOf(error) !== null) return true
    if (error.data['why'] === 'timed-out' && (late += 1) >= mostLate) return false
    return builder.healthy(signal)
  }

  async function run(job: Job): Promise<void> {
    // Not begun: surely without effect.
    if (failure !== null) return tellAll(job, { is: 'failed', error: failure, effect: 'none' })
    try {
      fence()
      await (job.is === 'upload' ? upload(job) : remove(job))
      late = 0
      parts.done()
    } catch (thrown) {
      return failed(job, asAppError(thrown, 'internal'))
    }
    tellAll(job, job.is === 'remove' || parts.blind ? { is: 'applied' } : waiting(job.step))
  }

  async function failed(job: Job, error: AppError): Promise<void> {
    if (error.code === 'aborted' || error.code.startsWith('journal.')) {
      failure ??= error
      return
    }
    if (error.code === 'target.refused') {
      return tellAll(job, { is: 'rejected', why: 'refused', detail: error.detail, until: 'item' })
    }
    // The archive could not be opened: no fault of the builder.
    const ours = !('reached' in error.data)
    tellAll(job, { is: 'failed', error, effect: ours || hadNoEffect(error) ? 'none' : 'unknown' })
    if (!ours && failure === null && !(await isThere(error))) failure ??= error
  }

  async function upload({ document, places }: Job & { is: 'upload' }): Promise<void> {
    const { module, version, size, archive } = document
    const channels = places.map(({ channel }) => channel).toSorted()
    const send = () => builder.upload({ module, version, channels, size, open: () => parts.open(archive) }, signal)
    try {
      await send()
    } catch (thrown) {
      // What was there before is gone by now, and the next build would show that; so once more, at once.
      if (!(thrown instanceof AppError) || !isPassing(thrown)) throw thrown
      fence()
      await send()
    }
  }

  function remove({ module, places }: Job & { is: 'remove' }): Promise<void> {
    return builder.remove({ module, channels: places.map(({ channel }) => channel).toSorted() }, signal)
  }

  return { run, failure: () => failure }
}

/** It broke off, or was answered with a failure: nothing that must be so the next time. */
function isPassing({ code, data }: AppError): boolean {
  return code === 'target.unavailable' && data['reached'] === true && data['why'] !== 'timed-out'
}
