/** One sync, its source, its sites, its ledger and the process that runs it: everything that a history acts on. */
import type { Ms } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import { silentLogger, type Logger } from '../../kernel/logger.ts'
import { createMetrics } from '../../kernel/metrics.ts'
import type { EngineParts } from '../create-engine.ts'
import type { Engine, PassOptions, PassReport, RemovalBudget, SyncSpec } from '../engine.ts'
import type { Journal } from '../journal.ts'
import { holds } from '../tables.ts'
import { audited } from './audit.ts'
import { createFakeClock, type FakeClock, type Outside } from './fake-clock.ts'
import {
  createFakeSource,
  labelOfContent,
  noFaults,
  type Item,
  type SourceFaults,
  type SourceSetting,
} from './fake-source.ts'
import { createJudge, type Judge } from './judge.ts'
import { createProcess, type Kill, type Process, type Tape } from './process.ts'
import { seededRandom } from './seeded.ts'
import { createBuilder } from './sites/builder.ts'
import { createCommand } from './sites/command.ts'
import { createDocument } from './sites/document.ts'
import { createLabels } from './sites/labels.ts'
import type { Site, Witness } from './sites/site.ts'
import { createStore } from './sites/store.ts'
import { createTold, createTruth, type Told, type Truth } from './truth.ts'

export type MakeEngine = (parts: Omit<EngineParts, 'draft'>) => Engine

export type SiteKind =
  | 'store'
  | 'marked-store'
  | 'builder'
  | 'blind-builder'
  | 'document'
  | 'command'
  | 'labels'
  | 'blind-labels'

export interface Setting extends SourceSetting {
  readonly seed: number
  readonly ranks: readonly number[]
  readonly sites: readonly SiteKind[]
  readonly firstSight: SyncSpec<Item>['firstSight']
  readonly drift: SyncSpec<Item>['drift']
  readonly budget: RemovalBudget | null
  /**
   * How the source may mislead: `lists` leave things out for a while, the `whole` source shows
   * nothing once, or `no`: then edits may fall between the looks of one pass instead. A source that
   * did several of these could not be believed at all.
   */
  readonly misleads: 'no' | 'lists' | 'whole'
  /** The engine keeps its own time: passes by schedule and by hint, retries when they are due. */
  readonly scheduled: boolean
  /** A new ledger for every pass, as one-shot commands without a state folder have. */
  readonly oneShot: boolean
}

/** Scopes of every world: two that the config names, one nested in `a`, one nested in that. */
export const tree = ['a', 'a/x', 'a/x/z', 'b'] as const
export type ScopeName = (typeof tree)[number]

export interface WorldParts {
  readonly setting: Setting
  readonly makeEngine: MakeEngine
  /** A store for ledgers: a new one, or one that serves many. */
  readonly journal: (clock: FakeClock) => Journal
  /** Where the ledger works outside the event loop. */
  readonly outside?: Outside
  /** Name of the world, of its own for each on a shared store. */
  readonly name?: string
  readonly kill?: Kill
  readonly tape?: Tape
  /** Check that bookkeeping changes no state, and that events explain every row. Costs a read per write. */
  readonly audit?: boolean
}

export interface World {
  readonly setting: Setting
  readonly audit: boolean
  /** Name of the sync: another one for each new ledger, so that a store can serve many worlds. */
  readonly sync: string
  readonly clock: FakeClock
  readonly truth: Truth
  readonly judge: Judge
  told(): Told
  readonly faults: SourceFaults
  readonly sites: readonly Site[]
  /** Sites that the target set names now, and whether it can be read. */
  readonly listed: Set<string>
  listing: { down: boolean; fingerprint: number }
  journal(): Journal
  process(): Process
  engine(): Engine
  /** Runs a pass to its end, or to the death of the process; null: it died. */
  pass(options?: Partial<PassOptions>): Promise<PassReport | null>
  /** Time passes, and with it whatever the engine does of its own. */
  advance(ms: Ms): Promise<void>
  /** No pass is under way any more. */
  quiet(): Promise<void>
  /** Runs something of the engine's own, with the same end. */
  run<T>(work: (engine: Engine) => Promise<T>): Promise<T | null>
  /** A new process on the same ledger, after the old one ended well or was killed, or on an empty ledger. */
  restart(how: 'stopped' | 'killed' | 'without-ledger'): Promise<void>
  /** Agrees to everything that is held. */
  releaseAll(): Promise<number>
  /** The world is over. */
  end(): void
}

