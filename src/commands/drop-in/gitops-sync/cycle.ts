/**
 * Listens in on the source and the target of the sync and says what the original would say of it,
 * cycle by cycle; to several listeners at a time, because a watch also runs passes that other processes ask for.
 */
import type { Entry, Key, Look, Same, Source, Trouble } from '../../../engine/source.ts'
import type { Change, Outcome, Target } from '../../../engine/target.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Capability } from '../../../registries/capabilities/drop-in.ts'
import type { Level, Log } from './output.ts'

export interface Ears {
  /** Told by the source, with each look, which manifests there are. */
  listing(names: readonly string[]): void
  source(inner: Source<Capability>): Source<Capability>
  target(inner: Target<Capability>): Target<Capability>
  listen(listener: Listener): Cycle
}

export interface Listener {
  readonly log: Log
  /** Called at the start of each look at the directory. */
  readonly starts: () => void
}

export interface Cycle {
  /** What was seen and done since the last call. */
  take(): Tally
  /** Capabilities removed since then. */
  removed(): number
  /** The next look belongs to the same cycle: what it lists was told. */
  listAgainSilently(): void
  end(): void
}

export interface Tally {
  /** Matching files; null: the directory could not be read. */
  readonly files: number | null
  /** Capabilities read from them. */
  readonly good: number
  /** Capabilities written. */
  readonly synced: ReadonlySet<Key>
}

export interface EarsOptions {
  /** As printed. */
  readonly directory: string
  /** null: all of the directory. */
  readonly namespace: string | null
  /** `host:port`. */
  readonly address: string
  readonly dryRun: boolean
}

type Looked = Look<Entry<Capability> | Same>

interface Ear extends Cycle {
  starts(): void
  listing(names: readonly string[]): void
  looked(look: Looked, items: readonly unknown[]): void
  told(key: Key, outcome: Outcome, change: Change<Capability> | undefined): void
  reached(): void
  missed(thrown: unknown): void
}

export function createEars(options: EarsOptions): Ears {
  const ears = new Set<Ear>()
  const each = (tell: (ear: Ear) => void) => {
    for (const ear of ears) tell(ear)
  }

  async function heard(look: Looked): Promise<Looked> {
    if (look.saw !== 'complete') {
      each((ear) => ear.looked(look, []))
      return look
    }
    const items: (Entry<Capability> | Same)[] = []
    for await (const item of look.items) items.push(item)
    each((ear) => ear.looked(look, items))
    return { ...look, items }
  }

  async function reached<T>(work: Promise<T>): Promise<T> {
    try {
      const value = await work
      each((ear) => ear.reached())
      return value
    } catch (thrown) {
      each((ear) => ear.missed(thrown))
      throw thrown
    }
  }

  return {
    listing: (names) => each((ear) => ear.listing(names)),
    source: (inner) => ({
      ...inner,
      async look(ask, signal) {
        each((ear) => ear.starts())
        return heard(await inner.look(ask, signal))
      },
    }),
    target: (inner) => ({
      ...inner,
      identity: (signal) => reached(inner.identity(signal)),
      ...(inner.look && { look: (ask, signal) => reached(inner.look!(ask, signal)) }),
      async *apply(batch, signal) {
        const changes = new Map(batch.changes.map((change) => [change.key, change]))
        for await (const [key, outcome] of inner.apply(batch, signal)) {
          each((ear) => ear.told(key, outcome, changes.get(key)))
          yield [key, outcome] as const
        }
      },
    }),
    listen(listener) {
      const ear = createEar(options, listener, () => ears.delete(ear))
      ears.add(ear)
      return ear
    },
  }
}

function createEar(options: EarsOptions, { log, starts }: Listener, end: () => void): Ear {
  const { directory, namespace, address, dryRun } = options
  let listed: readonly string[] = []
  let files: number | null = null
  let good = 0
  let synced = new Set<Key>()
  /** Files of which something was written. */
  let wrote = new Set<string>()
  let removed = 0
  /** Problems as of the last look: what was said of a file is said again only when it changes. */
  let said = new Set<string>()
  let unreachable: string | null = null
  let silent = false

  return {
    starts,
    listing(names) {
      listed = names
      if (silent) silent = false
      else if (names.length > 0) log('INFO', `Found ${names.length} capability manifest(s)`)
      else
        log('WARNING', `No capability manifests found in ${directory}${namespace ? ` for namespace ${namespace}` : ''}`)
    },
    looked(look, items) {
      files = look.saw === 'unavailable' ? null : listed.length
      good = look.saw === 'complete' ? items.length : (files ?? 0)
      if (look.saw === 'unavailable') log('ERROR', look.detail ?? look.why)
      if (look.saw === 'complete') said = tellProblems(look.troubles ?? [], said, log)
    },
    told(key, outcome, change) {
      if (outcome.is === 'rejected') log('ERROR', `Failed to sync ${key} to etcd: ${outcome.detail ?? outcome.why}`)
      if (outcome.is === 'failed') log('ERROR', `Failed to sync ${key} to etcd: ${outcome.error.detail}`)
      if (outcome.is !== 'applied' || outcome.receipt === undefined) return
      if (change?.op === 'delete') {
        removed += 1
        log('INFO', `Removed: ${key}`)
        return
      }
      synced.add(key)
      if (change?.entry?.origin !== undefined) wrote.add(change.entry.origin)
      log('INFO', dryRun ? `[DRY-RUN] Would sync: ${key}` : `Synced: ${key} (${change?.entry?.item.type})`)
    },
    reached() {
      if (unreachable !== null) log('INFO', `Connected to etcd at ${address}`)
      unreachable = null
    },
    /** The first failure of each kind is told, and that it is over. */
    missed(thrown) {
      const { code, detail } = asAppError(thrown)
      if (code !== 'aborted' && detail !== unreachable) log('ERROR', `Failed to connect to etcd: ${detail}`)
      unreachable = detail
    },
    take() {
      if (log.debugs) tellSkipped(listed, wrote, said, log)
      const tally = { files, good, synced }
      synced = new Set()
      wrote = new Set()
      removed = 0
      return tally
    },
    removed: () => removed,
    listAgainSilently() {
      silent = true
    },
    end,
  }
}

function tellProblems(troubles: readonly Trouble[], before: ReadonlySet<string>, log: Log): Set<string> {
  const now = new Set(troubles.map(({ detail, why }) => detail ?? why))
  for (const text of now) if (!before.has(text)) log(levelOf(text), text)
  return now
}

/** The original warns of what is no manifest of its own and calls the rest an error. */
function levelOf(text: string): Level {
  return /^(?:Invalid manifest|Missing dc_identifier|Unknown capability type)\b/.test(text) ? 'WARNING' : 'ERROR'
}

function tellSkipped(
  listed: readonly string[],
  wrote: ReadonlySet<string>,
  problems: ReadonlySet<string>,
  log: Log,
): void {
  const troubled = [...problems].join('\n')
  for (const name of listed) {
    if (!wrote.has(name) && !troubled.includes(name)) log('DEBUG', `Skipped (unchanged): ${name}`)
  }
}
