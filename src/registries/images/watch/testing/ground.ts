/** A watch with what it stands on: a book and a ledger in memory, fake registries, and a clock that a test moves. */
import { createMemoryJournal } from '../../../../database/memory/journal.ts'
import type { Journal } from '../../../../engine/journal.ts'
import { root, type Scope } from '../../../../engine/scope.ts'
import type { Ask, Entry, Hint, Look, Source, Trouble } from '../../../../engine/source.ts'
import { engineTables } from '../../../../engine/tables.ts'
import { createFakeClock, type FakeClock } from '../../../../engine/testing/fake-clock.ts'
import type { Clock, Ms } from '../../../../kernel/clock.ts'
import { silentLogger, type Logger } from '../../../../kernel/logger.ts'
import type { Random } from '../../../../kernel/retry.ts'
import type { Table } from '../../../../kernel/table.ts'
import type { Release, Stage } from '../../model.ts'
import type { Book } from '../../stages/book.ts'
import { createBook } from '../../stages/open.ts'
import { imageTables } from '../../tables.ts'
import { createWatch } from '../create-watch.ts'
import { scopeOfPlace } from '../source.ts'
import type { Watch, WatchParts } from '../watch.ts'
import { createFakeRegistry, type FakeRegistry } from './fake-registry.ts'

export interface Setting {
  readonly stages: readonly Stage[]
  readonly registries?: readonly FakeRegistry[]
  readonly settings?: Partial<WatchParts['settings']>
  readonly deployed?: (key: string) => string | null
  readonly runs?: (deployer: string) => boolean
  readonly random?: Random
  readonly measures?: WatchParts['measures']
}

export interface Ground {
  readonly clock: FakeClock
  readonly journal: Journal
  readonly book: Book
  readonly watch: Watch
  readonly registry: FakeRegistry
  readonly logged: string[]
  readonly source: Source<Release>
  /** Hints that the engine got since they were last taken. */
  readonly hints: () => Scope[]
  /** Listens to the hints, as the engine does for as long as it runs. */
  listen(deployer?: string): () => Promise<void>
  look(scope?: Scope, source?: Source<Release>): Promise<Seen>
  /** As a plan looks. */
  dryLook(scope?: Scope): Promise<Seen>
  /** Everything that there is, as the first pass of an engine looks at it. */
  lookAll(): Promise<Seen>
  /** What was asked since it was last taken. */
  asked(of?: FakeRegistry): string[]
  close(): Promise<void>
}

/** A look that was read to its end, in words. */
export interface Seen {
  readonly saw: Look<unknown>['saw']
  /** `shop/production=v1@sha256:1`. */
  readonly items: readonly string[]
  /** `shop/production no-match`. */
  readonly troubles: readonly string[]
  readonly why: string | null
  readonly entries: readonly Entry<Release>[]
  readonly children: readonly Scope[]
}

export const minute: Ms = 60_000
export const shopScope: Scope = scopeOfPlace({ registry: 'main', image: 'team/shop' })
export const shop = { registry: 'main', image: 'team/shop' } as const
const pollInterval: Ms = 5 * minute

export const memoryLedger = (clock: Clock) =>
  createMemoryJournal({ clock, tables: [...engineTables, ...imageTables] as readonly Table[] })

export async function createGround(setting: Setting, before: Partial<Pick<Ground, 'clock' | 'journal'>> = {}) {
  const clock = before.clock ?? createFakeClock()
  const journal = before.journal ?? memoryLedger(clock)
  const logged: string[] = []
  const logger = loggerTo(logged)
  const registries = setting.registries ?? [createFakeRegistry()]
  const book = createBook({
    journal,
    clock,
    logger: silentLogger,
    stages: setting.stages,
    where: () => 'regista.yaml:1:1',
    settled: (stage) => stage,
    faultsOf: () => [],
  })
  await book.start()
  const watch = createWatch({
    book,
    ready: () => Promise.resolve(),
    registries: new Map(registries.map((one) => [one.name, one])),
    journal,
    clock,
    random: setting.random ?? (() => 0.5),
    logger,
    settings: { pollInterval: () => pollInterval, coalesce: 1_000, ...setting.settings },
    deployed: setting.deployed ?? (() => null),
    ...(setting.runs && { runs: setting.runs }),
    ...(setting.measures && { measures: setting.measures }),
  })
  const source = watch.sourceOf('docker')
  const told: Hint[] = []
  const listening: (() => Promise<void>)[] = []

  const asking = (scope: Scope): Ask => ({ scope, known: () => Promise.resolve(new Map()) })

  async function look(scope = shopScope, of = source): Promise<Seen> {
    return seenOf(await clock.drive(of.look(asking(scope), new AbortController().signal)))
  }

  const ground: Ground = {
    clock,
    journal,
    book,
    watch,
    registry: registries[0]!,
    logged,
    source,
    hints: () => told.splice(0).map(({ scope }) => scope),
    listen(deployer = 'docker') {
      const stopping = new AbortController()
      const heard = (async () => {
        for await (const hint of watch.sourceOf(deployer).hints!(stopping.signal)) told.push(hint)
      })()
      const stop = () => {
        stopping.abort(null)
        return heard
      }
      listening.push(stop)
      return stop
    },
    look,
    async dryLook(scope = shopScope) {
      const ask: Ask = { ...asking(scope), dry: true }
      return seenOf(await clock.drive(source.look(ask, new AbortController().signal)))
    },
    async lookAll() {
      const { children } = await look(root)
      const seen = await Promise.all(children.map((scope) => look(scope)))
      const all = <T>(of: (one: Seen) => readonly T[]) => seen.flatMap(of)
      return {
        saw: seen.every(({ saw }) => saw === 'complete') ? 'complete' : 'unavailable',
        items: all(({ items }) => items).toSorted(),
        troubles: all(({ troubles }) => troubles).toSorted(),
        why: seen.find(({ why }) => why !== null)?.why ?? null,
        entries: all(({ entries }) => entries),
        children,
      }
    },
    asked: (of = registries[0]!) => of.asked.splice(0),
    async close() {
      await clock.drive(Promise.all(listening.map((stop) => stop())))
      await clock.drive(watch.close())
      await clock.drive(book.close())
    },
  }
  return ground
}

function seenOf(look: Look<Entry<Release> | { key: string; stamp: string }>): Seen {
  const nothing = { items: [], troubles: [], why: null, entries: [], children: [] }
  if (look.saw === 'unavailable') return { ...nothing, saw: look.saw, why: look.why }
  if (look.saw !== 'complete') return { ...nothing, saw: look.saw }
  const entries = [...(look.items as Iterable<Entry<Release>>)]
  return {
    ...nothing,
    saw: look.saw,
    entries,
    items: entries.map(({ key, label, digest }) => `${key}=${label}@${digest}`).toSorted(),
    troubles: (look.troubles ?? []).map(wordsOf).toSorted(),
    children: (look.children ?? []).map(({ scope }) => scope),
  }
}

function wordsOf(trouble: Trouble): string {
  return `${'key' in trouble ? trouble.key : trouble.origin} ${trouble.why}`
}

function loggerTo(lines: string[]): Logger {
  const log = (_fields: object, message: string) => void lines.push(message)
  const logger: Logger = { debug: () => {}, info: log, warn: log, error: log, child: () => logger }
  return logger
}
