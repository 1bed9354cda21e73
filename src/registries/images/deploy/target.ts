/** Makes a target of the engine of a deployer: deploys go on beside its passes, and results become outcomes. */
import type { Key, Look } from '../../../engine/source.ts'
import type { Batch, Change, Held, Outcome, Target } from '../../../engine/target.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Release, Stage, StageKey } from '../model.ts'
import type { ImageRegistry } from '../registry-types/image-registry.ts'
import type { Progress } from '../routes/parts.ts'
import type { Book } from '../stages/book.ts'
import type { Deployer, DeployRequest } from './deployer.ts'
import type { Deployed, Deploys, Receipt } from './deploys.ts'
import { asTheyEnd } from './ends.ts'
import { createJobs, type Job, type JobEnd } from './jobs.ts'

export interface TargetParts {
  readonly book: Pick<Book, 'stage' | 'stages'>
  /** Resolves once the book is read. Every round of the engine begins with it. */
  readonly ready: () => Promise<void>
  readonly registries: ReadonlyMap<string, Pick<ImageRegistry, 'pullCredential'>>
  readonly deploys: Pick<Deploys, 'read'>
  readonly clock: Clock
  readonly logger: Logger
  /** Stages that are deployed side by side. */
  readonly atOnce: number
  /** How often it is looked whether somebody else has deployed there. */
  readonly lookEvery: Ms
  /** How a deploy ended, and how long it took. */
  readonly measured?: (result: JobEnd['is'], took: Ms) => void
}

export interface DeployTarget {
  readonly target: Target<Release>
  /** Longest that the engine has to wait for an outcome. */
  readonly applyBound: Ms
  /** Whether anything runs at a stage, as the last look had it; null: that cannot be told. */
  runs(key: StageKey): boolean | null
  /** The step that a deploy is at; null: none goes on here. */
  progress(key: StageKey): Progress | null
  close(): Promise<void>
}

/** Most deploys end within it: the engine need not ask again. */
const patience: Ms = 1_500
/** How long what an earlier version began may take to stop. */
const stopping: Ms = 10_000
const again = { least: 100, most: 2_000 } as const
/** Changes that the engine hands over at once. */
const page = 64
/** For what a deployer does after its own bound. */
const margin: Ms = 30_000

const unfinished = 'what an earlier version began there has not come to its end; tried again soon'

/** The handle of a change that goes on. */
interface Handle {
  readonly deployer: Json
  /** What it is about: something newer may have come since. */
  readonly release: Release
}

