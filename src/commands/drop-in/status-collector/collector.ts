/** Posted statuses, the file that they go to, and the state, put together: the sync on its engine. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { dropInFolder, openDropIn, type DropIn, type DropInState } from '../../../drop-in.ts'
import type { SyncSpec } from '../../../engine/engine.ts'
import { fixedTargets } from '../../../engine/target.ts'
import type { Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import type { Table } from '../../../kernel/table.ts'
import {
  claimClusters,
  claimStatuses,
  createFileTarget,
  createPushedSource,
  createStaleness,
  createStatuses,
  createWishReader,
  openForge,
  openHttp,
  type ClaimStatus,
  type FileTarget,
  type Statuses,
} from '../../../registries/claims/drop-in.ts'
import { earOfForge, earOfRegistry } from './changes.ts'
import { program } from './command-line.ts'
import { dry, idle, unheld } from './dry-run.ts'
import { fileOptions, nameOf } from './file-options.ts'
import { loggerTo } from './log.ts'
import { random, type RoleTask } from './role.ts'
import type { ServerSettings } from './server-settings.ts'
import { openPatiently } from './state.ts'

/** Sync and registry have one name: nobody gave the sync one. */
export const sync = 'claims'
const target = 'registry'

/** What is under way when it is told to stop may take so long, as with the original. */
export const stopBound: Ms = 5_000
/** Statuses come in bursts. What came is known so soon, and written no more often than the interval says. */
const gather: Ms = 2_000
/** Longer bodies are refused, and so is what only they could hold. */
export const mostBytes = 1 << 20
const limits = { claims: 100_000, clusters: 1_000, message: mostBytes } as const

export interface Collector {
  readonly dropIn: DropIn
  readonly statuses: Statuses
  readonly target: FileTarget
  readonly metrics: ReturnType<typeof createMetrics>
  readonly logger: Logger
  readonly randomBytes: typeof randomBytes
}

export async function openCollector(
  settings: ServerSettings,
  task: RoleTask,
  stack: AsyncDisposableStack,
): Promise<Collector> {
  const { env, clock, log, signal } = task
  const { place, caFile } = settings
  const logger = loggerTo(log)
  const since = clock.now()
  const folder = dropInFolder(program, [JSON.stringify(nameOf(settings)), settings.path], settings.stateDir, env)
  const http = await openHttp({ env, clock, caFile })
  stack.defer(() => http.close())
  const plain = await openForge(place, { http, clock, random, env, folder: join(folder, 'copies'), caFile })
  stack.defer(() => plain.close())
  const forge = earOfForge(log, plain)
  const metrics = createMetrics()
  // Made once it is known where the state is.
  let statuses: Statuses | null = null
  let file: FileTarget | null = null
  const specs = ({ journal }: DropInState) => {
    const known = (statuses = createStatuses({ sync, journal, limits, since }))
    const { staleAfter: after, interval } = settings
    const staleness =
      after === null ? null : createStaleness({ sync, journal, statuses: known, clock, logger, after, since })
    if (staleness !== null) void staleness.run(signal)
    const source = createPushedSource({
      journal,
      statuses: known,
      clock,
      staleness,
      gather: Math.min(gather, interval),
    })
    const wishes = createWishReader(journal, sync, target)
    const made = createFileTarget({
      ...fileOptions(settings, target, forge),
      wishes: settings.dryRun ? unheld(wishes) : wishes,
      clock,
      logger,
    })
    file = earOfRegistry(log, settings.dryRun ? idle(made) : made)
    return [specOf(settings, source, file) as unknown as SyncSpec<never>]
  }
  const dropIn = await openPatiently(folder, task, () =>
    openDropIn({
      folder,
      specs,
      metrics,
      tables: [claimStatuses, claimClusters] as unknown as readonly Table[],
      answers: true,
      clock,
      logger: quieter(logger),
      // Two collectors with one state would not know of each other's statuses.
      busy: 'throw',
      forgetful: (error) => log.tell('WARN', 'statuses are kept in memory for this run only', { error }),
    }),
  )
  stack.defer(() => dropIn.stop(stopBound))
  return { dropIn, statuses: statuses!, target: file!, metrics, logger, randomBytes }
}

function specOf(
  { interval, dryRun }: ServerSettings,
  source: SyncSpec<ClaimStatus>['source'],
  file: FileTarget,
): SyncSpec<ClaimStatus> {
  return {
    name: sync,
    registry: 'claims',
    source,
    targets: fixedTargets(file),
    schedule: { interval: Math.max(interval, shortest), jitter: 0 },
    firstSight: 'overwrite',
    drift: 'repair',
    ...(dryRun && { gates: [dry] }),
  }
}

/** Passes closer together than this are no schedule but a load. */
const shortest: Ms = 100

/** One line for each pass is for those who debug. */
function quieter(logger: Logger): Logger {
  return { ...logger, info: logger.debug, child: (fields) => quieter(logger.child(fields)) }
}