/** No call of the engine may take longer than this, whatever hangs: the sum of the limits below, and room. */
const longest: Ms = 30 * 60_000

export function createWorld(parts: WorldParts): World {
  const { setting, name = 'house' } = parts
  let ledgers = 1
  const syncNow = () => `${name}-${ledgers}`
  const clock = createFakeClock(parts.outside ? { outside: parts.outside } : {})
  const truth = createTruth(tree.map((scope, index) => ({ scope, rank: setting.ranks[index] ?? 0 })))
  const faults = noFaults()
  const random = seededRandom(setting.seed)
  const listed = new Set<string>(setting.sites)
  const listing = { down: false, fingerprint: 1 }
  let told: Told = createTold()
  const sites: Site[] = []
  const judge = createJudge({
    truth,
    told: () => told,
    now: () => clock.now(),
    sites: () => sites,
    budget: setting.budget,
    label: (content) => labelOfContent(content, setting.coarseLabels),
  })
  for (const kind of setting.sites) sites.push(createSite(kind, judge.witness))

  const ledger = (): Journal => {
    const bare = parts.journal(clock)
    return parts.audit ? audited(bare, (what) => judge.charge('unexplained-row', null, null, what)) : bare
  }
  let journal = ledger()
  const tape = parts.tape ?? { steps: [] }
  let kill = parts.kill
  let process = open()
  let engine = build()
  if (setting.scheduled) engine.start()

  function open(): Process {
    return createProcess({ clock, journal, tape, ...(kill && { kill }) })
  }

  function build(): Engine {
    const source = createFakeSource({
      truth,
      told: () => told,
      faults,
      setting,
      reach: process.reach,
      clock: process.clock,
    })
    const spec = specOf({ setting, sync: syncNow(), source, sites, listed, listing, process })
    return parts.makeEngine({
      journal: process.journal,
      specs: [spec as SyncSpec<never>],
      clock: process.clock,
      random,
      logger: complaining((message) => judge.charge('broken-pass', null, null, message)),
      metrics: createMetrics(),
      holder: 'one',
    })
  }

  /** A new process takes over; in worlds that keep their own time it begins at once. */
  function begin(): void {
    bury()
    process = open()
    engine = build()
    if (setting.scheduled) engine.start()
  }

  /** Lets go of what the dead process waits for: its signals would keep it in memory. Nothing that it still does has an effect. */
  function bury(): void {
    process.kill()
    engine.stop(0).catch(() => {})
  }

  async function run<T>(work: (engine: Engine) => Promise<T>): Promise<T | null> {
    const before = told.copy()
    const started = clock.now()
    const current = process
    try {
      const answer = await clock.drive(Promise.race([work(engine), process.died.then(() => null)]), longest)
      if (!current.reach.dead) return answer
    } catch (thrown) {
      if (!current.reach.dead)
        judge.charge('broken-pass', null, null, `${messageOf(thrown)} (${clock.now() - started} ms)`)
      if (!current.reach.dead) return null
    }
    await replace(before)
    return null
  }

  /** What was told since `before` is perhaps recorded, and perhaps not. */
  async function replace(before: Told): Promise<void> {
    before.heard(told)
    told = before
    judge.crashed()
    kill = undefined
    await clock.settle()
    begin()
  }

  const world: World = {
    setting,
    audit: parts.audit ?? false,
    get sync() {
      return syncNow()
    },
    clock,
    truth,
    judge,
    told: () => told,
    faults,
    sites,
    listed,
    listing,
    journal: () => journal,
    process: () => process,
    engine: () => engine,
    run,
    async advance(ms) {
      const until = clock.now() + ms
      const before = setting.scheduled ? told.copy() : told
      await clock.advance(ms)
      if (process.reach.dead && setting.scheduled) await replace(before)
      await clock.advance(until - clock.now())
    },
    async quiet() {
      for (let turn = 0; turn < 60; turn += 1) {
        const status = await run((one) => one.status(syncNow()))
        if (status?.running === false) return
        await world.advance(1_000)
      }
      judge.charge('broken-pass', null, null, 'a pass is under way for a minute')
    },
    async pass(options = {}) {
      if (setting.oneShot) await world.restart('without-ledger')
      judge.vouch(options.allowDeletes ?? 0)
      const report = await run((one) => one.pass(syncNow(), { why: 'asked', ...options }))
      judge.vouch(0)
      return report
    },
    async restart(how) {
      if (how === 'stopped') await run((one) => one.stop(10_000))
      process.kill()
      await clock.settle()
      if (how === 'killed') judge.crashed()
      if (how === 'without-ledger') {
        journal = ledger()
        ledgers += 1
        told = createTold()
        judge.ledgerLost()
      }
      begin()
    },
    end: bury,
    async releaseAll() {
      const held = await clock.drive(journal.select(holds, { where: { sync: syncNow(), state: 'held' } }))
      for (const hold of held) {
        judge.agree(hold.target, hold.key)
        await run((one) => one.release(hold.id, 'tester'))
      }
      return held.length
    },
  }
  return world
}

