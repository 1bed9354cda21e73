/** One directory and one etcd, put together: the sync on its engine, with an ear on both ends. */
import { realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { dropInFolder, openDropIn } from '../../../drop-in.ts'
import type { PassReport, SyncSpec } from '../../../engine/engine.ts'
import { fixedTargets, type Target } from '../../../engine/target.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { sha256 } from '../../../kernel/digest.ts'
import { messageOf } from '../../../kernel/errors.ts'
import type { KeyValue } from '../../../kernel/key-value.ts'
import type { Logger } from '../../../kernel/logger.ts'
import {
  createDirectorySource,
  createKeyValueTarget,
  standardGlob,
  standardInventory,
  standardPrefix,
  type Capability,
} from '../../../registries/capabilities/drop-in.ts'
import { program, type Settings } from './arguments.ts'
import { createEars, type Ears, type Listener } from './cycle.ts'
import { createJudge, type Settled } from './judge.ts'
import { insideOf, narrowSource, narrowTarget } from './namespace.ts'
import type { Log } from './output.ts'
import { readStanding } from './standing.ts'

export interface Session {
  /** Whether the state is in its folder; else it is in memory. */
  readonly lasting: boolean
  /** Passes run by themselves from now on. */
  start(): void
  /** Tells this listener of every pass from now on, whoever asked for it. */
  attend(listener: Listener): Attendance
  lastPass(): Promise<Instant | null>
  stop(bound: Ms): Promise<void>
}

export interface Attendance {
  /** One whole pass, now. `ok`: everything was read, nothing is left to do. */
  pass(allowDeletes: number | null): Promise<Settled & { readonly ok: boolean }>
  /** What was done since the last time and how things stand now; says what is not as it should be. */
  settle(): Promise<Settled>
  end(): void
}

export interface SessionOptions {
  readonly settings: Settings
  readonly place: StatePlace
  readonly clock: Clock
  readonly log: Log
  /** null: a dry run, which connects to nothing. */
  readonly store: KeyValue | null
  /** A pass that the engine started by itself is done. */
  readonly passed: () => void
  /** Another process has the folder: throw `journal.busy`, or do without it. */
  readonly busy: 'throw' | 'memory'
}

/** Of one sync, the same for every process that has the same directory, etcd and namespace. */
export interface StatePlace {
  readonly sync: string
  readonly folder: string
}

const targetName = 'etcd'
/** Passes closer together than this are no schedule but a load; the original spins at an interval of 0. */
const shortest: Ms = 100

export function statePlace(settings: Settings, env: Readonly<Record<string, string | undefined>>): StatePlace {
  const { namespace, stateDir } = settings
  const ends = [placeOf(settings.capabilities), settings.etcd.address, ...(namespace === null ? [] : [namespace])]
  const digest = sha256(JSON.stringify(ends)).slice(0, 12)
  const given = dropInFolder(program, ends, stateDir, env)
  // A folder that was named is for the whole directory; each namespace has a ledger of its own in it.
  const shared = namespace !== null && Boolean(stateDir ?? env['REGISTA_STATE_DIR'])
  return { sync: `gitops-${digest}`, folder: shared ? join(given, digest) : given }
}

export async function openSession(options: SessionOptions): Promise<Session> {
  const { settings, place, clock, log, store } = options
  const { sync } = place
  const ears = createEars({
    directory: settings.capabilities,
    namespace: settings.namespace,
    address: settings.etcd.address,
    dryRun: store === null,
  })
  const spec = specOf(options, ears)
  const { engine, journal, lasting, stop } = await openDropIn({
    folder: store === null ? null : place.folder,
    specs: () => [spec as unknown as SyncSpec<never>],
    clock,
    logger: loggerFor(log, options.passed),
    busy: options.busy,
    forgetful: (why) => log('WARNING', `State is kept in memory for this run only: ${why}`),
  })

  function attend(listener: Listener): Attendance {
    const cycle = ears.listen(listener)
    const judge = createJudge({ journal, sync, target: targetName, settings, log: listener.log })
    const settle = () => judge(cycle.take(), clock.now())

    async function outcome(report: PassReport) {
      const settled = await settle()
      const { statistics, standing } = settled
      const done = statistics.errors === 0 && standing.unremoved.length === 0
      return { ...settled, ok: report.ok && done && statistics.files > 0 }
    }

    return {
      settle,
      end: cycle.end,
      async pass(allowDeletes) {
        if (allowDeletes === null) return outcome(await engine.pass(sync, { why: 'asked' }))
        const first = await engine.pass(sync, { why: 'asked', allowDeletes })
        const { strays } = await readStanding(journal, sync, targetName)
        const left = allowDeletes - cycle.removed()
        if (strays === 0 || left === 0) return outcome(first)
        // What etcd's inventory alone tells of is known after the first pass and judged by the second.
        cycle.listAgainSilently()
        return outcome(await engine.pass(sync, { why: 'asked', allowDeletes: left }))
      },
    }
  }

  return {
    lasting,
    start: () => engine.start(),
    attend,
    lastPass: async () => (await engine.status(sync)).lastPassAt,
    stop,
  }
}

/** The directory as it is found from anywhere on this machine. */
function placeOf(directory: string): string {
  try {
    return realpathSync(directory)
  } catch {
    return resolve(directory)
  }
}

function specOf({ settings, place, store, clock }: SessionOptions, ears: Ears): SyncSpec<Capability> {
  const interval = Math.max(shortest, settings.interval * 1000)
  const inside = settings.namespace === null ? null : insideOf(settings.namespace)
  const whole = createDirectorySource({
    directory: settings.capabilities,
    glob: standardGlob,
    rules: { compat: settings.compat, versionSource: settings.versionSource },
    interval,
    clock,
    ...(inside === null && { onListing: ears.listing }),
  })
  const source = inside === null ? whole : narrowSource(whole, inside, ears.listing)
  const inventory = settings.compat ? null : `${standardInventory}${sourceIdOf(settings)}/`
  const layout = { prefix: standardPrefix, inventory }
  const all = store === null ? dryTarget() : createKeyValueTarget({ name: targetName, store, layout })
  const target = inside === null ? all : narrowTarget(all, inside)
  return {
    name: place.sync,
    registry: 'capabilities',
    source: ears.source(source),
    targets: fixedTargets(ears.target(target)),
    schedule: { interval, jitter: 0 },
    firstSight: 'overwrite',
    drift: 'repair',
    // An etcd that is back is to be found within seconds, whatever the interval.
    backoff: { first: 250, most: 1000 },
  }
}

/** Two containers may have different manifests in one place: the host's name keeps their keys apart. */
export function sourceIdOf({ sourceId, capabilities }: Settings): string {
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
