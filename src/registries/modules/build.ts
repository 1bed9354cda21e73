/** From the `modules` section of the config to syncs that run. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Limits, SyncSpec } from '../../engine/engine.ts'
import { entries } from '../../engine/tables.ts'
import type { TargetSet } from '../../engine/target.ts'
import { createSweeper } from '../../kernel/memory.ts'
import { readVersion } from '../../kernel/version.ts'
import type { Built, Parts } from '../registry.ts'
import { syncPolicy } from '../settings.ts'
import { createArchives, type Archives } from './archive/archives.ts'
import type { ModulesConfig, RegistryConfig, SyncConfig } from './config.ts'
import { measureBuilders, measureRegistries, registerMetrics } from './metrics.ts'
import type { ModuleDocument } from './model.ts'
import { openPlace } from './places.ts'
import { moduleRoutes } from './routes.ts'
import { builderRoutes } from './routes-builders.ts'
import { createModulesSource, type Place } from './source.ts'
import { builderLimits } from './target-builder.ts'
import { openTargets, type OpenTargets, type TargetParts } from './targets.ts'

const defaultInterval = 15 * 60_000
/** A new version of a large module is streamed within it; each request has a bound of its own. */
const longestLook = 30 * 60_000

export function buildModules(config: ModulesConfig, parts: Parts): Built {
  const { metrics, logger, clock, random, base } = parts
  const names = Object.keys(config)
  const archives = createArchives({ folder: join(parts.state, 'modules'), clock, streamed: createSweeper() })
  const [observeRegistry, observeBuilder] = [measureRegistries(metrics), measureBuilders(metrics)]
  const shared = { clock, random, base, env: process.env, version: readVersion() }
  const place = (given: RegistryConfig) => openPlace(given, { ...shared, logger, observe: observeRegistry })
  const common: Common = {
    archives,
    scanned: createArchiveSweeper(parts, archives, names),
    targets: { ...shared, newId: randomUUID, open: (archive) => archives.open(archive), observe: observeBuilder },
  }
  const targetsOf = new Map<string, OpenTargets>()
  const places = new Map(Object.entries(config).map(([name, { registries }]) => [name, registries.map(place)]))
  const opened: Open[] = [...places.values()].flat().map(({ store }) => store)
  const syncs = Object.entries(config).map(([name, settings]) => {
    const targets = openTargets(settings, common.targets)
    opened.push(targets)
    targetsOf.set(name, targets)
    return specOf(name, settings, places.get(name)!, targets.set, common, parts)
  })
  registerMetrics({ metrics, logger, journal: () => parts.journal, syncs: names })
  return {
    syncs: syncs as unknown as Built['syncs'],
    routes: [
      ...moduleRoutes({ journal: parts.journal, engine: parts.engine, syncs: places }),
      ...builderRoutes({ journal: parts.journal, syncs: targetsOf }),
    ],
    async close() {
      await Promise.all(opened.map((one) => one.close()))
    },
  }
}

interface Open {
  close(): Promise<void>
}

interface Common {
  readonly archives: Archives
  readonly scanned: () => void
  readonly targets: TargetParts
}

function specOf(
  name: string,
  settings: SyncConfig,
  places: readonly Place[],
  targets: TargetSet<ModuleDocument>,
  { archives, scanned }: Common,
  { clock, logger }: Parts,
): SyncSpec<ModuleDocument> {
  const policy = syncPolicy(settings, { interval: defaultInterval, firstSight: 'overwrite' })
  const { channels, compat } = settings
  const source = createModulesSource({
    places,
    channels,
    archives,
    compat,
    clock,
    scanned,
    interval: policy.schedule.interval ?? defaultInterval,
    logger: logger.child({ sync: name }),
  })
  return {
    name,
    registry: 'modules',
    source,
    targets,
    limits: limitsOf(settings),
    ...policy,
  }
}

/** Requests wait for a slot of their registry: twice as many modules as slots keep all of these busy. */
function limitsOf({ registries }: SyncConfig): Partial<Limits> {
  const scopes = registries.reduce((sum, { concurrency }) => sum + concurrency, 0)
  return { ...builderLimits, look: longestLook, scopes: Math.min(2 * scopes, 128) }
}

const sweepEvery = 3_600_000

/** Archives that no entry names any more go, an hour after they were made at the earliest. */
function createArchiveSweeper(
  { clock, journal, logger }: Parts,
  archives: Archives,
  syncs: readonly string[],
): () => void {
  let due = 0
  const sweep = async () => {
    const where = { sync: { in: syncs }, state: 'live' } as const
    const rows = await journal.select(entries, { where })
    const swept = await archives.sweep(new Set(rows.map(({ item }) => (item as unknown as ModuleDocument).archive)))
    logger.debug({ ...swept }, 'archives that nobody needs were removed')
  }
  return () => {
    if (clock.now() < due) return
    due = clock.now() + sweepEvery
    sweep().catch((err: unknown) => logger.warn({ err }, 'archives could not be swept'))
  }
}
