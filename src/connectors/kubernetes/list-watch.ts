/**
 * Tells of every object that a query finds and of all that becomes of it, for as long as anybody
 * listens: a list, a watch from the version of the list, the next watch from where that one ended, and
 * a list again where the cluster has forgotten that version. One reader pulls; while it works nothing
 * is read ahead but what fits into the buffers of a socket.
 */
import type { Ms } from '../../kernel/clock.ts'
import { AppError, asAppError, messageOf } from '../../kernel/errors.ts'
import { fullJitter } from '../../kernel/retry.ts'
import { clusterError, whyOf } from './errors.ts'
import { listPages, type Query } from './list.ts'
import { keyOf, type KubernetesObject } from './objects.ts'
import { watch, type WatchParts } from './watch.ts'

export interface ListWatchQuery<T> extends Query {
  /** Keeps what is needed of an object, which is all of it that is kept. What it throws is a trouble of this object alone. */
  readonly project: (object: KubernetesObject) => T
}

export type Observed<T> =
  /** It is there and is like this now, whether or not that is new. Key: `namespace/name`, or `name` alone. */
  | { readonly is: 'put'; readonly key: string; readonly uid: string; readonly item: T }
  /** It is there, but its projection threw: what was known of it before may be out of date. */
  | { readonly is: 'trouble'; readonly key: string; readonly uid: string; readonly why: AppError }
  /** It is gone, as the cluster said or a complete list showed. */
  | { readonly is: 'gone'; readonly key: string; readonly uid: string }
  /** A first or repeated list was told to its end; or, after `lost`, the watch goes on where it broke off. */
  | { readonly is: 'synced' }
  /** What is known stays. It goes on by itself, and says `synced` when it has. Told again when the reason changes. */
  | { readonly is: 'lost'; readonly why: AppError }

/** As client-go's reflector, with full jitter. */
const backoff = { first: 1000, most: 30_000 } as const
/** Longest wait that a cluster may ask for with Retry-After. */
const mostRetryAfter: Ms = 300_000
/** A watch that ended sooner, and told nothing, is a failure: else a proxy that cuts at once would be asked in a loop. */
const shortest: Ms = 1000
/** After so many failures of the watch in a row its version may be the reason: an etcd restored from a backup. */
const relistAfter = 5

interface Place {
  /** Version to watch from; null: list first. */
  from: string | null
  /** Key → uid of all that was told and is not gone. Items are the reader's to keep. */
  readonly known: Map<string, string>
  /** Failures in a row, without a word from a watch between them. */
  failures: number
  /** Why it is lost, as last told; null: it is not. */
  lost: string | null
}

type Tell<T, End = void> = AsyncGenerator<Observed<T>, End, undefined>

export async function* listWatch<T>(parts: WatchParts, query: ListWatchQuery<T>, signal: AbortSignal): Tell<T> {
  const place: Place = { from: null, known: new Map(), failures: 0, lost: null }
  while (!signal.aborted) {
    const turn: Turn = { opened: null }
    try {
      place.from ??= yield* relist(parts, query, place, signal)
      yield* follow(parts, query, place, turn, signal)
    } catch (thrown) {
      if (signal.aborted) return
      yield* bear(parts, place, turn, asAppError(thrown), signal)
    }
  }
}

interface Turn {
  /** When the watch was accepted; null: it was not. */
  opened: Ms | null
}

/** Long enough for a watch that has nothing to tell. */
function stood({ clock }: WatchParts, { opened }: Turn): boolean {
  return opened !== null && clock.monotonic() - opened >= shortest
}

