/** The targets of a sync, which may come and go, and a courier for each. */
import type { Instant, Ms } from '../kernel/clock.ts'
import { createDeadline } from '../kernel/deadline.ts'
import { asAppError } from '../kernel/errors.ts'
import { commit, limitsOf, tell, type Context } from './context.ts'
import { createCourier, type Courier } from './courier.ts'
import type { Counts, Round } from './deliver.ts'
import type { Allowance } from './gate.ts'
import { forgetTarget } from './intervene.ts'
import { put, quietPatch, type Stored } from './journal.ts'
import { listen } from './listen.ts'
import { createPlanner } from './plan.ts'
import type { Reason } from './reason.ts'
import type { Scope } from './scope.ts'
import { deliveries, targets, type TargetRow } from './tables.ts'
import type { Target } from './target.ts'

/** A round, or why there was none. */
export type Visit =
  | Round
  | { readonly target: string; readonly state: 'skipped'; readonly why: Reason; readonly detail: string | null }

/**
 * How long a pass waits behind an earlier round of a target of which nothing comes: others are not to wait for it.
 * Where there are none, long enough for a look at a large one.
 */
const patience = { amongOthers: 1_000, alone: 10_000 } as const
/** And behind one that gets on, where others wait, too. */
const longestWait: Ms = 60_000

export interface VisitOptions {
  /** Look at every target that can be looked at, and ask each who it is. */
  readonly look: boolean
  /** Look at these in any case. */
  readonly disturbed?: ReadonlySet<string>
  readonly allowance: Allowance
  /** Also settle what targets are owed. */
  readonly finish: boolean
  /** Also those that failed and were to be left alone for a while; and wait for those whose earlier round still runs. */
  readonly patient: boolean
}

export interface Fleet {
  /** Reads the set of targets. One that left is orphaned: kept in the ledger until it returns or is forgotten. Resolves to why it could not be read, or null. */
  refresh(): Promise<string | null>
  visit(options: VisitOptions): Promise<Visit[]>
  readonly names: readonly string[]
  /** From now on, calls back when somebody else may have changed what a target holds, and when a round has ended. */
  heed(disturbed: (target: string) => void, ended: () => void): void
  /** What each target's rounds did since the start. */
  totals(): ReadonlyMap<string, Counts>
  rows(): Promise<ReadonlyMap<string, Stored<TargetRow>>>
  /** Makes every target compare everything anew. */
  reset(): Promise<void>
  /** When a delivery is due, or a target that failed may be tried again; null: nothing waits for a time. */
  nextDue(): Promise<Instant | null>
  idle(): Promise<void>
}

