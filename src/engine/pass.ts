/**
 * The pass of one sync: look at every scope, deliver to every target, clear old tombstones, report.
 */
import type { Instant, Ms } from '../kernel/clock.ts'
import { commit, type Context } from './context.ts'
import type { PassOptions, PassReport } from './engine.ts'
import { createFleet, type Visit, type VisitOptions } from './fleet.ts'
import { quietlyDrop, quietPatch } from './journal.ts'
import { createLookout } from './lookout.ts'
import { logLine, summarize } from './report.ts'
import { entries, syncs } from './tables.ts'

export interface Passes {
  /** Everything, or what `options.only` names. Journal errors are thrown, all others are in the report. */
  run(options: PassOptions): Promise<PassReport & { readonly again: Instant | null }>
  /**
   * Delivers what is due or was released, without looking at the source. `anew`: reads the set of targets first.
   * `disturbed`: targets to look at, because somebody else may have changed what they hold.
   */
  deliverDue(options?: { readonly anew?: boolean; readonly disturbed?: ReadonlySet<string> }): Promise<void>
  /** From now on, calls back when a target is disturbed, and when a round with one has ended. */
  heed(disturbed: (target: string) => void, ended: () => void): void
  /** When a delivery or a target is due next; null: nothing waits for a time. */
  nextDue(): Promise<Instant | null>
  idle(): Promise<void>
}

/** Scopes that were seen need not wait longer than this for those that are slow. */
const earlyAfter: Ms = 250

/** Looks that take longer, as where a scope hangs, keep no finishing step waiting. */
const longestLooking: Ms = 60_000

/** Removals that a person agreed to; agreeing to none is not vouching for anything. */
const agreed = (options: PassOptions): number => options.allowDeletes ?? 0

export function createPasses<I>(context: Context<I>): Passes {
  const { spec, journal, clock } = context
  const lookout = createLookout(context)
  const fleet = createFleet(context, lookout.rankOf)
  let lookedAt: Instant | null = null
  let looking = 0
  let lookingSince: Ms = 0
  let sweepNeeded = true

  /** One finishing step follows all that a pass finds: the pass itself delivers last. */
  const mayFinish = () => looking === 0 || clock.monotonic() - lookingSince >= longestLooking

  const deliverDue: Passes['deliverDue'] = async ({ anew = false, disturbed = new Set<string>() } = {}) => {
    if (anew) await fleet.refresh()
    await visit({ look: false, disturbed, allowance: { left: 0 }, finish: mayFinish(), patient: false })
  }

  async function paused(): Promise<boolean> {
    return (await journal.get(syncs, { sync: spec.name }))?.state === 'paused'
  }

  async function visit(options: VisitOptions): Promise<Visit[]> {
    if (!(await paused())) return fleet.visit(options)
    return fleet.names.map((target) => ({ target, state: 'skipped', why: 'paused', detail: null }))
  }

  /** Tombstones that every target has passed mean nothing any more. */
  async function sweep(): Promise<void> {
    const rows = [...(await fleet.rows()).values()].filter((row) => row.state !== 'orphaned')
    const passed = rows.length === 0 ? 0 : Math.min(...rows.map((row) => row.cursor))
    if (passed === 0) return
    const sync = spec.name
    const where = { sync, state: 'gone', seq: { atMost: passed } } as const
    const old = await journal.select(entries, { where, limit: 1000, without: ['item'] })
    await commit(
      context,
      [],
      old.map(({ scope, key }) => quietlyDrop(entries, { sync, scope, key })),
    )
    // Those that some target has yet to pass are swept another time.
    const left = await journal.select(entries, { where: { sync, state: 'gone' }, limit: 1, without: ['item'] })
    sweepNeeded = left.length > 0
  }

  function recordPass(ok: boolean) {
    return commit(context, [], [quietPatch(syncs, { sync: spec.name, lastPassAt: clock.now(), lastPassOk: ok })])
  }

  /** Looks, and delivers what was found so far when some scopes keep the others waiting. */
  async function lookAround(options: PassOptions) {
    const looked = new AbortController()
    let early: Promise<void> | null = null
    const over = AbortSignal.any([looked.signal, context.signal])
    const deliverAfter = async (wait: Ms) => {
      await clock.sleep(wait, over)
      if (!over.aborted) await deliverDue()
    }
    const failed = (thrown: unknown) => context.logger.debug({ err: thrown }, 'early delivery failed')
    const vouched = agreed(options) > 0
    const patient = options.why === 'asked'
    const scopeDone = () => {
      early ??= deliverAfter(earlyAfter)
        .catch(failed)
        .finally(() => (early = null))
    }
    if (looking === 0) lookingSince = clock.monotonic()
    looking += 1
    void deliverAfter(longestLooking).catch(failed)
    try {
      const reranked = () => fleet.reset()
      return await lookout.look({ vouched, patient, scopeDone, reranked, ...(options.only && { only: options.only }) })
    } finally {
      looking -= 1
      looked.abort()
    }
  }

  function lookIsDue(options: PassOptions): boolean {
    if (options.only) return false
    if (spec.targetEvery === undefined || options.why === 'asked' || lookedAt === null) return true
    return clock.now() - lookedAt >= spec.targetEvery
  }

  return {
    async run(options) {
      const began = clock.monotonic()
      const unread = await fleet.refresh()
      const before = fleet.totals()
      const looked = await lookAround(options)
      const look = lookIsDue(options)
      if (look) lookedAt = clock.now()
      const errand: VisitOptions = {
        look,
        allowance: { left: agreed(options), strict: agreed(options) > 0 && spec.source.absence !== 'vouched' },
        finish: true,
        patient: options.why === 'asked',
      }
      let visits = await visit(errand)
      const strays = (await looked.strays?.()) ?? { gone: 0, again: null }
      // A pass without an earlier ledger has no other chance to remove what it found.
      if (strays.gone > 0) visits = await visit({ ...errand, look: false })
      const dues = [looked.again, strays.again].filter((again) => again !== null)
      sweepNeeded ||= looked.gone + strays.gone > 0
      if (sweepNeeded) await sweep()
      const found = { ...looked, gone: looked.gone + strays.gone }
      const counts = { before, after: fleet.totals() }
      const report = await summarize(context, clock.monotonic() - began, found, { visits, unread, ...counts })
      await recordPass(report.ok)
      context.logger.info(logLine(report, options.why), 'pass')
      return { ...report, again: dues.length === 0 ? null : Math.min(...dues) }
    },
    deliverDue,
    heed: fleet.heed,
    async nextDue() {
      // Until it is resumed, nothing can be done about what is due.
      if (await paused()) return null
      return fleet.nextDue()
    },
    idle: () => fleet.idle(),
  }
}