/** The whole list, then what it no longer has. Returns its version. */
async function* relist<T>(
  { sender }: WatchParts,
  { project, ...query }: ListWatchQuery<T>,
  place: Place,
  signal: AbortSignal,
): Tell<T, string> {
  const seen = new Set<string>()
  let version = ''
  for await (const { first, items, resourceVersion } of listPages(sender, query, signal)) {
    if (first) seen.clear()
    version = resourceVersion
    for (const object of items) {
      seen.add(keyOf(object))
      yield* put(place.known, object, project)
    }
  }
  for (const [key, uid] of place.known) {
    if (seen.has(key)) continue
    place.known.delete(key)
    yield { is: 'gone', key, uid }
  }
  place.lost = null
  yield { is: 'synced' }
  return version
}

/** One watch. Returns when it ended in order, to be followed by the next at once; throws what else it ended with. */
async function* follow<T>(
  parts: WatchParts,
  { project, ...query }: ListWatchQuery<T>,
  place: Place,
  turn: Turn,
  signal: AbortSignal,
): Tell<T> {
  let heard = false
  const opened = () => {
    turn.opened = parts.clock.monotonic()
  }
  for await (const { type, object } of watch({ ...parts, opened }, query, place.from ?? '', signal)) {
    heard = true
    place.failures = 0
    if (place.lost !== null) {
      place.lost = null
      yield { is: 'synced' }
    }
    if (type === 'DELETED') yield* remove(place.known, object)
    else if (type !== 'BOOKMARK') yield* put(place.known, object, project)
    place.from = object.metadata.resourceVersion
  }
  if (heard || stood(parts, turn)) return
  throw clusterError(parts.sender.asked({ method: 'GET', path: query.path }), 'network', 'the watch ended at once')
}

function* put<T>(
  known: Map<string, string>,
  object: KubernetesObject,
  project: (object: KubernetesObject) => T,
): Generator<Observed<T>, void, undefined> {
  const key = keyOf(object)
  const uid = object.metadata.uid ?? ''
  const before = known.get(key)
  known.set(key, uid)
  // Deleted and made again while nobody looked: not the same thing, whatever it is called.
  if (before !== undefined && before !== uid) yield { is: 'gone', key, uid: before }
  yield projected(key, uid, object, project)
}

function projected<T>(
  key: string,
  uid: string,
  object: KubernetesObject,
  project: (o: KubernetesObject) => T,
): Observed<T> {
  try {
    return { is: 'put', key, uid, item: project(object) }
  } catch (thrown) {
    const detail = `${key} could not be read: ${messageOf(thrown)}`
    const why = new AppError('source.unavailable', detail, { cause: thrown, data: { why: 'malformed' } })
    return { is: 'trouble', key, uid, why }
  }
}

function* remove(
  known: Map<string, string>,
  object: KubernetesObject,
): Generator<{ is: 'gone'; key: string; uid: string }, void, undefined> {
  const key = keyOf(object)
  const uid = known.get(key)
  if (uid === undefined) return
  known.delete(key)
  yield { is: 'gone', key, uid }
}

/** Says what is to be said of a failure, and waits. */
async function* bear(parts: WatchParts, place: Place, turn: Turn, why: AppError, signal: AbortSignal): Tell<never> {
  const { clock, random } = parts
  const kind = whyOf(why) ?? why.code
  place.failures = stood(parts, turn) ? 1 : place.failures + 1
  // A history that ended: the list that follows says all.
  const forgotten = kind === 'expired' && place.from !== null
  // A connection that broke: nothing is lost if the next try succeeds.
  const broke = kind === 'network' && turn.opened !== null && place.failures === 1
  if (!forgotten && !broke && place.lost !== kind) {
    place.lost = kind
    yield { is: 'lost', why }
  }
  // What cannot be taken in as an event may be no trouble to read as part of a list.
  const unreadable = kind === 'too-large' || kind === 'malformed'
  if (forgotten || unreadable || place.failures % relistAfter === 0) place.from = null
  const asked = why.data['retryAfter']
  const least = typeof asked === 'number' ? Math.min(asked, mostRetryAfter) : 0
  await clock.sleep(Math.max(least, fullJitter(place.failures - 1, backoff, random)), signal)
}
