/** One directory and one etcd, put together: the sync on its engine, with an ear on both ends. */
import { realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { dropInFolder, openDropIn } from '../../drop-in.ts'
import type { Engine, PassReport, SyncSpec } from '../../engine/engine.ts'
import type { Journal } from '../../engine/journal.ts'
import { fixedTargets, type Target } from '../../engine/target.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'
import { sha256 } from '../../kernel/digest.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import type { Logger } from '../../kernel/logger.ts'
import {
  createDirectorySource,
  createKeyValueTarget,
  standardGlob,
  standardInventory,
  standardPrefix,
  type Capability,
} from '../../registries/capabilities/drop-in.ts'
import type { Terminal } from '../terminal.ts'
import { program, type Settings } from './gitops-sync-arguments.ts'
import { createCycle, type Tally } from './gitops-sync-cycle.ts'
import type { Log, Statistics } from './gitops-sync-output.ts'
import { readStanding, type Standing } from './gitops-sync-standing.ts'

export interface Session {
  readonly engine: Engine
  /** One whole pass, now. `ok`: everything was read, nothing is left to do. */
  pass(): Promise<Settled & { readonly ok: boolean }>
  /** What the last pass did and how things stand after it; says on stderr what is not as it should be. */
  settle(): Promise<Settled>
  stop(bound: Ms): Promise<void>
}

export interface Settled {
  readonly statistics: Statistics
  readonly standing: Standing
}

export interface SessionOptions {
  readonly settings: Settings
  readonly terminal: Terminal
  readonly clock: Clock
  readonly log: Log
  /** null: a dry run, which connects to nothing. */
  readonly store: KeyValue | null
  readonly address: string
  /** A pass begins. */
  readonly starts: () => void
  /** A pass that the engine started by itself is done. */
  readonly passed: () => void
}

const targetName = 'etcd'
/** Passes closer together than this are no schedule but a load; the original spins at an interval of 0. */
const shortest: Ms = 100

export async function openSession(options: SessionOptions): Promise<Session> {
  const { settings, terminal, clock, log, store, address } = options
  const place = placeOf(settings.capabilities)
  const sync = `gitops-${sha256(JSON.stringify([place, address])).slice(0, 12)}`
  const cycle = createCycle({
    log,
    directory: settings.capabilities,
    address,
    dryRun: store === null,
    starts: options.starts,
  })
  const spec = specOf(sync, options, cycle)
  const folder = store === null ? null : dropInFolder(program, [place, address], settings.stateDir, terminal.env)
  const { engine, journal, stop } = await openDropIn({
    folder,
    specs: [spec as unknown as SyncSpec<never>],
    clock,
    logger: loggerFor(log, options.passed),
    forgetful: (why) => log('WARNING', `State is kept in memory for this run only: ${why}`),
  })
  const judge = createJudge(journal, sync, settings, log)
  const settle = () => judge(cycle.take(), clock.now())

  async function pass() {
    const { allowDeletes } = settings
    if (allowDeletes === null) return outcome(await engine.pass(sync, { why: 'asked' }))
    const first = await engine.pass(sync, { why: 'asked', allowDeletes })
    const { strays } = await readStanding(journal, sync, targetName)
    const left = allowDeletes - cycle.removed()
    if (strays === 0 || left === 0) return outcome(first)
    // What etcd's inventory alone tells of is known after the first pass and judged by the second.
    cycle.listAgainSilently()
    return outcome(await engine.pass(sync, { why: 'asked', allowDeletes: left }))
  }

  async function outcome(report: PassReport) {
    const settled = await settle()
    const { statistics, standing } = settled
    const done = statistics.errors === 0 && standing.unremoved.length === 0
    return { ...settled, ok: report.ok && done && statistics.files > 0 }
  }

  return { engine, stop, settle, pass }
}

/** The directory as it is found from anywhere on this machine. */
function placeOf(directory: string): string {
  try {
    return realpathSync(directory)
  } catch {
    return resolve(directory)
  }
}

function specOf(
  name: string,
  { settings, store, clock }: SessionOptions,
  cycle: ReturnType<typeof createCycle>,
): SyncSpec<Capability> {
  const interval = Math.max(shortest, settings.interval * 1000)
  const source = createDirectorySource({
    directory: settings.capabilities,
    glob: standardGlob,
    rules: { compat: settings.compat, versionSource: settings.versionSource },
    interval,
    clock,
    onListing: cycle.listing,
  })
  const inventory = settings.compat ? null : `${standardInventory}${sourceIdOf(settings)}/`
  const layout = { prefix: standardPrefix, inventory }
  const target = store === null ? dryTarget() : createKeyValueTarget({ name: targetName, store, layout })
  return {
    name,
    registry: 'capabilities',
    source: cycle.source(source),
    targets: fixedTargets(cycle.target(target)),
    schedule: { interval, jitter: 0 },
    firstSight: 'overwrite',
    drift: 'repair',
    // An etcd that is back is to be found within seconds, whatever the interval.
    backoff: { first: 250, most: 2000 },
  }
}

/** Two containers may have different manifests in one place: the host's name keeps their keys apart. */
function sourceIdOf({ sourceId, capabilities }: Settings): string {
  return sourceId ?? sha256(`${hostname()}\0${placeOf(capabilities)}`).slice(0, 16)
}

/** Takes everything and does nothing. */
function dryTarget(): Target<Capability> {
  return {
    name: targetName,
    fingerprint: 'dry run',
    traits: { repeat: 'safe', page: 1000 },
    identity: () => Promise.resolve('dry run'),
    async *apply({ changes }) {
      for (const { key } of changes) yield [key, { is: 'applied', receipt: 'dry run' }]
    },
  }
}

/** The engine's own log, in the form of the original; most of what it says is for those who debug. */
function loggerFor(log: Log, passed: () => void): Logger {
  const tell = (fields: object, message: string) => {
    const error = 'err' in fields ? fields.err : 'error' in fields ? fields.error : null
    return error === null ? message : `${message}: ${messageOf(error)}`
  }
  const logger: Logger = {
    debug: (fields, message) => log('DEBUG', tell(fields, message)),
    info(fields, message) {
      if (message === 'pass') passed()
      log('DEBUG', tell(fields, message))
    },
    warn: (fields, message) => log('DEBUG', tell(fields, message)),
    error: (fields, message) => log('ERROR', tell(fields, message)),
    child: () => logger,
  }
  return logger
}

/** Compares what was seen with what is true now, and says what is left to do. */
function createJudge(journal: Journal, sync: string, settings: Settings, log: Log) {
  let toldUnremoved = ''

  return async ({ files, good, synced }: Tally, now: number): Promise<Settled> => {
    const standing = await readStanding(journal, sync, targetName)
    const { undelivered, unremoved } = standing
    const errors = files === null ? 0 : files - good + undelivered.size
    const skipped = files === null ? 0 : Math.max(0, files - synced.size - errors)
    if (files !== null && files > 0) {
      log('INFO', `Sync complete: ${synced.size} synced, ${skipped} skipped, ${errors} errors`)
    }
    const names = unremoved.join(', ')
    if (names !== toldUnremoved && names !== '') log('ERROR', unremovedText(unremoved, settings))
    toldUnremoved = names
    const counts = { files: files ?? 0, synced: synced.size, skipped, errors }
    return { statistics: { ...counts, lastSync: files === null || files === 0 ? null : now }, standing }
  }
}

/** Most names in one line. */
const mostNames = 10

function unremovedText(unremoved: readonly string[], { capabilities, mode, interval }: Settings): string {
  const names = unremoved.slice(0, mostNames).join(', ')
  const more = unremoved.length > mostNames ? ` and ${unremoved.length - mostNames} more` : ''
  const what = `Not removed from etcd though absent from ${capabilities}: ${names}${more}`
  const later = `${Math.min(interval, 20)} s later`
  const when =
    mode === 'watch'
      ? `a second look ${later} confirms it; many at once wait for a person`
      : `a second run ${later} that still knows of this one confirms it; many at once wait for a person`
  return `${what}; ${when}; to remove now: --allow-deletes ${unremoved.length}`
}
