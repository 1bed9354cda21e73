/** One look at a repository: what it asks, and what it writes of each stage before anybody is told. */
import type { Clock, Instant } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import type { Stage, StageKey, Version } from '../model.ts'
import type { Book } from '../stages/book.ts'
import type { Bounded, Bounds } from './bounds.ts'
import type { Door } from './door.ts'
import type { Follower } from './follower.ts'
import { againOf, emptyJob, type Job } from './job.ts'
import { judge } from './judge.ts'
import { failureOf, none, type Failed, type Outcome } from './outcome.ts'
import type { Reader, Reading } from './reader.ts'
import type { Measures, Place } from './watch.ts'

/** What a look came to. */
export interface Looked {
  /** Tags that were pushed since the last one. */
  readonly found: readonly string[]
  /** What keeps it from being asked again longest; null: all could be told. */
  readonly worst: Failed | null
  readonly requests: number
  /** Checksum of the list; null: none was asked for. */
  readonly list: Digest | null
}

export interface PlaceLookParts {
  readonly place: Place
  /** null: the config has no such registry. */
  readonly reader: Reader | null
  readonly door: Door
  readonly bounds: Bounds
  readonly foldsCase: boolean
  readonly book: Pick<Book, 'state' | 'observed' | 'polledAt'>
  readonly clock: Clock
  readonly deployed: (key: StageKey) => string | null
  readonly measures: Measures | undefined
  /** What the process before this one saw last. */
  readonly seenBefore: (stage: Stage) => Promise<Version | null>
  /** A look at the stage saw something else than before. */
  readonly changed: (follower: Follower) => void
}

export interface PlaceLook {
  /** Rejects for what no registry does: the ledger cannot be written. Or after `abort`. */
  run(about: readonly Follower[], job: Job): Promise<Looked>
  /** What such a look would find. Nothing is written, and nobody is told. */
  peek(about: readonly Follower[]): Promise<ReadonlyMap<Follower, Outcome>>
  abort(): void
}

/** `followers` are those that there are when a look ends: what was seen of others is nobody's any more. */
export function createPlaceLook(parts: PlaceLookParts, followers: ReadonlyMap<StageKey, Follower>): PlaceLook {
  const { place, door, book, clock, measures } = parts
  const { registry, image } = place
  const underWay = new Set<Bounded<Reading>>()

  async function read(about: readonly Follower[], job: Job): Promise<Reading> {
    const { reader } = parts
    const closed = door.closedUntil()
    if (reader === null) return all(about, none('not_found', `images.registries has no ${registry}`))
    if (closed !== null) return all(about, restOf(closed, registry))
    for (const follower of about) if (follower.outcome === null) await recall(follower)
    const wants = { followers: about, again: againOf(job, parts.foldsCase) }
    const reading = parts.bounds.begin(`look at ${registry}/${image}`, (signal) => reader.read(wants, signal))
    underWay.add(reading)
    try {
      return await reading.done
    } catch (thrown) {
      if (asAppError(thrown).code !== 'timed-out') throw thrown
      return all(about, failureOf(thrown, clock.now()))
    } finally {
      underWay.delete(reading)
    }
  }

  async function recall(follower: Follower): Promise<void> {
    if (follower.seen !== null || follower.anew) return
    const before = await parts.seenBefore(follower.stage)
    follower.seen = before
    // Of a platform it is no digest that a tag stands for.
    if (before !== null && follower.stage.platform === null) parts.reader?.recall(before.tag, before.digest)
  }

  async function take({ outcomes }: Reading): Promise<readonly string[]> {
    const found: string[] = []
    const writing: Promise<void>[] = []
    const now = clock.now()
    for (const [follower, outcome] of outcomes) {
      const { key } = follower.stage
      if (followers.get(key) !== follower) continue
      if (outcome.is !== 'failed') book.polledAt(key, now, outcome.is === 'version' ? outcome.version.tag : null)
      if (outcome === follower.outcome) {
        follower.checkedAt = now
        measures?.checked(registry, 'unchanged')
        if (follower.told === null) parts.changed(follower)
      } else writing.push(write(follower, outcome, found))
    }
    // All of them: one that the ledger does not take must not leave others half done behind us.
    for (const one of await Promise.allSettled(writing)) if (one.status === 'rejected') throw one.reason
    return found
  }

  async function write(follower: Follower, outcome: Outcome, found: string[]): Promise<void> {
    const { key } = follower.stage
    const judged = judge(follower, outcome, { state: book.state(key), deployed: parts.deployed(key) })
    const { result, detail, version } = judged
    measures?.checked(registry, result)
    if (judged.worthNoting) {
      follower.noting = true
      await book.observed(key, { result, detail, version }).finally(() => (follower.noting = false))
    }
    if (followers.get(key) !== follower) return
    if (judged.found && version !== null) found.push(version.tag)
    follower.outcome = outcome
    follower.seen = version ?? follower.seen
    follower.checkedAt = clock.now()
    parts.changed(follower)
  }

  return {
    async run(about, job) {
      const began = clock.monotonic()
      const reading = await read(about, job)
      const worst = worstOf(reading)
      door.ended(worst, image)
      const found = await take(reading)
      measures?.looked(registry, clock.monotonic() - began)
      return { found, worst, requests: reading.requests, list: reading.list }
    },
    async peek(about) {
      return (await read(about, { ...emptyJob(), everything: true })).outcomes
    },
    abort() {
      for (const reading of underWay) reading.abort(new AppError('aborted', `look at ${registry}/${image}`))
    },
  }
}

function all(about: readonly Follower[], outcome: Outcome): Reading {
  return { outcomes: new Map(about.map((follower) => [follower, outcome])), requests: 0, list: null }
}

function restOf(until: Instant, registry: string): Failed {
  const detail = `${registry} has said to whomever asked before: not yet; it is asked again when it allows that`
  return { is: 'failed', result: 'rate_limited', detail, until }
}

/** What keeps all longest; null: nothing failed. */
function worstOf({ outcomes }: Reading): Failed | null {
  let worst: Failed | null = null
  for (const outcome of outcomes.values()) {
    if (outcome.is === 'failed' && (worst === null || (outcome.until ?? 0) > (worst.until ?? 0))) worst = outcome
  }
  return worst
}
