/** Takes what a delivery told of: known once, durable, and then a hint for each repository. */
import { put, quietlyDrop, type Fact, type Journal } from '../../../engine/journal.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { createDeadline } from '../../../kernel/deadline.ts'
import { sha256 } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Stage } from '../model.ts'
import { imageHookEvents, type HookEventRow } from '../tables.ts'
import { createAllowance } from './allowance.ts'
import { takenEvent, type Taken } from './follow.ts'
import { createMatch, type Home } from './match.ts'
import type { Push, Said } from './sender.ts'
import type { Tally } from './tally.ts'

export interface IntakeOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  readonly tally: Tally
  readonly stages: () => readonly Stage[]
  readonly hint: (place: { readonly registry: string; readonly image: string }, tag: string | null) => unknown
  /** Of this process alone. */
  readonly replica: string
  /** Deliveries that wait to be written. Default 1,000. */
  readonly mostWaiting?: number
}

export interface Intake {
  /** Resolves once it is durable and hinted; `request.*` and `journal.*` say why not. */
  take(hook: string, home: Home, said: Said, payload: Uint8Array): Promise<Took>
  /** What another replica took. */
  follow(event: Taken, home: Home): void
  /** Resolves once nothing is written any more. */
  close(): Promise<void>
}

export interface Took {
  readonly accepted: number
  readonly repeated: number
  readonly unmatched: number
  readonly ignored: number
}

/** Repositories in one delivery; where it tells of more pushes than that, they are taken by repository. */
const mostPushes = 100
const mostRepositories = 1_000
/** Senders wait for 1 s to 10 s; what takes longer is sent again, or found by polling. */
const bound: Ms = 5_000
const keptFor: Ms = 24 * 3_600_000
const sweepEvery: Ms = 10 * 60_000
const mostSwept = 500
/** Rows of what nobody follows: a hook may be of all that a registry holds. What is beyond is counted alone. */
const unmatchedRows = { atOnce: 100, perSecond: 1 }

/** With or without a host before it. */
const repositoryShape = /^[\w.:[\]-]+(?:\/[\w.-]+)*$/
const tagShape = /^\w[\w.-]{0,127}$/

interface Seen {
  readonly row: HookEventRow
  /** Those that it may be of. */
  readonly stages: readonly Stage[]
}

/** A place as its stages spell it. */
interface Meant {
  readonly image: string
  readonly tag: string | null
}

