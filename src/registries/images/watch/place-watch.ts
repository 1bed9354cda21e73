/**
 * One repository: when it is looked at next and why, one look at a time, and what each came to. What a look finds is
 * written to the book before anybody is told.
 */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Random } from '../../../kernel/retry.ts'
import type { StageKey } from '../model.ts'
import { createErrands } from './errands.ts'
import type { Follower } from './follower.ts'
import { emptyJob, followersOf, type Job } from './job.ts'
import { createPlaceLook, type PlaceLookParts } from './place-look.ts'
import { createLookRecord } from './look-record.ts'
import type { Outcome } from './outcome.ts'
import { createProof } from './proof.ts'
import type { Repositories } from './repositories.ts'
import { createRhythm } from './rhythm.ts'
import type { Place, PlaceStatus } from './watch.ts'

export interface PlaceWatch {
  readonly place: Place
  readonly followers: ReadonlyMap<StageKey, Follower>
  /** `replan` comes after these. */
  add(follower: Follower): void
  drop(key: StageKey): void
  /** Begins what is due; the alarm's to call. */
  ring(): void
  /** Something was pushed there. */
  hint(job: Job): void
  /** A look that begins its requests from now on. Never rejects. */
  lookNow(): Promise<void>
  /** What a look would find now, without one: for who only wants to know. */
  peek(): Promise<ReadonlyMap<Follower, Outcome>>
  /** The one that goes on, or a new one. Never rejects. */
  settled(): Promise<void>
  /** When the look that goes on was asked for; null: none does. */
  lookingSince(): Instant | null
  /** Its stages, the interval, or who is active are others. */
  replan(): void
  recall(): void
  webhookCame(tag: string | null): void
  status(): PlaceStatus
  /** Ends what goes on; resolves when it has. */
  close(): Promise<void>
}

export interface PlaceParts extends PlaceLookParts {
  readonly random: Random
  readonly logger: Logger
  readonly repositories: Repositories
  readonly pollInterval: () => Ms
  readonly coalesce: Ms
  /** Somebody wants to be told by this process of stages of that deployer, without asking. */
  readonly heard: (deployer: string) => boolean
  /** This replica is the one that asks registries for that deployer. */
  readonly runs: (deployer: string) => boolean
  readonly alarm: (at: Instant | null) => void
  /** A look ended, whatever it came to. */
  readonly ended: () => void
}

interface Run {
  /** It asks by now: what is pushed from here on is for the next. */
  begun: boolean
  readonly since: Instant
  readonly done: Promise<void>
}

