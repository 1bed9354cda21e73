/**
 * Keeps one sync running: takes its lease, decides when a pass or a delivery is worth it and why, and
 * wakes for hints, due deliveries and whatever other replicas write to the ledger.
 */
import type { Instant, Ms } from '../kernel/clock.ts'
import { asAppError } from '../kernel/errors.ts'
import { fullJitter } from '../kernel/retry.ts'
import type { Context } from './context.ts'
import type { PassOptions, PassReport } from './engine.ts'
import type { Leasehold } from './lease.ts'
import { listen } from './listen.ts'
import type { Passes } from './pass.ts'
import type { Reason } from './reason.ts'
import { nextPass } from './schedule.ts'
import type { Hint } from './source.ts'

export interface Runner {
  /** `first` is done before the first pass, and again until it succeeds. */
  start(first: () => Promise<void>): void
  /** Takes the lease where the runner does not run. Waits for every scope and target. */
  pass(options: PassOptions): Promise<PassReport>
  hint(hint: Hint): void
  /** Something was released or resumed: deliver soon. */
  nudge(): void
  running(): boolean
  nextPassAt(): Instant | null
  stop(): Promise<void>
}

/** Hints that come together are looked at together: long enough for an editor's rename and write, short enough to feel at once. */
const hintsGather: Ms = 50
/** How often another replica's lease is tried. */
const leaseRetry: Ms = 2_000
/** A single key is looked at by itself up to this many; beyond that a full look costs less. */
const hintsMost = 100

/** How long the loop waits for a pass before it goes on beside it, and how many may overlap. */
const patience: Ms = 1_000
const overlapping = 8
/** Least time between two glances that only the ledger's moving asks for. */
const restBetween: Ms = 200
/** Least time between two looks at a target that others write to. */
const restOfTargets: Ms = 500

