/** A deployer's sync, joined: what registries hold, a book, gates, and a site; time and crashes as a test says. */
import { createDraft } from '../../../../database/draft.ts'
import { createMemoryJournal } from '../../../../database/memory/journal.ts'
import { createEngine } from '../../../../engine/create-engine.ts'
import type { Engine, PassReport } from '../../../../engine/engine.ts'
import type { Journal, Stored } from '../../../../engine/journal.ts'
import { root } from '../../../../engine/scope.ts'
import type { Source } from '../../../../engine/source.ts'
import { deliveries, engineTables, holds, type DeliveryRow } from '../../../../engine/tables.ts'
import { fixedTargets } from '../../../../engine/target.ts'
import { createFakeClock, type FakeClock } from '../../../../engine/testing/fake-clock.ts'
import { silentLogger } from '../../../../kernel/logger.ts'
import { createMetrics } from '../../../../kernel/metrics.ts'
import type { Table } from '../../../../kernel/table.ts'
import { revisionOf, type Release, type Stage, type StageKey, type Version } from '../../model.ts'
import type { Book } from '../../stages/book.ts'
import { createBook } from '../../stages/open.ts'
import { imageTables } from '../../tables.ts'
import { createDeploys, type Receipt } from '../deploys.ts'
import { gatesOf } from '../gates.ts'
import { targetOf, type DeployTarget } from '../target.ts'
import type { FakeSite } from './fake-site.ts'

export interface House {
  readonly clock: FakeClock
  readonly journal: Journal
  readonly site: FakeSite
  readonly book: Book
  readonly engine: Engine
  readonly target: DeployTarget
  /** The newest of a stage, as a look at its registry had it. */
  push(key: StageKey, tag: string, digest?: string): Promise<void>
  pass(): Promise<PassReport>
  /** As when hints come and deliveries are due. */
  run(): void
  /** Kills the process and starts another on the same ledger. */
  restart(stages?: readonly Stage[]): Promise<void>
  row(key: StageKey): Promise<Stored<DeliveryRow>>
  receipt(key: StageKey): Promise<Receipt>
  /** `key reason` of everything that is held. */
  held(): Promise<string[]>
  stop(): Promise<void>
}

const sync = 'docker'
const tables = [...engineTables, ...imageTables] as unknown as readonly Table[]

export async function createHouse(site: FakeSite, first: readonly Stage[], over?: Journal): Promise<House> {
  const clock = createFakeClock()
  const journal = over ?? createMemoryJournal({ clock, tables })
  const versions = new Map<StageKey, Version>()
  let stages = first
  let process = await begin()

  async function begin() {
    const own = clock.fork()
    const shared = { journal, clock: own, logger: silentLogger }
    const book = createBook({ ...shared, stages, where: String, settled: (stage) => stage, faultsOf: () => [] })
    const deploys = createDeploys({ ...shared, book, deployers: [sync] })
    await book.start()
    await deploys.start()
    const target = targetOf(site.deployer(), {
      ...shared,
      book,
      deploys,
      ready: () => Promise.resolve(),
      registries: new Map(),
      atOnce: 4,
      lookEvery: 3_600_000,
    })
    const spec = {
      name: sync,
      registry: 'images',
      source: sourceOf(book, versions),
      targets: fixedTargets(target.target),
      schedule: {},
      gates: gatesOf({ book, runs: target.runs }),
      firstSight: 'overwrite',
      drift: 'report',
      budget: 'none',
      limits: { apply: target.applyBound },
    } as const
    const engine = createEngine({
      ...shared,
      specs: [spec as never],
      random: () => 0.5,
      metrics: createMetrics(),
      draft: (base) => createDraft(base, clock, tables),
      holder: 'one',
    })
    book.subscribe((key) => {
      engine.hint(sync, { scope: root, key })
      void engine.reconsider(sync, key).catch(() => {})
    })
    return { own, book, deploys, target, engine }
  }

  return {
    clock,
    journal,
    site,
    get book() {
      return process.book
    },
    get engine() {
      return process.engine
    },
    get target() {
      return process.target
    },
    async push(key, tag, digest = `sha256:${tag}`) {
      const before = versions.get(key)
      const version = { tag, digest, at: null }
      versions.set(key, version)
      await process.book.observed(key, { result: before ? 'new' : 'first', detail: null, version })
      process.engine.hint(sync, { scope: root, key })
    },
    pass: () => clock.drive(process.engine.pass(sync, { why: 'asked' })),
    run: () => process.engine.start(),
    async restart(changed) {
      stages = changed ?? stages
      process.own.stop()
      process = await begin()
    },
    row: async (key) => (await journal.get(deliveries, { sync, target: sync, key }))!,
    receipt: async (key) => (await journal.get(deliveries, { sync, target: sync, key }))!.receipt as unknown as Receipt,
    async held() {
      const rows = await journal.select(holds, { where: { sync, state: 'held' } })
      return rows.map(({ key, reason }) => `${key} ${reason}`)
    },
    async stop() {
      await clock.drive(process.engine.stop())
      await clock.drive(Promise.all([process.target.close(), process.deploys.close(), process.book.close()]))
    },
  }
}

function sourceOf(book: Book, versions: ReadonlyMap<StageKey, Version>): Source<Release> {
  return {
    scopes: [{ scope: root }],
    absence: 'vouched',
    look() {
      const items = book.stages().flatMap((stage) => {
        const { pin, generation } = book.state(stage.key)
        const version = pin ? { tag: pin.tag, digest: pin.digest, at: null } : versions.get(stage.key)
        if (!version) return []
        const revision = revisionOf(version.digest, generation)
        const { project, stage: name, registry, image } = stage
        const item = { ...version, project, stage: name, registry, repository: `registry.test/${image}`, revision }
        return [{ key: stage.key, digest: revision, label: version.tag, item }]
      })
      return Promise.resolve({ saw: 'complete', items })
    },
  }
}
