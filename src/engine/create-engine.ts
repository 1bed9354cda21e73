/** Puts the parts of the loop together for a list of syncs. */
import type { Clock, Ms } from '../kernel/clock.ts'
import { digestOf } from '../kernel/digest.ts'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Metrics } from '../kernel/metrics.ts'
import type { Random } from '../kernel/retry.ts'
import type { Context } from './context.ts'
import { planOnly, type Draft } from './dry-run.ts'
import type { Engine, SyncSpec } from './engine.ts'
import { forget, reconsider, setPaused, releaseHold } from './intervene.ts'
import type { Journal } from './journal.ts'
import { createLeasehold } from './lease.ts'
import { observe } from './observe.ts'
import { createPasses } from './pass.ts'
import { createRunner, type Runner } from './runner.ts'
import { enrol } from './roster.ts'
import { syncs } from './tables.ts'

export interface EngineParts {
  readonly journal: Journal
  readonly specs: readonly SyncSpec<never>[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  /** Makes a journal that reads through to this one and keeps its writes to itself (database/draft.ts); for plans. */
  readonly draft: (journal: Journal) => Promise<Draft>
  /** Unique per process and start; who holds a lease. Default: random. */
  readonly holder?: string
}

interface Kept {
  readonly context: Context
  readonly runner: Runner
  readonly held: () => boolean
  readonly stop: AbortController
}

/** Bound of `stop()` when none is given. */
const stopBound: Ms = 10_000

export function createEngine(parts: EngineParts): Engine {
  const { journal, clock, random, logger } = parts
  const holder = parts.holder ?? digestOf([clock.now(), random(), random()]).slice(0, 16)
  const kept = new Map(parts.specs.map((spec) => [spec.name, keep(parts, spec as SyncSpec<unknown>, holder)]))
  if (kept.size !== parts.specs.length) throw new AppError('config.invalid', 'two syncs have one name')
  observe(parts.metrics, journal, [...kept.keys()])

  let enrolled: Promise<void> | null = null
  /** Once per process, before anything is written for a sync; tried again when the ledger did not answer. */
  function enrolOnce(): Promise<void> {
    enrolled ??= enrol(journal, parts.specs).catch((thrown: unknown) => {
      enrolled = null
      throw thrown
    })
    return enrolled
  }

  function find(sync: string): Kept {
    const found = kept.get(sync)
    if (!found)
      throw new AppError(
        'request.not-found',
        `no sync is named "${sync}"; there are: ${[...kept.keys()].join(', ') || 'none'}`,
      )
    return found
  }

  return {
    syncs: [...kept.keys()],
    start() {
      for (const { runner } of kept.values()) runner.start(enrolOnce)
    },
    async stop(bound = stopBound) {
      for (const { stop } of kept.values()) stop.abort(new AppError('aborted', 'the engine stops'))
      const ended = new AbortController()
      const all = Promise.all([...kept.values()].map(({ runner }) => runner.stop())).finally(() => ended.abort())
      all.catch((thrown: unknown) => logger.warn({ err: thrown }, 'a sync did not stop cleanly'))
      await Promise.race([all.catch(() => {}), clock.sleep(bound, ended.signal)])
    },
    async status(sync) {
      const { runner, held, context } = find(sync)
      const row = await journal.get(syncs, { sync })
      return {
        sync,
        registry: context.spec.registry,
        state: row?.state === 'paused' ? 'paused' : 'active',
        running: runner.running(),
        owner: held(),
        lastPassAt: row?.lastPassAt ?? null,
        lastPassOk: row?.lastPassOk ?? null,
        nextPassAt: runner.nextPassAt(),
      }
    },
    fence(sync) {
      const { held, context } = find(sync)
      return held() ? context.fence() : null
    },
    async pass(sync, options) {
      const { runner } = find(sync)
      await enrolOnce()
      return runner.pass(options)
    },
    plan: async (sync, options = {}) => planOnly(find(sync).context, await parts.draft(journal), options),
    hint: (sync, hint) => find(sync).runner.hint(hint),
    async pause(sync, by) {
      const { spec } = find(sync).context
      await enrolOnce()
      await setPaused(journal, spec, true, by)
    },
    async resume(sync, by) {
      const { context, runner } = find(sync)
      await enrolOnce()
      await setPaused(journal, context.spec, false, by)
      runner.nudge()
    },
    async release(hold, by) {
      const sync = await releaseHold(journal, clock, hold, by)
      if (sync !== null) kept.get(sync)?.runner.nudge()
      return sync !== null
    },
    async reconsider(sync, key) {
      const { runner } = find(sync)
      await reconsider(journal, clock, sync, key)
      runner.nudge()
    },
    async forget(what, by) {
      const spec = kept.get(what.sync)?.context.spec ?? null
      const count = await forget(journal, spec, what, by)
      kept.get(what.sync)?.runner.nudge()
      return count
    },
  }
}

function keep(parts: EngineParts, spec: SyncSpec<unknown>, holder: string): Kept {
  const { journal, clock, random, logger } = parts
  const lease = createLeasehold(journal, clock, spec.name, holder)
  const stop = new AbortController()
  const context: Context = { spec, journal, clock, random, logger, fence: lease.fence, signal: stop.signal }
  return { context, runner: createRunner(context, createPasses(context), lease), held: lease.held, stop }
}
