/** From the `claims` section of the config to syncs that run. */
import { randomBytes } from 'node:crypto'
import { createManners, type Manners } from '../../connectors/github/manners.ts'
import type { RemovalBudget, SyncSpec } from '../../engine/engine.ts'
import { fixedTargets } from '../../engine/target.ts'
import type { Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Route } from '../../kernel/route.ts'
import type { Built, Parts } from '../registry.ts'
import { syncPolicy } from '../settings.ts'
import { openClusterSource } from './cluster/open.ts'
import type { ClaimsConfig, SyncConfig } from './config.ts'
import type { ClaimStatus } from './model.ts'
import { measureRequests, registerMetrics } from './metrics.ts'
import { openPushed, type OpenPushed } from './pushed.ts'
import { statusRoutes } from './routes/routes.ts'
import { viewRoutes } from './routes/views.ts'
import type { FileTarget } from './rolling/target.ts'
import { openTargets, type Open, type TargetParts } from './targets.ts'

const defaultInterval: Ms = 5 * 60_000

export async function buildClaims(config: ClaimsConfig, parts: Parts): Promise<Built> {
  const opened: Open[] = []
  const built: Sync[] = []
  const shared = { manners: shareManners(parts), observe: measureRequests(parts.metrics) }
  try {
    for (const [name, settings] of Object.entries(config)) {
      built.push(await openSync(name, settings, { ...parts, ...shared }, opened))
    }
  } catch (thrown) {
    await closeAll(opened)
    throw thrown
  }
  const taker = built.find(({ pushed }) => pushed !== null)
  registerMetrics({
    metrics: parts.metrics,
    logger: parts.logger,
    journal: () => parts.journal,
    syncs: Object.keys(config),
    taken: taker ? { sync: taker.spec.name, statuses: taker.pushed!.statuses } : null,
  })
  return {
    syncs: built.map(({ spec }) => spec) as unknown as Built['syncs'],
    routes: routesOf(built, parts),
    identities: built.flatMap(({ pushed }) => pushed?.identities ?? []),
    close: () => closeAll(opened),
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
  readonly pushed: OpenPushed | null
  readonly files: ReadonlyMap<string, FileTarget>
}

async function openSync(
  name: string,
  settings: SyncConfig,
  given: Parts & Pick<TargetParts, 'manners' | 'observe'>,
  opened: Open[],
): Promise<Sync> {
  const parts = { ...given, logger: given.logger.child({ sync: name }) }
  const cluster = settings.cluster ? await openClusterSource(settings.cluster, parts) : null
  if (cluster) opened.push(cluster)
  const pushed = settings.pushed ? await openPushed(name, settings.pushed, parts) : null
  if (pushed) opened.push(pushed)
  const targets = await openTargets(settings.targets, { ...parts, sync: name, cluster })
  opened.push(targets)
  const policy = syncPolicy(settings, { interval: defaultInterval, firstSight: 'overwrite' })
  const budget = policy.budget ?? (removesNothing(settings) ? unbounded : undefined)
  const spec = {
    name,
    registry: 'claims',
    source: (cluster ?? pushed)!.source,
    targets: fixedTargets(...targets.all),
    ...policy,
    ...(budget && { budget }),
  }
  return { spec, pushed, files: targets.files }
}

const unbounded: RemovalBudget = { least: Number.MAX_SAFE_INTEGER, share: 1, over: 3_600_000 }

/** Every target leaves the entries of deleted claims as they are: there is nothing to ask a person about. */
function removesNothing({ targets }: SyncConfig): boolean {
  return Object.values(targets).every(({ file }) => file?.on_delete === 'keep')
}

/** They are there in any case, so that a client learns what is missing. */
function routesOf(built: readonly Sync[], { journal, clock, engine }: Parts): readonly Route[] {
  const taker = built.find(({ pushed }) => pushed !== null)
  // Without one, there may be a cluster whose claims go into a file from here.
  const shown = taker ?? built.find(({ files }) => files.size > 0)
  const { statuses } = taker?.pushed ?? { statuses: untouched as never }
  const about = statusRoutes({ sync: taker?.spec.name ?? '', statuses, journal, clock, randomBytes })
  const views = viewRoutes({ sync: shown?.spec.name ?? '', journal, engine, files: shown?.files ?? new Map() })
  return [
    ...(taker ? about : refused(about, 'No sync of the section claims takes statuses: none has pushed.')),
    ...(shown ? views : refused(views, 'No sync of the section claims has a file.')),
  ]
}

/** Of routes that are refused. */
const untouched = {}

function refused(routes: readonly Route[], why: string): readonly Route[] {
  return routes.map((route) => ({ ...route, handle: () => Promise.reject(new AppError('request.not-found', why)) }))
}

async function closeAll(opened: readonly Open[]): Promise<void> {
  await Promise.allSettled(opened.map((one) => one.close()))
}
