/** The collector: statuses that are posted, brought into a registry file through one pull request. */
import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { dropInFolder, openDropIn, type DropIn, type DropInState } from '../../../drop-in.ts'
import type { SyncSpec } from '../../../engine/engine.ts'
import { holds } from '../../../engine/tables.ts'
import { fixedTargets, type Gate } from '../../../engine/target.ts'
import { digestOf } from '../../../kernel/digest.ts'
import type { Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import type { Random } from '../../../kernel/retry.ts'
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
  type Forge,
  type Statuses,
} from '../../../registries/claims/drop-in.ts'
import { earOfForge, earOfRegistry } from './changes.ts'
import { program } from './command-line.ts'
import { openDoor } from './door.ts'
import { loggerTo } from './log.ts'
import { untilSignal, type RoleTask } from './role.ts'
import type { ServerSettings } from './server-settings.ts'
import { openPatiently } from './state.ts'

/** Sync and registry have one name: nobody gave the sync one. */
const sync = 'claims'
const target = 'registry'

/** What is under way when it is told to stop may take so long, as with the original. */
const stopBound: Ms = 5_000
/** Statuses come in bursts. What came is known so soon, and written no more often than the interval says. */
const gather: Ms = 2_000
/** Longer bodies are refused, and so is what only they could hold. */
const mostBytes = 1 << 20
const limits = { claims: 100_000, clusters: 1_000, message: mostBytes } as const
/** As `regista serve` keeps them. */
const history: Ms = 90 * 86_400_000
const retainEvery: Ms = 3_600_000

export async function runServer(settings: ServerSettings, task: RoleTask): Promise<void> {
  const { clock, log, signal } = task
  {
    await using stack = new AsyncDisposableStack()
    const opened = await openCollector(settings, task, stack)
    const door = await openDoor({ ...opened, settings, task, sync, mostBytes })
    stack.defer(() => door.close(stopBound))
    await release(opened.dropIn, settings.allowDeletes, task)
    opened.dropIn.engine.start()
    void retain(opened.dropIn, task)
    await untilSignal({ ...task, clock, signal })
  }
  log.print('server stopped')
}

const random: Random = () => randomInt(2 ** 32) / 2 ** 32

export interface Collector {
  readonly dropIn: DropIn
  readonly statuses: Statuses
  readonly target: FileTarget
  readonly metrics: ReturnType<typeof createMetrics>
  readonly logger: Logger
  readonly randomBytes: typeof randomBytes
}

async function openCollector(
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
      ...fileOptions(settings, forge),
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

/** Tells one collector from another on the same machine; without secrets. */
function nameOf({ place, base }: ServerSettings): readonly string[] {
  if (place.is === 'git') return [place.is, place.url, base]
  return [place.is, (place.is === 'github' ? place.api : place.url) ?? '', place.repository, base]
}

function fileOptions(settings: ServerSettings, forge: Forge) {
  const { base, path, sidecar, cluster, writeStatus, onDelete, matchByPath, interval } = settings
  const { branch, title, labels, reviewers, draft, autoMerge, closeLeftovers } = settings.change
  return {
    name: target,
    forge,
    base,
    path,
    sidecar: sidecar ?? undefined,
    cluster: cluster ?? undefined,
    writeStatus,
    onDelete,
    matchByPath,
    writeEvery: interval,
    change: {
      branch: branch ?? undefined,
      title: title ?? 'chore: update claim statuses',
      labels,
      reviewers,
      draft,
      autoMerge,
      closeLeftovers,
    },
  }
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

/** Nothing goes: what would be done stands in /api/v1/preview. */
const dry: Gate = {
  name: 'dry-run',
  ask: ({ subject }) => ({ hold: 'dry-run', subject: digestOf(['dry-run', subject]), until: 'person' }),
}

/** What the gate holds is what is to be shown. */
function unheld(inner: ReturnType<typeof createWishReader>): ReturnType<typeof createWishReader> {
  return { read: async () => ({ ...(await inner.read()), withheld: new Set() }) }
}

/** An earlier run may have left something to finish: that waits, too. */
function idle(inner: FileTarget): FileTarget {
  // oxlint-disable-next-line require-yield -- there is nothing to tell of
  return { ...inner, async *apply() {} }
}

/** One line for each pass is for those who debug. */
function quieter(logger: Logger): Logger {
  return { ...logger, info: logger.debug, child: (fields) => quieter(logger.child(fields)) }
}

async function release({ journal, engine }: DropIn, most: number, { log }: RoleTask): Promise<void> {
  if (most === 0) return
  for (const { id, key } of await journal.select(holds, {
    where: { sync, state: 'held', op: 'delete' },
    limit: most,
  })) {
    await engine.release(id, 'COLLECTOR_ALLOW_DELETES')
    log.tell('INFO', 'removal is allowed', { key })
  }
}

async function retain({ journal }: DropIn, { clock, signal, log }: RoleTask): Promise<void> {
  while (!signal.aborted) {
    try {
      await journal.retain(clock.now() - history)
    } catch (error) {
      if (!signal.aborted) log.tell('WARN', 'old history could not be dropped', { error })
    }
    await clock.sleep(retainEvery, signal)
  }
}
