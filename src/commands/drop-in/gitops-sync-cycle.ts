/**
 * Listens in on the source and the target of the sync and says what the original would say of it,
 * cycle by cycle.
 */
import type { Entry, Key, Look, Same, Source, Trouble } from '../../engine/source.ts'
import type { Batch, Outcome, Target } from '../../engine/target.ts'
import { asAppError } from '../../kernel/errors.ts'
import type { Capability } from '../../registries/capabilities/drop-in.ts'
import type { Level, Log } from './gitops-sync-output.ts'

export interface Cycle {
  listing(names: readonly string[]): void
  source(inner: Source<Capability>): Source<Capability>
  target(inner: Target<Capability>): Target<Capability>
  /** What was seen and done since the last call. */
  take(): Tally
  /** Capabilities removed since then. */
  removed(): number
  /** The next look belongs to the same cycle: what it lists was told. */
  listAgainSilently(): void
}

export interface Tally {
  /** Matching files; null: the directory could not be read. */
  readonly files: number | null
  /** Capabilities read from them. */
  readonly good: number
  /** Capabilities written. */
  readonly synced: ReadonlySet<Key>
}

export interface CycleOptions {
  readonly log: Log
  /** As printed. */
  readonly directory: string
  /** `host:port`. */
  readonly address: string
  readonly dryRun: boolean
  /** Called at the start of each look at the directory. */
  readonly starts: () => void
}

export function createCycle({ log, directory, address, dryRun, starts }: CycleOptions): Cycle {
  let files: number | null = null
  let good = 0
  let synced = new Set<Key>()
  let removed = 0
  /** Problems as of the last look: what was said of a file is said again only when it changes. */
  let said = new Set<string>()
  let unreachable: string | null = null
  let silent = false

  function heard(look: Look<Entry<Capability> | Same>): typeof look {
    if (look.saw === 'unavailable') log('ERROR', look.detail ?? look.why)
    if (look.saw === 'unchanged') good = files ?? 0
    if (look.saw !== 'complete') return look
    const items = [...(look.items as Iterable<Entry<Capability> | Same>)]
    good = items.length
    said = tellProblems(look.troubles ?? [], said, log)
    return { ...look, items }
  }

  function told(key: Key, outcome: Outcome, batch: Batch<Capability>): void {
    const change = batch.changes.find((each) => each.key === key)
    if (outcome.is === 'applied' && outcome.receipt !== undefined) {
      if (change?.op === 'delete') {
        removed += 1
        log('INFO', `Removed: ${key}`)
      } else {
        synced.add(key)
        log('INFO', dryRun ? `[DRY-RUN] Would sync: ${key}` : `Synced: ${key} (${change?.entry?.item.type})`)
      }
    }
    if (outcome.is === 'rejected') log('ERROR', `Failed to sync ${key} to etcd: ${outcome.detail ?? outcome.why}`)
    if (outcome.is === 'failed') log('ERROR', `Failed to sync ${key} to etcd: ${outcome.error.detail}`)
  }

  /** The first failure of each kind is told, and that it is over. */
  async function reached<T>(work: Promise<T>): Promise<T> {
    try {
      const value = await work
      if (unreachable !== null) log('INFO', `Connected to etcd at ${address}`)
      unreachable = null
      return value
    } catch (thrown) {
      const { code, detail } = asAppError(thrown)
      if (code !== 'aborted' && detail !== unreachable) log('ERROR', `Failed to connect to etcd: ${detail}`)
      unreachable = detail
      throw thrown
    }
  }

  return {
    listing(names) {
      files = names.length
      if (silent) {
        silent = false
        return
      }
      if (files === 0) log('WARNING', `No capability manifests found in ${directory}`)
      else log('INFO', `Found ${files} capability manifest(s)`)
    },
    source: (inner) => ({
      ...inner,
      async look(ask, signal) {
        files = null
        good = 0
        starts()
        return heard(await inner.look(ask, signal))
      },
    }),
    target: (inner) => ({
      ...inner,
      identity: (signal) => reached(inner.identity(signal)),
      ...(inner.look && { look: (ask, signal) => reached(inner.look!(ask, signal)) }),
      async *apply(batch, signal) {
        for await (const [key, outcome] of inner.apply(batch, signal)) {
          told(key, outcome, batch)
          yield [key, outcome] as const
        }
      },
    }),
    take() {
      const tally = { files, good, synced }
      synced = new Set()
      removed = 0
      return tally
    },
    removed: () => removed,
    listAgainSilently() {
      silent = true
    },
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
