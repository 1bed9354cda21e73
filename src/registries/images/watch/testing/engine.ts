/** A ground with an engine on it, and a target that only writes down what it is given. */
import { createDraft } from '../../../../database/draft.ts'
import { createEngine } from '../../../../engine/create-engine.ts'
import type { Engine, SyncSpec } from '../../../../engine/engine.ts'
import { engineTables } from '../../../../engine/tables.ts'
import { fixedTargets, type Target } from '../../../../engine/target.ts'
import { silentLogger } from '../../../../kernel/logger.ts'
import { createMetrics } from '../../../../kernel/metrics.ts'
import { gatesOf } from '../../deploy/gates.ts'
import type { Release } from '../../model.ts'
import { createGround, type Ground, type Setting } from './ground.ts'

export interface Running {
  readonly ground: Ground
  readonly engine: Engine
  /** `shop/production v1 d1`, in order; a removal is `shop/production -`. */
  readonly deploys: string[]
  /** As the target has it. */
  deployed(key: string): string | null
  close(): Promise<void>
}

export async function run(setting: Setting, before: Parameters<typeof createGround>[1] = {}): Promise<Running> {
  const deploys: string[] = []
  const tags = new Map<string, string>()
  const deployed = (key: string) => tags.get(key) ?? null
  const ground = await createGround({ deployed, ...setting }, before)
  const target: Target<Release> = {
    name: 'docker',
    fingerprint: '1',
    traits: { repeat: 'keyed', page: 10 },
    identity: () => Promise.resolve('one'),
    async *apply({ changes }) {
      await Promise.resolve()
      for (const { key, op, entry } of changes) {
        deploys.push(op === 'delete' ? `${key} -` : `${key} ${entry!.item.tag} ${entry!.item.digest}`)
        if (entry) tags.set(key, entry.item.tag)
        else tags.delete(key)
        yield [key, { is: 'applied' }]
      }
    },
  }
  const spec: SyncSpec<Release> = {
    name: 'docker',
    registry: 'images',
    source: ground.source,
    targets: fixedTargets(target),
    schedule: {},
    firstSight: 'overwrite',
    drift: 'repair',
    gates: gatesOf({ book: ground.book, runs: () => null }),
  }
  const engine = createEngine({
    journal: ground.journal,
    specs: [spec as SyncSpec<never>],
    clock: ground.clock,
    random: () => 0.5,
    logger: silentLogger,
    metrics: createMetrics(),
    draft: (base) => createDraft(base, ground.clock, engineTables),
    holder: 'one',
  })
  engine.start()
  await ground.clock.advance(5_000)
  return {
    ground,
    engine,
    deploys,
    deployed,
    async close() {
      await ground.clock.drive(engine.stop())
      await ground.close()
    },
  }
}