export function createPlaceWatch(parts: PlaceParts): PlaceWatch {
  const { place, door, clock, logger } = parts
  const { registry, image } = place
  const closing = new AbortController()
  const followers = new Map<StageKey, Follower>()
  const proof = createProof(clock)
  const errands = createErrands(parts)
  const record = createLookRecord({ ...parts, proof })
  const rhythm = createRhythm({
    phaseKey: `${registry}/${image}`,
    clock,
    random: parts.random,
    pollInterval: parts.pollInterval,
    slowedDown: () => slow,
  })
  let slow = false
  let running: Run | null = null
  let next: PromiseWithResolvers<void> | null = null
  /** Another replica ran the syncs when it was last time to ask. */
  let stoodBack = false

  const look = createPlaceLook(parts, followers)
  const some = (is: (deployer: string) => boolean) => [...followers.values()].some(({ stage }) => is(stage.deployer))
  const isActive = () => some(parts.heard)
  const runsHere = () => some((deployer) => parts.heard(deployer) && parts.runs(deployer))

  function pollsAt(): Instant | null {
    return isActive() ? rhythm.at() : null
  }

  function dueAt(): Instant | null {
    const { owedAt, wantedAt } = errands
    const times = [owedAt === null ? pollsAt() : isActive() ? owedAt : null, wantedAt]
    return times.reduce((least, at) => (at === null || (least !== null && least <= at) ? least : at), null)
  }

  /** While a look goes on nothing rings: it sees to that when it ends. */
  function arm(): void {
    parts.alarm(running === null && !closing.signal.aborted ? dueAt() : null)
  }

  function replan(): void {
    slow = proof.holds()
    rhythm.plan([...followers.values()].map(({ stage }) => stage))
    arm()
  }

  function begin(): Promise<void> {
    if (running !== null) return running.done
    const ended = Promise.withResolvers<void>()
    const run: Run = { begun: false, since: clock.now(), done: ended.promise }
    running = run
    parts.alarm(null)
    const after = () => {
      running = null
      parts.ended()
      ended.resolve()
      if (next !== null && !closing.signal.aborted) void begin()
      else arm()
    }
    void go(run).then(after, after)
    return run.done
  }

  async function go(run: Run): Promise<void> {
    let leave = (): void => {}
    let job: Job | null = null
    let waiting: PromiseWithResolvers<void> | null = null
    try {
      leave = await door.enter(closing.signal)
      run.begun = true
      waiting = next
      next = null
      job = errands.take()
      await lookFor(job)
    } catch (thrown) {
      if (!closing.signal.aborted) failed(thrown, job)
    } finally {
      leave()
      waiting?.resolve()
      if (closing.signal.aborted) next?.resolve()
    }
  }

  /** Nothing that a registry does: the ledger cannot be written, or we have a defect. */
  function failed(thrown: unknown, job: Job | null): void {
    const error = asAppError(thrown)
    logger[error.class === 'bug' ? 'error' : 'warn']({ registry, image, err: error }, 'look at a repository failed')
    errands.repeat({ ...(job ?? emptyJob()), everything: true }, null)
  }

  async function lookFor(job: Job): Promise<void> {
    const about = followersOf(job, followers.values(), ({ stage }) => rhythm.due(stage))
    const looked = about.length === 0 ? null : await look.run(about, job)
    rhythm.done()
    if (looked === null) return
    const { worst } = looked
    record.keep(looked)
    learn(job, looked.found)
    if (worst === null) errands.succeeded()
    else errands.repeat({ ...job, everything: false }, worst.until)
    if (isActive()) record.note()
  }

  /** What a look found, or did not, says something of webhooks. */
  function learn(job: Job, found: readonly string[]): void {
    if (found.length > 0) {
      if (job.webhook) proof.told()
      else if (!job.asked && proof.found(found)) {
        logger.info({ registry, image, tags: found }, 'found what no webhook told of; polled as often as before')
      }
    }
    if (slow !== proof.holds()) replan()
  }

  /** What others have told the engine meanwhile is not known: all is looked at, and told, anew. */
  function comeForward(): void {
    stoodBack = false
    for (const follower of followers.values()) follower.told = null
    errands.want({ ...emptyJob(), everything: true, asked: true }, clock.now())
  }

  return {
    place,
    followers,
    add: (follower) => void followers.set(follower.stage.key, follower),
    drop: (key) => void followers.delete(key),
    ring() {
      if (runsHere()) {
        if (stoodBack) comeForward()
        void begin()
        return
      }
      // Whoever runs the sync asks; what comes of it is not known here.
      stoodBack = true
      rhythm.done()
      errands.take()
      arm()
    },
    hint(job) {
      errands.want(job, clock.now() + parts.coalesce)
      if (running !== null) return
      if (parts.coalesce === 0) void begin()
      else arm()
    },
    lookNow() {
      errands.want({ ...emptyJob(), everything: true, asked: true }, clock.now())
      if (running === null || !running.begun) return begin()
      next ??= Promise.withResolvers<void>()
      return next.promise
    },
    settled() {
      if (running !== null) return running.done
      errands.want({ ...emptyJob(), everything: true, asked: true }, clock.now())
      return begin()
    },
    lookingSince: () => running?.since ?? null,
    async peek() {
      await running?.done
      const leave = await door.enter(closing.signal)
      try {
        return await look.peek([...followers.values()])
      } finally {
        leave()
      }
    },
    replan,
    recall: () => record.recall(),
    webhookCame(tag) {
      if (proof.came(tag)) replan()
    },
    status: () => ({
      ...place,
      stages: [...followers.keys()],
      lookedAt: record.lookedAt,
      nextAt: isActive() ? dueAt() : null,
      slowedDown: proof.holds(),
      looking: running !== null,
      failures: errands.failures,
      requests: record.requests,
    }),
    async close() {
      closing.abort(null)
      look.abort()
      parts.alarm(null)
      door.forget(image)
      await running?.done
    },
  }
}