export function targetOf(deployer: Deployer, parts: TargetParts): DeployTarget {
  const { book, clock, deploys } = parts
  const jobs = createJobs(deployer, parts)
  /** Begun again it goes on: nothing is lost when the engine, or this process, lets go of it. */
  const beside = deployer.repeat === 'keyed' && deployer.abortable
  let looked: { readonly asked: ReadonlySet<StageKey>; readonly found: ReadonlySet<StageKey> } | null = null

  function goingOn(key: StageKey): Job | null {
    const job = jobs.of(key)
    return job?.end === null ? job : null
  }

  async function begin(change: Change<Release>, stage: Stage, batch: Batch<Release>): Promise<Job> {
    const { key, was, effectId, entry } = change
    const handle = handleOf(change)
    const known = await deploys.read(key)
    const tag = known?.revision === was?.digest ? (known?.tag ?? null) : null
    const request: DeployRequest = {
      stage,
      release: entry?.item ?? handle!.release,
      effectId,
      was: was?.digest == null ? null : { revision: was.digest, tag },
      credential: (await parts.registries.get(stage.registry)?.pullCredential(stage.image)) ?? null,
    }
    return jobs.start({ request, handle: handle?.deployer ?? null, fence: () => batch.fence() })
  }

  /** The job of exactly this change. null: the one before has not come to its end yet. */
  async function jobFor(change: Change<Release>, stage: Stage, batch: Batch<Release>): Promise<Job | null> {
    const job = jobs.of(change.key)
    if (job?.effectId === change.effectId) return job
    if (job !== null && !(await letGo(job))) return null
    return begin(change, stage, batch)
  }

  /** What it would come to is of no use any more. */
  async function letGo(job: Job): Promise<boolean> {
    if (job.end === null && !(await jobs.abort(job, stopping))) return false
    jobs.drop(job)
    return true
  }

  async function put(change: Change<Release>, batch: Batch<Release>): Promise<Outcome> {
    const stage = book.stage(change.key)
    if (stage === null) throw new AppError('target.refused', `the stage ${change.key} was removed`)
    const job = await jobFor(change, stage, batch)
    if (job === null) return { is: 'failed', error: new AppError('target.conflict', unfinished), effect: 'none' }
    const end = job.end ?? (await waitFor(job))
    if (end === null) return waitingFor(job, clock.now())
    const took = clock.now() - job.since
    const receipt =
      end.is === 'deployed' ? receiptOf(job, end, { at: clock.now(), took }, await deploys.read(change.key)) : null
    jobs.drop(job)
    parts.measured?.(end.is, took)
    return outcomeOf(end, receipt)
  }

  /** Resolves with the end of the job, or null: it gave a handle, or is not worth a longer wait. */
  async function waitFor(job: Job): Promise<JobEnd | null> {
    const over = new AbortController()
    // What may not be begun twice, and has no handle to be asked by, is waited for.
    await Promise.race([job.moved(), ...(beside ? [clock.sleep(patience, over.signal)] : [])])
    over.abort(null)
    return job.end
  }

  async function settle(change: Change<Release>, batch: Batch<Release>): Promise<readonly [Key, Outcome]> {
    const { key } = change
    try {
      if (change.op === 'put') return [key, await put(change, batch)]
      // The stage is no longer ours to change: what runs there goes on running.
      const job = jobs.of(key)
      if (job !== null) await letGo(job)
      return [key, { is: 'applied' }]
    } catch (thrown) {
      // Nothing was begun yet: jobs do not reject.
      return [key, { is: 'failed', error: asAppError(thrown, 'target.unavailable'), effect: 'none' }]
    }
  }

  async function look(signal: AbortSignal): Promise<Look<Held>> {
    const stages = book.stages().filter((stage) => stage.deployer === deployer.name)
    const running = stages.length === 0 ? [] : await deployer.look!(stages, signal)
    looked = { asked: new Set(stages.map(({ key }) => key)), found: new Set(running.map(({ key }) => key)) }
    // While a deploy goes on, what is there is neither the one nor the other yet.
    const settled = running.filter(({ key }) => goingOn(key) === null)
    const items = settled.map(({ key, revision, tag, owned }): Held => ({
      key,
      digest: revision,
      owned,
      ...(tag !== null && { label: tag }),
    }))
    return { saw: 'complete', items }
  }

  /** Nobody tells when somebody else deploys there. */
  async function* looksNowAndThen(signal: AbortSignal): AsyncGenerator<void> {
    for (;;) {
      await clock.sleep(parts.lookEvery, signal)
      if (signal.aborted) return
      yield
    }
  }

  return {
    applyBound: beside ? 2 * stopping + margin : deployer.bound + margin,
    runs: (key) => (looked?.asked.has(key) ? looked.found.has(key) : null),
    progress: (key) => goingOn(key)?.progress() ?? null,
    close: () => jobs.close(),
    target: {
      name: deployer.name,
      fingerprint: deployer.fingerprint,
      traits: {
        repeat: deployer.repeat,
        goesOn: true,
        page: beside ? page : parts.atOnce,
        ...(deployer.look && { lookFirst: true as const }),
      },
      async identity(signal) {
        await parts.ready()
        return deployer.identity(signal)
      },
      ...(deployer.look && { look: (_, signal) => look(signal) }),
      apply: (batch) => asTheyEnd(batch.changes.map((change) => settle(change, batch))),
      ...(deployer.look && { hints: looksNowAndThen }),
    },
  }
}

/** What ran before; of the same version once more what ran before that. */
function previousOf(before: Deployed | null, digest: string): Receipt['previous'] {
  if (before === null) return null
  const { receipt, revision, tag } = before
  if (receipt?.digest === digest) return receipt.previous
  if (receipt) return { tag: receipt.tag, digest: receipt.digest }
  // Found there: its digest is the image's, and where no tag was told it is known by that alone.
  return revision?.startsWith('sha256:') && revision !== digest ? { tag: tag ?? '', digest: revision } : null
}

function outcomeOf(end: JobEnd, receipt: Receipt | null): Outcome {
  switch (end.is) {
    case 'deployed':
      return { is: 'applied', receipt: receipt as unknown as Json }
    case 'rolled-back':
      return { is: 'rejected', why: 'rolled-back', detail: end.why, until: 'item' }
    case 'refused':
      return { is: 'rejected', why: 'refused', detail: end.why, until: end.until }
    case 'failed':
      return end
  }
}

function receiptOf(
  { release, effectId }: Job,
  { ref, detail }: Extract<JobEnd, { is: 'deployed' }>,
  { at, took }: { readonly at: Instant; readonly took: Ms },
  before: Deployed | null,
): Receipt {
  const { tag, digest, revision } = release
  return {
    tag,
    digest,
    revision,
    at,
    took,
    ...(ref !== undefined && { ref }),
    ...(detail !== undefined && { detail }),
    effectId,
    previous: previousOf(before, digest),
  }
}

function handleOf({ handle }: Change<Release>): Handle | null {
  return (handle ?? null) as unknown as Handle | null
}

function waitingFor(job: Job, now: Instant): Outcome {
  const handle: Handle = { deployer: job.handle, release: job.release }
  const wait = Math.min(again.most, Math.max(again.least, (now - job.since) / 4))
  return { is: 'waiting', on: 'deploying', handle: handle as unknown as Json, again: Math.round(wait) }
}