export function createFleet<I>(context: Context<I>, rankOf: (scope: Scope) => number): Fleet {
  const { spec, journal, clock } = context
  /** Also of targets that left, while a round of theirs still runs. */
  const couriers = new Map<string, Courier<I>>()
  let last: readonly Target<I>[] = []
  let listed: ReadonlySet<string> = new Set()
  let heeded: ((target: string) => void) | null = null
  let ended = () => {}
  /** Targets whose hints are listened to, and how to stop that. */
  const ears = new Map<string, { readonly target: Target<I>; readonly stop: AbortController }>()
  const planner = createPlanner(journal, spec.name, rankOf)

  async function rows(): Promise<Map<string, Stored<TargetRow>>> {
    const found = await journal.select(targets, { where: { sync: spec.name } })
    return new Map(found.map((row) => [row.target, row]))
  }

  function take(set: readonly Target<I>[]): void {
    last = set
    listed = new Set(set.map((target) => target.name))
    for (const target of set) {
      const known = couriers.get(target.name)
      if (known) known.use(target)
      else
        couriers.set(
          target.name,
          createCourier(context, target, planner, () => ended()),
        )
    }
    listenTo(set)
    for (const [name, courier] of couriers) {
      if (listed.has(name)) continue
      courier.use(null)
      void courier.idle().then(() => listed.has(name) || couriers.delete(name))
    }
  }

  async function letOthersGo(): Promise<void> {
    for (const row of (await rows()).values()) {
      if (listed.has(row.target)) continue
      if (row.state === 'orphaned') {
        if (row.due !== null && row.due <= clock.now()) await forgetTarget(journal, spec.name, row.target, 'engine')
        continue
      }
      const { seq: _, ...columns } = row
      const event = tell(context, 'target.orphaned', { target: row.target, reason: 'orphaned' })
      // Tombstones do not wait for it: once it returns, everything is compared.
      const keeps = spec.targets.keeps?.(row.target) ?? null
      const due = keeps === null ? null : clock.now() + keeps
      const kept: TargetRow = { ...columns, state: 'orphaned', why: 'orphaned', due, cursor: 0, mark: null }
      await commit(context, [put(targets, kept, event)])
    }
  }

  function listenTo(set: readonly Target<I>[]): void {
    for (const [name, ear] of ears) {
      if (set.includes(ear.target)) continue
      ear.stop.abort()
      ears.delete(name)
    }
    for (const target of set) {
      if (target.hints === undefined || heeded === null || ears.has(target.name)) continue
      const stop = new AbortController()
      ears.set(target.name, { target, stop })
      const signal = AbortSignal.any([stop.signal, context.signal])
      const disturb = () => heeded?.(target.name)
      void listen(context, () => target.hints!(signal), disturb, `hints of target ${target.name} ended`, signal)
    }
  }

  function unread(error: string): void {
    context.logger.warn({ sync: spec.name, error }, 'set of targets could not be read; the known ones stay')
  }

  function isClosed(row: TargetRow): boolean {
    return row.state === 'unavailable' && row.due !== null && row.due > clock.now()
  }

  async function visitOne(
    target: string,
    courier: Courier<I>,
    row: TargetRow | undefined,
    busy: boolean,
    options: VisitOptions,
  ): Promise<Visit> {
    if (row && isClosed(row) && !options.patient) {
      return { target, state: 'skipped', why: 'circuit-open', detail: row.detail }
    }
    // One that did not answer is asked again, also when nothing is to be sent: else it would be shown down for long.
    const idle = !busy && row?.owed == null && row?.state !== 'unavailable' && !courier.isNew()
    const look = options.look || (options.disturbed?.has(target) ?? false)
    if (idle && !look) return { target, state: 'ok', detail: null }
    const behind = courier.isBusy()
    const round = courier.run({ look, idle, finish: options.finish, allowance: options.allowance })
    return behind && !options.patient ? whileItGetsOn(target, courier, round) : round
  }

  /** Passes must not pile up behind a target that takes its time: the round comes when the one before it is over. */
  async function whileItGetsOn(target: string, courier: Courier<I>, round: Promise<Round>): Promise<Visit> {
    const alone = listed.size === 1
    const until = alone ? Infinity : clock.monotonic() + longestWait
    const over = new AbortController()
    const late = async (): Promise<Visit> => {
      for (let before = stepsOf(courier); ; before = stepsOf(courier)) {
        await clock.sleep(alone ? patience.alone : patience.amongOthers, over.signal)
        const stands = stepsOf(courier) === before
        if (stands || over.signal.aborted || clock.monotonic() >= until) break
      }
      return { target, state: 'skipped', why: 'busy', detail: 'the round before still runs' }
    }
    try {
      return await Promise.race([round, late()])
    } finally {
      over.abort(null)
      round.catch((thrown: unknown) => context.logger.debug({ err: thrown, target }, 'round failed'))
    }
  }

  return {
    rows,
    get names() {
      return [...listed]
    },
    heed(disturbed, over) {
      heeded = disturbed
      ended = over
    },
    totals: () => new Map([...couriers].map(([name, courier]) => [name, courier.total()])),
    async refresh() {
      const deadline = createDeadline(clock, limitsOf(spec).look, context.signal, `targets of ${spec.name}`)
      try {
        const set = await deadline.within(spec.targets.list(deadline.signal))
        if (set.saw === 'complete') {
          take(set.targets)
          await letOthersGo()
          return null
        }
        unread(set.detail)
        const known = [...last, ...(set.targets ?? [])]
        take([...new Map(known.map((target) => [target.name, target])).values()])
        return set.detail
      } catch (thrown) {
        const error = asAppError(thrown)
        if (error.code.startsWith('journal.') || context.signal.aborted) throw error
        unread(error.message)
        return error.message
      } finally {
        deadline.end()
      }
    },
    async visit(options) {
      const known = await rows()
      const standings = [...listed].map((target) => ({ target, cursor: known.get(target)?.cursor ?? 0 }))
      const busy = await planner.glance(standings, clock.now())
      return Promise.all(
        standings.map(({ target }) =>
          visitOne(target, couriers.get(target)!, known.get(target), busy.has(target), options),
        ),
      )
    },
    async reset() {
      const quiet = [...(await rows()).keys()].map((target) =>
        quietPatch(targets, { sync: spec.name, target, cursor: 0 }),
      )
      await commit(context, [], quiet)
    },
    async nextDue() {
      // Nothing can be done about what waits for a round to end; its end calls back.
      const isFree = (target: string) => couriers.get(target)?.isBusy() === false
      const here = [...(await rows()).values()].filter((row) => listed.has(row.target) && isFree(row.target))
      const dues = here.flatMap((row) => row.due ?? [])
      // What a target left alone for a while is to get waits for the target.
      const open = here.filter((row) => !isClosed(row)).map((row) => row.target)
      const where = { sync: spec.name, target: { in: open }, due: { above: 0 } }
      const [first] = await journal.select(deliveries, { where, order: ['due'], limit: 1 })
      if (first) dues.push(first.due!)
      return dues.length === 0 ? null : Math.min(...dues)
    },
    async idle() {
      await Promise.all([...couriers.values()].map((courier) => courier.idle()))
    },
  }
}

/** Grows with whatever rounds do. */
function stepsOf<I>(courier: Courier<I>): number {
  const { applied, adopted, drifted, pages } = courier.total()
  return applied + adopted + drifted + pages
}
