/**
 * Statuses that were sent, as a source of one scope: after the first look each is a delta that the ledger itself
 * vouches for, by positions. A cluster that has been silent for too long has its claims told as unknown (staleness.ts).
 */
import type { Journal, Seq } from '../../engine/journal.ts'
import { moves } from '../../engine/moves.ts'
import type { Entry, Hint, Look, Source } from '../../engine/source.ts'
import { isoTime, type Clock, type Ms } from '../../kernel/clock.ts'
import { digestOfStatus, type ClaimStatus } from './model.ts'
import type { Staleness } from './statuses/staleness.ts'
import type { Statuses } from './statuses/statuses.ts'
import { liveOf } from './routes/original.ts'
import { pushed } from './statuses/judge.ts'
import type { Held } from './statuses/held.ts'

export interface PushedOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly statuses: Pick<Statuses, 'clusters' | 'changedSince' | 'sweep' | 'version'>
  /** null: silence says nothing. */
  readonly staleness: Staleness | null
  /** Hints of what came are gathered for so long; null: none are given, it waits for the schedule. */
  readonly gather: Ms | null
}

const version = 1
const sweepEvery: Ms = 3_600_000

export function createPushedSource({
  journal,
  clock,
  statuses,
  staleness,
  gather,
}: PushedOptions): Source<ClaimStatus> {
  const markOf = (seq: number, silent: Silent) =>
    JSON.stringify([version, seq, [...silent].toSorted(([a], [b]) => (a < b ? -1 : 1))])

  let sweptAt = -Infinity

  async function silentNow(before: Silent): Promise<Silent> {
    return (await staleness?.silent(before)) ?? new Map()
  }

  async function lookSince(since: Seq, before: Silent): Promise<Look<Entry<ClaimStatus>>> {
    await sweep(since)
    const silent = await silentNow(before)
    const { found, upto } = await statuses.changedSince(since)
    const told = new Set(found)
    for (const name of differing(before, silent)) {
      const cluster = (await statuses.clusters()).get(name)
      for (const held of cluster === undefined ? [] : liveOf([cluster])) if (held.seq > 0) told.add(held)
    }
    if (told.size === 0 && !differs(before, silent)) return { saw: 'unchanged' }
    const gone = found.filter(({ state }) => state === 'gone').map(({ key }) => key)
    return { saw: 'delta', items: entriesOf(told, silent), gone, mark: markOf(upto, silent) }
  }

  /** `upto` is the mark that the last look left: what it covers is in the ledger. */
  async function sweep(upto: Seq): Promise<void> {
    const now = clock.monotonic()
    if (now - sweptAt < sweepEvery) return
    sweptAt = now
    await statuses.sweep(upto, clock.now())
  }

  async function lookAtAll(): Promise<Look<Entry<ClaimStatus>>> {
    const silent = await silentNow(new Map())
    const { found, upto } = await statuses.changedSince(0)
    return { saw: 'complete', items: entriesOf(found, silent), mark: markOf(upto, silent) }
  }

  async function* hintsOfNews(signal: AbortSignal, gathering: Ms): AsyncGenerator<Hint> {
    // What came before is seen by the first pass.
    let heard = statuses.version()
    for await (const _ of moves(journal, signal)) {
      await clock.sleep(gathering, signal)
      await statuses.clusters()
      const now = statuses.version()
      if (now !== heard) yield { scope: pushed }
      heard = now
    }
  }

  return {
    scopes: [{ scope: pushed }],
    absence: 'vouched',
    async look(ask, signal) {
      signal.throwIfAborted()
      const mark = readMark(ask.mark)
      const look = await (mark === null ? lookAtAll() : lookSince(mark.seq, mark.silent))
      signal.throwIfAborted()
      return look
    },
    ...(gather !== null && { hints: (signal: AbortSignal) => hintsOfNews(signal, gather) }),
  }
}

/** Cluster → since when it has been silent. */
type Silent = ReadonlyMap<string, number>

function readMark(mark: string | undefined): { seq: number; silent: Silent } | null {
  if (mark === undefined) return null
  const [of, seq, silent] = JSON.parse(mark) as [number, number, [string, number][]]
  return of === version ? { seq, silent: new Map(silent) } : null
}

function differing(before: Silent, now: Silent): string[] {
  const names = new Set([...before.keys(), ...now.keys()])
  return [...names].filter((name) => before.get(name) !== now.get(name))
}

const differs = (before: Silent, now: Silent): boolean => differing(before, now).length > 0

/** Of messages, for people. */
const longestLabel = 60

function entriesOf(told: Iterable<Held>, silent: Silent): Entry<ClaimStatus>[] {
  const found: Entry<ClaimStatus>[] = []
  for (const { key, state, by, cluster, claimRef, object, observedAt, ...said } of told) {
    if (state === 'gone') continue
    const since = silent.get(cluster)
    const { message, health } = since === undefined ? said : unknown(said.message, since)
    const item: ClaimStatus = { cluster, claimRef, object, message, health, observedAt: since ?? observedAt }
    // Without an ordinal: what is older was not let in, and what is unknown is no older than what was known.
    found.push({ key, digest: digestOfStatus(item), label: labelOf(item), item, note: { by } })
  }
  return found
}

const longestTail = 1024

function unknown(message: string, since: number): Pick<ClaimStatus, 'message' | 'health'> {
  const at = `${isoTime(since).slice(0, 19)}Z`
  const tail = message.length > longestTail ? `${message.slice(0, longestTail)}…`.toWellFormed() : message
  return { message: `Nothing heard of this cluster since ${at}; before: ${tail}`, health: 'unknown' }
}

export function labelOf({ health, message }: Pick<ClaimStatus, 'health' | 'message'>): string {
  if (health !== null) return health
  // oxlint-disable-next-line no-control-regex -- labels are one line of what can be shown
  const line = message.replace(/[\u0000-\u001f\u007f]+/g, ' ')
  return line.length > longestLabel ? `${line.slice(0, longestLabel - 1).toWellFormed()}…` : line
}