export function createIntake(options: IntakeOptions): Intake {
  const { journal, clock, logger, tally, replica, mostWaiting = 1_000 } = options
  const allowance = createAllowance(unmatchedRows, clock)
  let waiting = 0
  let sweptAt: Instant = Number.NEGATIVE_INFINITY
  let sweeping: Promise<void> = Promise.resolve()

  /** One for each repository, of the one tag that is meant, if it is one. */
  function hintAll(registry: string, meant: readonly Meant[]): void {
    for (const [image, those] of Map.groupBy(meant, (one) => one.image)) {
      const [tag = null, ...others] = new Set(those.map((one) => one.tag))
      options.hint({ registry, image }, others.length === 0 ? tag : null)
    }
  }

  async function write(hook: string, facts: readonly Fact[]) {
    if (facts.length === 0) return []
    if (waiting >= mostWaiting) {
      tally.failed(hook, 'too-many', 'more deliveries wait to be written than are kept waiting')
      throw new AppError('journal.unavailable', 'Too many webhooks wait to be written; send it again.', { data: full })
    }
    waiting += 1
    const writing = journal.commit(facts).finally(() => (waiting -= 1))
    const deadline = createDeadline(clock, bound, undefined, 'The webhook could not be written; send it again.')
    try {
      return await deadline.within(writing)
    } finally {
      deadline.end()
    }
  }

  /** Those that nobody had told of. */
  async function commit(hook: string, home: Home, seen: readonly Seen[]): Promise<readonly Seen[]> {
    try {
      const results = await write(
        hook,
        seen.map(({ row }) => factOf(row, replica)),
      )
      return seen.filter((_, n) => results[n] !== 'conflict')
    } catch (thrown) {
      // It is true whether or not it can be written, and perhaps it was.
      if (!isFull(thrown)) hintAll(home.name, seen.flatMap(meantBy))
      throw thrown
    }
  }

  async function sweep(): Promise<void> {
    const old = await journal.select(imageHookEvents, {
      where: { at: { atMost: clock.now() - keptFor } },
      limit: mostSwept,
    })
    const drops = old.map(({ hook, id }) => quietlyDrop(imageHookEvents, { hook, id }))
    if (drops.length > 0) await journal.commit([], { quiet: drops })
    // There may be more.
    if (old.length === mostSwept) sweptAt = Number.NEGATIVE_INFINITY
  }

  function sweepNowAndThen(): void {
    if (clock.now() - sweptAt < sweepEvery) return
    sweptAt = clock.now()
    sweeping = sweep().catch((thrown: unknown) => {
      logger.warn({ err: thrown }, 'old webhooks could not be dropped; tried again later')
    })
  }

  return {
    async take(hook, home, said, payload) {
      const at = clock.now()
      const match = createMatch(home, options.stages())
      const usable = said.pushes.filter(isUsable)
      const pushes = gather(usable)
      const idOf = idsOf(said, pushes, payload, at)
      const all = pushes.map((push, n): Seen => {
        const stages = match(push)
        const image = stages[0]?.image ?? push.repository
        const row = { hook, id: idOf(push, n), at, registry: home.name, image, tag: push.tag, matched: stages.length }
        return { row, stages }
      })
      const durable = all.filter(({ stages }) => stages.length > 0 || allowance.take() === 0)
      const fresh = await commit(hook, home, durable)
      hintAll(home.name, fresh.flatMap(meantBy))
      for (const { row } of fresh) tally.taken({ ...row, by: replica })
      sweepNowAndThen()
      const accepted = fresh.filter(({ stages }) => stages.length > 0).length
      const repeated = durable.length - fresh.length
      const ignored = said.ignored + said.pushes.length - usable.length
      const took = { accepted, repeated, unmatched: all.length - accepted - repeated, ignored }
      for (const outcome of ['accepted', 'repeated', 'unmatched', 'ignored'] as const) {
        tally.count(hook, outcome, took[outcome])
      }
      return took
    },
    follow(event, home) {
      if (event.by === replica) return
      tally.taken(event)
      const stages = createMatch(home, options.stages())({ repository: event.image, tag: event.tag })
      hintAll(home.name, meantBy({ row: event, stages }))
    },
    close: () => sweeping,
  }
}

/** Of the error where no more are kept waiting. */
const full = { waiting: 'full' } as const
const isFull = (thrown: unknown) => thrown instanceof AppError && thrown.data['waiting'] === full.waiting

const meantBy = ({ row, stages }: Seen): Meant[] => stages.map(({ image }) => ({ image, tag: row.tag }))

function factOf(row: HookEventRow, by: string): Fact {
  const { hook, id, registry, image, tag, matched } = row
  return put(
    imageHookEvents,
    row,
    { type: takenEvent, data: { hook, id, registry, image, tag, matched, by } },
    'absent',
  )
}

function isUsable({ repository, tag }: Push): boolean {
  return repository.length <= 512 && repositoryShape.test(repository) && (tag === null || tagShape.test(tag))
}

/** As they are; those of a large delivery by repository. */
function gather(pushes: readonly Push[]): readonly Push[] {
  if (pushes.length <= mostPushes) return pushes
  const names = new Set(pushes.map(({ repository }) => repository))
  if (names.size > mostRepositories) {
    const detail = `It tells of more than ${mostRepositories} repositories.`
    throw new AppError('request.too-large', detail)
  }
  return [...names].map((repository) => ({ id: null, repository, tag: null }))
}

/** Ids of others may be long, or hold what cannot be stored. Senders without ids repeat themselves within seconds. */
function idsOf(said: Said, pushes: readonly Push[], payload: Uint8Array, at: Instant) {
  const whole = said.id ?? `${sha256(payload)} ${Math.floor(at / 60_000)}`
  return (push: Push, n: number): string => {
    const id = push.id ?? (pushes.length === 1 ? whole : `${whole} ${n}`)
    return /^[\x21-\x7e][\x20-\x7e]{0,119}$/.test(id) ? id : sha256(id)
  }
}