export function createRunner(context: Context, passes: Passes, lease: Leasehold): Runner {
  const { spec, clock, journal, random, logger } = context
  const passing = new Set<Promise<unknown>>()
  let hints: Hint[] = []
  let confirmAt: Instant | null = null
  /** After a pass that failed: what it was to do is not lost. */
  let retryAt: Instant | null = null
  let failedInRow = 0
  let setChanged = false
  /** Targets that somebody else may have changed. */
  let disturbed = new Set<string>()
  let disturbedAt: Instant | null = null
  let disturbedLast: Instant = 0
  let deliverAt: Instant | null = null
  let wake = () => {}
  let loop: Promise<void> = Promise.resolve()
  let nextAt: Instant | null = null
  let actedAt: Instant = 0

  async function pass(options: PassOptions): Promise<PassReport> {
    const { again, ...report } = await passes.run(options)
    if (again !== null) confirmAt = Math.min(confirmAt ?? again, again)
    wake()
    return report
  }

  function scheduled(): Reason {
    if (actedAt === 0) return 'start'
    return spec.schedule.cron === undefined ? 'interval' : 'cron'
  }

  /** What the loop should do now; null: nothing. */
  function wanted(): PassOptions | 'deliver' | null {
    const now = clock.now()
    if (nextAt !== null && nextAt <= now) return { why: scheduled() }
    if (confirmAt !== null && confirmAt <= now) return { why: 'confirm' }
    if (retryAt !== null && retryAt <= now) return { why: 'retry' }
    if (hints.length > 0) return hints.length > hintsMost ? { why: 'hint' } : { why: 'hint', only: hints }
    const due = [deliverAt, disturbedAt].some((at) => at !== null && at <= now)
    return setChanged || due ? 'deliver' : null
  }

  /** Starts what is wanted and waits a while for it: a scope or target that hangs must not hold up the next pass. */
  async function act(): Promise<void> {
    const todo = wanted()
    if (todo === null) return
    deliverAt = null
    const now = clock.now()
    let work: Promise<unknown>
    if (todo === 'deliver') {
      work = passes.deliverDue({ anew: setChanged, disturbed })
      setChanged = false
      if (disturbed.size > 0) disturbedLast = now
      disturbed = new Set()
      disturbedAt = null
    } else {
      hints = []
      if (!todo.only) {
        confirmAt = null
        retryAt = null
        nextAt = nextPass(spec.schedule, nextAt ?? now, now, random)
      }
      work = pass(todo)
    }
    actedAt = clock.now()
    await track(work)
  }

  async function track(work: Promise<unknown>): Promise<void> {
    const done = new AbortController()
    const tracked = work.then(succeeded, failed).finally(() => {
      passing.delete(tracked)
      done.abort()
    })
    passing.add(tracked)
    let waited = false
    // What fails after the wait is over is logged here; what fails before is thrown.
    tracked.catch((thrown: unknown) => (waited ? complain(thrown) : undefined))
    await Promise.race([tracked, clock.sleep(Math.min(spec.schedule.interval ?? patience, patience), done.signal)])
    waited = true
    if (passing.size >= overlapping) await Promise.race(passing)
  }

  function succeeded(): void {
    failedInRow = 0
  }

  function failed(thrown: unknown): never {
    retryAt = clock.now() + patience + fullJitter(failedInRow, { first: 1_000, most: 60_000 }, random)
    failedInRow += 1
    throw thrown
  }

  function complain(thrown: unknown): void {
    if (context.signal.aborted) return
    const error = asAppError(thrown)
    logger[error.class === 'bug' ? 'error' : 'warn']({ sync: spec.name, err: error }, 'pass failed')
  }

  async function sleepUntilWanted(): Promise<void> {
    const due = await passes.nextDue()
    // What stays due although it was just acted on must not make the loop spin.
    const dueAt = due === null ? null : Math.max(due, actedAt + restBetween)
    if (dueAt !== null) deliverAt = Math.min(deliverAt ?? dueAt, dueAt)
    if (wanted() !== null) return
    const woken = new AbortController()
    wake = () => woken.abort()
    const times = [nextAt, confirmAt, retryAt, deliverAt, disturbedAt].filter((time) => time !== null)
    // At least once a minute: a due time that somebody else wrote is not missed for long.
    const length = Math.min(60_000, ...times.map((time) => time - clock.now()))
    await clock.sleep(Math.max(0, length), AbortSignal.any([woken.signal, context.signal]))
    wake = () => {}
    if (hints.length > 0 && !context.signal.aborted) await clock.sleep(hintsGather, context.signal)
  }

  async function run(first: () => Promise<void>): Promise<void> {
    let failures = 0
    nextAt = clock.now()
    const unsubscribe = journal.subscribe(() => {
      deliverAt ??= Math.max(clock.now(), actedAt + restBetween)
      wake()
    })
    while (!context.signal.aborted) {
      try {
        if (!lease.held() && !(await lease.acquire())) {
          await clock.sleep(leaseRetry, context.signal)
          continue
        }
        await first()
        await act()
        await sleepUntilWanted()
        failures = 0
      } catch (thrown) {
        complain(thrown)
        await clock.sleep(fullJitter(failures, { first: 500, most: 30_000 }, random), context.signal)
        failures += 1
      }
    }
    unsubscribe()
  }

  /** At once, and then no more often than `restOfTargets`: somebody may write there all the time. */
  function disturb(target: string): void {
    disturbed.add(target)
    disturbedAt ??= Math.max(clock.now() + hintsGather, disturbedLast + restOfTargets)
    wake()
  }

  function takeHint(hint: Hint): void {
    // More than that are a full look anyway.
    if (hints.length <= hintsMost) hints.push(hint)
    wake()
  }

  function listenToAll(): Promise<unknown> {
    const { source, targets } = spec
    const changed = () => {
      setChanged = true
      wake()
    }
    const hintsOf = source.hints && (() => source.hints!(context.signal))
    const changesOf = targets.changes && (() => targets.changes!(context.signal))
    return Promise.all([
      hintsOf && listen(context, hintsOf, takeHint, 'hints of the source ended', context.signal),
      changesOf && listen(context, changesOf, changed, 'changes of the set of targets ended', context.signal),
    ])
  }

  return {
    start(first) {
      passes.heed(disturb, () => wake())
      loop = Promise.all([run(first), listenToAll()]).then(() => {})
    },
    async pass(options) {
      // Held by another process: the fence says so.
      if (!(await lease.acquire())) lease.fence()
      const work = pass(options)
      passing.add(work)
      return work.finally(() => passing.delete(work))
    },
    hint: takeHint,
    nudge() {
      deliverAt = clock.now()
      wake()
    },
    running: () => passing.size > 0,
    nextPassAt: () => nextAt,
    async stop() {
      wake()
      await loop
      await Promise.allSettled(passing)
      await passes.idle()
      await lease.release()
    },
  }
}
