/** The informer: claims of one cluster, told to a collector. */
import { openDropIn, type DropIn, type DropInState } from '../../../drop-in.ts'
import type { SyncSpec } from '../../../engine/engine.ts'
import { holds } from '../../../engine/tables.ts'
import { fixedTargets, type Target } from '../../../engine/target.ts'
import type { Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import {
  createClusterSource,
  createCollectorLedger,
  createCollectorTarget,
  openCollector,
  openHttp,
  type ClaimStatus,
  type ClusterSource,
} from '../../../registries/claims/drop-in.ts'
import { openCluster } from './cluster.ts'
import { openHealth } from './health.ts'
import type { InformerSettings } from './informer-settings.ts'
import { loggerTo, quote } from './log.ts'
import { random, untilSignal, type RoleTask } from './role.ts'
import { earOfCollector } from './sent.ts'
import { openPatiently } from './state.ts'

/** Sync and registry have one name: nobody gave the sync one. */
const sync = 'claims'
const target = 'collector'

/** Watches tell of changes as they happen; this is how often collector and kinds are looked at all the same. */
const interval: Ms = 60_000
/** What is under way when it is told to stop may take so long; the original waits for nothing. */
const stopBound: Ms = 5_000

export async function runInformer(settings: InformerSettings, task: RoleTask): Promise<void> {
  const { env, clock, log } = task
  const logger = loggerTo(log)
  {
    await using stack = new AsyncDisposableStack()
    const kubernetes = await openCluster({ settings, env, clock, random })
    stack.defer(() => kubernetes.close())
    const http = await openHttp({ env, clock, caFile: settings.caFile })
    stack.defer(() => http.close())
    const client = openCollector({ ...settings, http, clock })
    const source = createClusterSource({
      ...settings,
      labels: settings.labels ?? undefined,
      fields: settings.fields ?? undefined,
      kinds: settings.kinds.map(({ version, ...kind }) => ({ ...kind, version: version ?? undefined })),
      kubernetes,
      clock,
      random,
      logger,
    })
    stack.defer(() => source.close())
    const metrics = createMetrics()
    const specs = ({ journal }: DropInState) => {
      const ledger = createCollectorLedger({ journal, sync, target })
      const told = { name: settings.cluster, alive: () => isAlive(source), covered: () => source.covered() }
      const parts = { client, ledger, clock, random, logger, cluster: told, farewell: null }
      const collector = createCollectorTarget({ name: target, every: settings.snapshotEvery, ...parts })
      return [specOf(source, earOfCollector(log, collector)) as unknown as SyncSpec<never>]
    }
    let opened: DropIn | null = null
    const passed = () => {
      if (opened !== null) letGo(opened).catch((error: unknown) => logger.warn({ err: error }, 'removals stay held'))
    }
    const dropIn = await openPatiently(settings.stateDir, task, (last) =>
      openDropIn({
        folder: settings.stateDir,
        specs,
        metrics,
        clock,
        logger: hearing(logger, passed),
        busy: last ? 'memory' : 'throw',
        forgetful: (error) => log.tell('WARN', 'state is kept in memory for this run only', { error }),
      }),
    )
    opened = dropIn
    stack.defer(() => dropIn.stop(stopBound))
    if (settings.healthPort !== null) {
      const parts = { port: settings.healthPort, journal: dropIn.journal, sync, source, metrics, log }
      const health = await openHealth(parts)
      stack.defer(() => health.close())
    }
    for (const line of startLines(settings)) log.print(line)
    dropIn.engine.start()
    await untilSignal(task)
  }
  log.print('informer stopped')
}

function startLines({ cluster, kinds, discover, namespaces }: InformerSettings): string[] {
  const where = `namespace=${quote(namespaces.join(','))}`
  const each = kinds.map(({ group, version, resource }) => `${group}/${version ?? '*'}/${resource}`)
  if (discover) each.push('*/*/*')
  return each.map((gvr) => `informer starting: cluster=${cluster} gvr=${gvr} ${where}`)
}

const isAlive = (source: ClusterSource) => source.health().some(({ why }) => why === null)

function specOf(source: ClusterSource, collector: Target<ClaimStatus>) {
  return {
    name: sync,
    registry: 'claims',
    source,
    targets: fixedTargets(collector),
    schedule: { interval },
    firstSight: 'overwrite',
    drift: 'repair',
    backoff: { first: 500, most: 10_000 },
    // A list or a watch vouches for what is gone, and to say so removes nothing by itself: see `letGo`.
    budget: { least: 1_000_000, share: 1, over: 1000 },
  } satisfies SyncSpec<ClaimStatus>
}

/** The last claim of a cluster may go like any other: nobody is here to agree to it. */
async function letGo({ journal, engine }: DropIn): Promise<void> {
  for (const { id } of await journal.select(holds, { where: { sync, state: 'held', op: 'delete' } })) {
    await engine.release(id, 'the cluster vouches for it')
  }
}

/** What the engine says of each pass is for those who debug; `passed` is told that there was one. */
function hearing(logger: Logger, passed: () => void): Logger {
  return {
    ...logger,
    info(fields, message) {
      if (message === 'pass') passed()
      logger.debug(fields, message)
    },
    child: (fields) => hearing(logger.child(fields), passed),
  }
}
