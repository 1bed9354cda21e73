/**
 * Statuses that were sent, as a source of one scope: after the first look each is a delta that the ledger itself
 * vouches for, by positions. A cluster that has been silent for too long has its claims told as unknown (staleness.ts).
 */
import type { Journal, Stored } from '../../engine/journal.ts'
import type { Entry, Hint, Key, Look, Source } from '../../engine/source.ts'
import { isoTime, type Clock, type Ms } from '../../kernel/clock.ts'
import { digestOfStatus, type ClaimStatus } from './model.ts'
import type { Staleness } from './staleness.ts'
import type { Statuses } from './statuses.ts'
import { pushed } from './statuses-judge.ts'
import { heldOf } from './statuses-held.ts'
import { claimStatuses, type ClaimStatusRow } from './tables.ts'

export interface PushedOptions {
  readonly sync: string
  readonly journal: Journal
  readonly clock: Clock
  readonly statuses: Pick<Statuses, 'clusters'>
  /** null: silence says nothing. */
  readonly staleness: Staleness | null
  /** Hints of what came are gathered for so long; null: none are given, it waits for the schedule. */
  readonly gather: Ms | null
}

const page = 500
const version = 1

export function createPushedSource({
  sync,
  journal,
  clock,
  statuses,
  staleness,
  gather,
}: PushedOptions): Source<ClaimStatus> {
  const markOf = (seq: number, silent: Silent) =>
    JSON.stringify([version, seq, [...silent].toSorted(([a], [b]) => (a < b ? -1 : 1))])

  async function silentNow(before: Silent): Promise<Silent> {
    return (await staleness?.silent(before)) ?? new Map()
  }

  async function* rowsWhere(since: number): AsyncGenerator<Stored<ClaimStatusRow>> {
    for (let after = since; ;) {
      const where = { sync, seq: { above: after } }
      const rows = await journal.select(claimStatuses, { where, order: ['seq'], limit: page })
      yield* rows
      if (rows.length < page) return
      after = rows.at(-1)!.seq
    }
  }

  async function lookSince(since: number, before: Silent): Promise<Look<Entry<ClaimStatus>>> {
    const silent = await silentNow(before)
    const rows = new Map<Key, Stored<ClaimStatusRow>>()
    let upto = since
    // Also in the last page: what changes meanwhile moves to the end, and is then read again.
    for await (const row of rowsWhere(since)) {
      rows.set(row.key, row)
      upto = Math.max(upto, row.seq)
    }
    for (const cluster of differing(before, silent)) for (const row of await rowsOf(cluster)) rows.set(row.key, row)
    if (rows.size === 0 && !differs(before, silent)) return { saw: 'unchanged' }
    const gone = [...rows.values()].filter(({ state }) => state === 'gone').map(({ key }) => key)
    return { saw: 'delta', items: entriesOf(rows.values(), silent), gone, mark: markOf(upto, silent) }
  }

  async function rowsOf(cluster: string): Promise<readonly Stored<ClaimStatusRow>[]> {
    return journal.select(claimStatuses, { where: { sync, key: { prefix: `${encodeURIComponent(cluster)}/` } } })
  }

  async function lookAtAll(): Promise<Look<Entry<ClaimStatus>>> {
    // Reads them first, and drops what was forgotten meanwhile.
    await statuses.clusters()
    const silent = await silentNow(new Map())
    // Read before the rows: what changes while they are read is then past the mark.
    const { seq } = await journal.head()
    const rows = new Map<Key, Stored<ClaimStatusRow>>()
    for await (const row of rowsWhere(0)) rows.set(row.key, row)
    return { saw: 'complete', items: entriesOf(rows.values(), silent), mark: markOf(seq, silent) }
  }

  async function* hintsOfNews(signal: AbortSignal, gathering: Ms): AsyncGenerator<Hint> {
    // What came before is seen by the first pass.
    let heard = (await journal.head()).seq
    for await (const _ of moves(journal, signal)) {
      await clock.sleep(gathering, signal)
      const head = await journal.head()
      const news = await journal.select(claimStatuses, { where: { sync, seq: { above: heard } }, limit: 1 })
      heard = head.seq
      if (news.length > 0) yield { scope: pushed }
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

function entriesOf(rows: Iterable<Stored<ClaimStatusRow>>, silent: Silent): Entry<ClaimStatus>[] {
  const found: Entry<ClaimStatus>[] = []
  for (const row of rows) {
    const held = row.state === 'live' ? heldOf(row) : null
    if (held === null) continue
    const { cluster, claimRef, object, observedAt } = held
    const since = silent.get(cluster)
    const said = { message: held.message, health: held.health }
    const { message, health } = since === undefined ? said : unknown(said.message, since)
    const item: ClaimStatus = { cluster, claimRef, object, message, health, observedAt: since ?? observedAt }
    // Without an ordinal: what is older was not let in, and what is unknown is no older than what was known.
    found.push({ key: row.key, digest: digestOfStatus(item), label: labelOf(item), item, note: { by: row.by } })
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

/** Yields at once, and then each time after the ledger moved. */
async function* moves(journal: Journal, signal: AbortSignal): AsyncGenerator<void> {
  let moved = true
  let wake = () => {}
  const unsubscribe = journal.subscribe(() => {
    moved = true
    wake()
  })
  const stop = () => wake()
  signal.addEventListener('abort', stop, { once: true })
  try {
    while (!signal.aborted) {
      if (moved) {
        moved = false
        yield
        continue
      }
      const woken = Promise.withResolvers<void>()
      wake = woken.resolve
      if (!moved && !signal.aborted) await woken.promise
    }
  } finally {
    signal.removeEventListener('abort', stop)
    unsubscribe()
  }
}
