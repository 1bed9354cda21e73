/** Registries, builders and the state, put together: the sync on its engine, with an ear on both ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dropInFolder, openDropIn, type DropIn, type DropInState } from '../../../drop-in.ts'
import type { SyncSpec } from '../../../engine/engine.ts'
import { holds } from '../../../engine/tables.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Metrics } from '../../../kernel/metrics.ts'
import {
  builderLimits,
  createArchives,
  createModulesSource,
  usualChannels,
  type Archives,
  type ModuleDocument,
  type Place,
  type Pull,
} from '../../../registries/modules/drop-in.ts'
import { createSweeper, createTidier as createMemoryTidier } from '../../../kernel/memory.ts'
import type { Builders } from './builders.ts'
import { createEars } from './ears.ts'
import { program, type Settings } from './flags.ts'
import type { Log } from './log.ts'
import { createTidier } from './tidy.ts'

/** Sync and registry have one name: nobody gave the sync one. */
export const sync = 'modules'

export interface SessionOptions {
  readonly settings: Settings
  readonly places: readonly Place[]
  readonly builders: Builders
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly pulled: (pull: Pull) => void
  readonly backends: (count: number, added: number) => void
  readonly signal: AbortSignal
}

export interface Session extends DropInState {
  readonly addressOf: Builders['addressOf']
  /** null: it is in memory. */
  readonly folder: string | null
  readonly engine: DropIn['engine']
  /** Lets go up to so many removals that are held. */
  release(most: number): Promise<void>
  stop(bound: Ms): Promise<void>
}

/** How long another process that holds the state is waited for, and how often it is tried: one that is being replaced. */
const busyBound: Ms = 30_000
const busyPoll: Ms = 250

/** A new version of a large module is streamed within it; each request has a bound of its own. */
const longestLook: Ms = 30 * 60_000
/** Modules at a time; requests wait for the slots of their registry. */
const scopesAtOnce = 16

/** Rejects where nothing can be kept anywhere, not even for as long as this runs. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { settings, builders, clock, log, metrics, signal, env } = options
  const folder = settings.compat ? null : folderOf(options)
  const until = clock.monotonic() + busyBound
  const scratch = createScratch()
  for (;;) {
    let tidy = () => Promise.resolve()
    const memory = createMemoryTidier(clock, signal)
    let archives: Archives | null = null
    const { addressOf } = builders
    const passed = (changed: number) => void tidy().then(() => memory.passed(changed))
    const ears = createEars({ log, addressOf, backends: options.backends, passed })
    try {
      const dropIn = await openDropIn({
        folder,
        specs({ lasting }) {
          const place = lasting ? join(folder!, 'modules') : scratch.make(env)
          archives = createArchives({ folder: place, clock, streamed: createSweeper() })
          return [specOf(options, archives, ears) as unknown as SyncSpec<never>]
        },
        metrics,
        clock,
        logger: ears.logger,
        busy: clock.monotonic() < until && !signal.aborted ? 'throw' : 'memory',
        forgetful: (error) => log('warn', 'state is kept in memory for this run only', { error }),
      })
      tidy = createTidier({ ...dropIn, sync, archives: archives!, clock, log })
      return {
        ...dropIn,
        addressOf,
        folder: dropIn.lasting ? folder : null,
        release: (most) => release(dropIn, most, log),
        async stop(bound) {
          await dropIn.stop(bound)
          scratch.remove()
        },
      }
    } catch (thrown) {
      if (!(thrown instanceof AppError && thrown.code === 'journal.busy')) throw thrown
      await clock.sleep(busyPoll, signal)
    }
  }
}

function folderOf({ settings, builders: { watched }, env }: SessionOptions): string {
  return dropInFolder(program, [settings.registries.join(','), ...watched], settings.stateDir, env)
}

function specOf(
  { settings, places, builders, clock, pulled }: SessionOptions,
  archives: Archives,
  ears: ReturnType<typeof createEars>,
): SyncSpec<ModuleDocument> {
  const { compat, interval } = settings
  const source = createModulesSource({
    places,
    channels: usualChannels,
    archives,
    compat,
    interval,
    clock,
    logger: ears.logger,
    pulled,
  })
  return {
    name: sync,
    registry: 'modules',
    source: ears.source(source),
    targets: ears.targets(builders.targets((archive) => archives.open(archive))),
    schedule: { interval, jitter: 0 },
    firstSight: 'overwrite',
    drift: 'repair',
    limits: { ...builderLimits, look: longestLook, scopes: scopesAtOnce },
  }
}

async function release({ journal, engine }: DropIn, most: number, log: Log): Promise<void> {
  if (most === 0) return
  const held = await journal.select(holds, { where: { sync, state: 'held', op: 'delete' }, limit: most })
  for (const { id, key } of held) {
    await engine.release(id, '--allow-deletes')
    const [module, channel] = key.split('/')
    log('info', 'removal is allowed', { module, channel })
  }
}

/** Archives need a disk also where nothing is remembered. */
function createScratch() {
  let folder: string | null = null
  return {
    make(env: SessionOptions['env']): string {
      folder ??= mkdtempSync(join(env['TMPDIR'] ?? tmpdir(), `${program}-`))
      return folder
    },
    remove() {
      if (folder !== null) rmSync(folder, { recursive: true, force: true })
    },
  }
}
