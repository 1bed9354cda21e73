/** A source of claims, a ledger in memory and a collector, joined by the engine. */
import { createDraft } from '../../../database/draft.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createEngine } from '../../../engine/create-engine.ts'
import type { Engine, SyncSpec } from '../../../engine/engine.ts'
import type { Journal } from '../../../engine/journal.ts'
import type { Source } from '../../../engine/source.ts'
import { deliveries, engineTables, scopes } from '../../../engine/tables.ts'
import { fixedTargets } from '../../../engine/target.ts'
import { systemClock, type Clock, type Ms } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import type { ClaimStatus } from '../model.ts'
import { createCollectorClient } from '../collector/client.ts'
import { createCollectorLedger } from '../collector/ledger.ts'
import { createCollectorTarget, type CollectorTargetOptions } from '../collector/target.ts'
import type { FakeCollector } from './fake-collector.ts'

export interface InformerGround extends AsyncDisposable {
  readonly engine: Engine
  readonly journal: Journal
  pass: Engine['pass'] extends (sync: string, options: infer O) => infer R ? (options?: Partial<O>) => R : never
  /** Key → state of its delivery. */
  states(): Promise<Record<string, string>>
  /** Scope → state and why. */
  scopes(): Promise<Record<string, string>>
}

export interface InformerOptions {
  readonly source: Source<ClaimStatus>
  readonly collector: FakeCollector
  readonly clock: Clock
  readonly target?: Partial<CollectorTargetOptions>
  readonly spec?: Partial<SyncSpec<ClaimStatus>>
  readonly url?: string
  readonly journal?: Journal
}

export const sync = 'informer'

export function createInformerGround(options: InformerOptions): InformerGround {
  const { source, collector, clock } = options
  const journal = options.journal ?? createMemoryJournal({ clock, tables: engineTables })
  const random = () => 0.5
  const { url = 'http://collector.example:8095' } = options
  const target = createCollectorTarget({
    name: 'collector',
    client: createCollectorClient({ url, http: collector.http, clock, token: () => Promise.resolve(null) }),
    ledger: createCollectorLedger({ journal, sync, target: 'collector' }),
    cluster: null,
    farewell: 'the claim was deleted',
    every: 600_000,
    clock,
    random,
    logger: silentLogger,
    ...options.target,
  })
  const spec: SyncSpec<ClaimStatus> = {
    name: sync,
    registry: 'claims',
    schedule: { interval: 60_000 },
    firstSight: 'overwrite',
    drift: 'repair',
    targetEvery: 600_000,
    source,
    targets: fixedTargets(target),
    ...options.spec,
  }
  const engine = createEngine({
    journal,
    specs: [spec as unknown as SyncSpec<never>],
    clock,
    random,
    logger: silentLogger,
    metrics: createMetrics(),
    draft: (base) => createDraft(base, clock, engineTables),
    holder: 'one',
  })
  return {
    engine,
    journal,
    pass: (more) => engine.pass(sync, { why: 'asked', ...more }),
    async states() {
      const rows = await journal.select(deliveries, { where: { sync } })
      return Object.fromEntries(rows.map(({ key, state }) => [key, state]))
    },
    async scopes() {
      const rows = await journal.select(scopes, { where: { sync } })
      return Object.fromEntries(rows.map(({ scope, state, why }) => [scope, why === null ? state : `${state} ${why}`]))
    },
    [Symbol.asyncDispose]: () => engine.stop(1_000),
  }
}

/** Waits until it is so, for no longer than `bound`; then the last look is thrown. */
export async function until(isSo: () => unknown, bound: Ms = 30_000): Promise<void> {
  const from = performance.now()
  for (;;) {
    try {
      if ((await isSo()) !== false) return
      if (performance.now() - from > bound) throw new Error(`not so within ${bound} ms: ${isSo.toString()}`)
    } catch (thrown) {
      if (performance.now() - from > bound) throw thrown
    }
    await systemClock.sleep(10)
  }
}