/** The engine itself never fails; what it logs as an error is a defect. */
function complaining(complain: (message: string) => void): Logger {
  const logger: Logger = {
    ...silentLogger,
    child: () => logger,
    error: (fields, message) => complain(`${message}: ${JSON.stringify(fields, errorText)}`),
  }
  return logger
}

const errorText = (_: string, value: unknown): unknown => (value instanceof Error ? value.stack : value)

function createSite(kind: SiteKind, witness: Witness): Site {
  switch (kind) {
    case 'store':
      return createStore(kind, witness)
    case 'marked-store':
      return createStore(kind, witness, { marks: true, page: 1 })
    case 'builder':
      return createBuilder(kind, witness)
    case 'blind-builder':
      return createBuilder(kind, witness, { blind: true })
    case 'document':
      return createDocument(kind, witness)
    case 'command':
      return createCommand(kind, witness)
    case 'labels':
      return createLabels(kind, witness)
    case 'blind-labels':
      return createLabels(kind, witness, { blind: true })
  }
}

function specOf(parts: {
  setting: Setting
  sync: string
  source: SyncSpec<Item>['source']
  sites: readonly Site[]
  listed: ReadonlySet<string>
  listing: { down: boolean; fingerprint: number }
  process: Process
}): SyncSpec<Item> {
  const { setting, sites, listed, listing, process } = parts
  const clients = new Map(sites.map((site) => [site.name, site.client(process.reach, `f${listing.fingerprint}`)]))
  return {
    name: parts.sync,
    registry: 'tests',
    source: parts.source,
    targets: {
      list: () =>
        process.reach.read(() =>
          listing.down
            ? { saw: 'unavailable', detail: 'no answer' }
            : { saw: 'complete', targets: [...clients.values()].filter((target) => listed.has(target.name)) },
        ),
    },
    schedule: setting.scheduled ? { interval: 60_000 } : {},
    firstSight: setting.firstSight,
    drift: setting.drift,
    ...(setting.budget && { budget: setting.budget }),
    limits: { look: 10_000, identity: 5_000, apply: 10_000, scopes: 2 },
  }
}
