/** One sync, joined: a place to watch, shelves to keep in step, a ledger in memory and a clock that a test moves. */
import { createDraft } from '../../../database/draft.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import type { Random } from '../../../kernel/retry.ts'
import { createEngine } from '../../create-engine.ts'
import type { Engine, PassOptions, PassReport, SyncSpec } from '../../engine.ts'
import type { Journal, Stored } from '../../journal.ts'
import { root, type Scope } from '../../scope.ts'
import type { Child, Source } from '../../source.ts'
import {
  deliveries,
  engineTables,
  entries,
  holds,
  targets,
  type DeliveryRow,
  type EntryRow,
  type HoldRow,
  type TargetRow,
} from '../../tables.ts'
import type { Target, TargetSet } from '../../target.ts'
import { createFakeClock, type FakeClock } from '../../testing/fake-clock.ts'
import { createPlace, type Place } from './place.ts'
import { createShelf, type Item, type Shelf } from './shelf.ts'

export interface Setting {
  readonly spec?: Partial<Omit<SyncSpec<Item>, 'source' | 'targets' | 'name'>>
  readonly absence?: Source<Item>['absence']
  readonly roots?: readonly Child[]
  readonly namesAll?: boolean
  readonly shelves?: readonly Shelf[]
  /** Default: all shelves, always. */
  readonly targets?: TargetSet<Item>
  readonly holder?: string
  /** Default: always in the middle. */
  readonly random?: Random
}

/** What several houses on one ledger share. */
export interface Ground {
  readonly clock: FakeClock
  readonly journal: Journal
  readonly place: Place
}

export interface House extends Ground {
  readonly shelf: Shelf
  readonly engine: Engine
  /** Kills the process and starts another on the same ledger. */
  restart(change?: Setting): void
  pass(options?: Partial<PassOptions>): Promise<PassReport>
  advance(ms: Ms): Promise<void>
  row(key: string, target?: string): Promise<Stored<DeliveryRow> | null>
  entry(key: string, scope?: Scope): Promise<Stored<EntryRow> | null>
  target(name?: string): Promise<Stored<TargetRow> | null>
  holds(): Promise<Stored<HoldRow>[]>
  /** `type key reason` of every event of one noun (`delivery.`), or of all. */
  events(type?: string): Promise<string[]>
  /** Position of the newest event. */
  head(): Promise<number>
  release(key: string): Promise<void>
}

export const sync = 'house'

export function createGround(): Ground {
  const clock = createFakeClock()
  return { clock, journal: createMemoryJournal({ clock, tables: engineTables }), place: createPlace() }
}

export function createHouse(first: Setting = {}, ground = createGround()): House {
  const { clock, journal } = ground
  const shelves = first.shelves ?? [createShelf()]
  let setting = first
  let own = clock.fork()
  let engine = build(ground, setting, shelves, own)

  return {
    ...ground,
    shelf: shelves[0]!,
    get engine() {
      return engine
    },
    restart(change = {}) {
      own.stop()
      own = clock.fork()
      setting = { ...setting, ...change }
      engine = build(ground, setting, shelves, own)
    },
    pass: (options = {}) => clock.drive(engine.pass(sync, { why: 'asked', ...options })),
    advance: (ms) => clock.advance(ms),
    row: (key, target = shelves[0]!.name) => journal.get(deliveries, { sync, target, key }),
    entry: (key, scope = root) => journal.get(entries, { sync, scope, key }),
    target: (name = shelves[0]!.name) => journal.get(targets, { sync, target: name }),
    holds: () => journal.select(holds, { where: { sync, state: 'held' } }),
    async events(type) {
      const found = await journal.events(type === undefined ? {} : { type })
      return found.map((event) => [event.type, event.key, event.reason].filter(Boolean).join(' '))
    },
    head: async () => (await journal.head()).seq,
    async release(key) {
      const [hold] = await journal.select(holds, { where: { sync, key, state: 'held' } })
      if (!hold) throw new Error(`nothing holds ${key}`)
      await clock.drive(engine.release(hold.id, 'tester'))
    },
  }
}

function build({ journal, place, clock }: Ground, setting: Setting, shelves: readonly Shelf[], own: Clock): Engine {
  const { absence = { looks: 2, apart: 20_000 }, roots = [{ scope: root }] } = setting
  const targetsOf = (): readonly Target<Item>[] => shelves.map((shelf) => shelf.target())
  const spec: SyncSpec<Item> = {
    name: sync,
    registry: 'tests',
    schedule: {},
    firstSight: 'overwrite',
    drift: 'repair',
    ...setting.spec,
    source: place.source(absence, roots, setting.namesAll),
    targets: setting.targets ?? { list: () => Promise.resolve({ saw: 'complete', targets: targetsOf() }) },
  }
  return createEngine({
    journal,
    specs: [spec as SyncSpec<never>],
    clock: own,
    random: setting.random ?? (() => 0.5),
    logger: silentLogger,
    metrics: createMetrics(),
    draft: (base) => createDraft(base, clock, engineTables),
    holder: setting.holder ?? 'one',
  })
}
