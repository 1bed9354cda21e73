/** From the `claims` section of the config to syncs that run. */
import { randomBytes } from 'node:crypto'
import { createManners, type Manners } from '../../connectors/github/manners.ts'
import type { RemovalBudget, SyncSpec } from '../../engine/engine.ts'
import { fixedTargets } from '../../engine/target.ts'
import type { Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Built, Parts } from '../registry.ts'
import { syncPolicy } from '../settings.ts'
import type { ClaimsConfig, PushedConfig, SyncConfig } from './config.ts'
import { openClusterSource } from './clusters.ts'
import type { ClaimStatus } from './model.ts'
import { collectorRoutes } from './routes.ts'
import { createPushedSource } from './source-pushed.ts'
import { createStaleness } from './staleness.ts'
import { createStatuses, type Statuses } from './statuses.ts'
import type { FileTarget } from './target-file.ts'
import { openTargets, type Open, type TargetParts } from './targets.ts'

const defaultInterval: Ms = 5 * 60_000
/** Statuses come in bursts; what comes within it goes together. */
const gather: Ms = 2_000

export async function buildClaims(config: ClaimsConfig, parts: Parts): Promise<Built> {
  const opened: Open[] = []
  const stopping = new AbortController()
  const built: Sync[] = []
  const manners = shareManners(parts)
  try {
    for (const [name, settings] of Object.entries(config)) {
      built.push(await openSync(name, settings, { ...parts, manners }, opened, stopping.signal))
    }
  } catch (thrown) {
    await closeAll(opened)
    throw thrown
  }
  return {
    syncs: built.map(({ spec }) => spec) as unknown as Built['syncs'],
    routes: routesOf(built.find(({ statuses }) => statuses !== null) ?? null, parts),
    async close() {
      stopping.abort()
      await closeAll(opened)
    },
  }
}

function shareManners({ clock }: Parts): TargetParts['manners'] {
  const known = new Map<string, Manners>()
  return (owner) => {
    const manners = known.get(owner) ?? createManners(clock)
    known.set(owner, manners)
    return manners
  }
}

interface Sync {
  readonly spec: SyncSpec<ClaimStatus>
  readonly statuses: Statuses | null
  readonly files: ReadonlyMap<string, FileTarget>
}

async function openSync(
  name: string,
  settings: SyncConfig,
  parts: Parts & Pick<TargetParts, 'manners'>,
  opened: Open[],
  stopping: AbortSignal,
): Promise<Sync> {
  const logger = parts.logger.child({ sync: name })
  const cluster = settings.cluster ? await openClusterSource(settings.cluster, { ...parts, logger }) : null
  if (cluster) opened.push(cluster)
  const statuses = settings.pushed ? openStatuses(name, settings.pushed, parts) : null
  const targets = await openTargets(settings.targets, { ...parts, sync: name, logger, cluster })
  opened.push(targets)
  const source = cluster?.source ?? pushedSource(name, settings.pushed!, statuses!, { ...parts, logger }, stopping)
  const policy = syncPolicy(settings, { interval: defaultInterval, firstSight: 'overwrite' })
  const budget = policy.budget ?? (removesNothing(settings) ? unbounded : undefined)
  const spec = {
    name,
    registry: 'claims',
    source,
    targets: fixedTargets(...targets.all),
    ...policy,
    ...(budget && { budget }),
  }
  return { spec, statuses, files: targets.files }
}

const unbounded: RemovalBudget = { least: Number.MAX_SAFE_INTEGER, share: 1, over: 3_600_000 }

/** Every target leaves the entries of deleted claims as they are: there is nothing to ask a person about. */
function removesNothing({ targets }: SyncConfig): boolean {
  return Object.values(targets).every(({ file }) => file?.on_delete === 'keep')
}

function openStatuses(sync: string, pushed: PushedConfig, { journal, clock }: Parts): Statuses {
  const { most_claims: claims, most_clusters: clusters, longest_message: message } = pushed
  return createStatuses({ sync, journal, limits: { claims, clusters, message }, since: clock.now() })
}

function pushedSource(
  sync: string,
  { stale_after: after }: PushedConfig,
  statuses: Statuses,
  { journal, clock, logger }: Parts,
  stopping: AbortSignal,
) {
  const staleness =
    after === undefined ? null : createStaleness({ sync, journal, statuses, clock, logger, after, since: clock.now() })
  void staleness?.run(stopping)
  return createPushedSource({ journal, clock, statuses, staleness, gather })
}

/** They are there in any case, so that a client learns what is missing: a sync that takes statuses. */
function routesOf(taker: Sync | null, { journal, clock, engine }: Parts): Built['routes'] {
  const files = [...(taker?.files ?? [])]
  const routes = collectorRoutes({
    sync: taker?.spec.name ?? '',
    statuses: taker?.statuses as Statuses,
    journal,
    clock,
    engine,
    previews: new Map(files.map(([name, file]) => [name, (signal) => file.preview(signal)])),
    randomBytes,
  })
  return taker === null ? routes.map((route) => ({ ...route, handle: refuse })) : routes
}

function refuse(): Promise<never> {
  return Promise.reject(
    new AppError('request.not-found', 'No sync of the section claims takes statuses: none has pushed.'),
  )
}

async function closeAll(opened: readonly Open[]): Promise<void> {
  await Promise.allSettled(opened.map((one) => one.close()))
}
