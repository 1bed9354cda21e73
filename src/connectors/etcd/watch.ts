/**
 * Tells of changes below a prefix, over as many streams, endpoints and tokens as it takes. A stream
 * goes on after the last revision that the one before it told of; where that is no longer possible
 * (compacted away, or the store is another one), it goes on from now, and a gap is told.
 */
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Changed } from '../../kernel/key-value.ts'
import { createGathering, type Gathering } from './gathering.ts'
import { nameOf } from './messages.ts'
import type { Session } from './session.ts'
import { watch, type WatchAnswer, type WatchChange } from './watch-messages.ts'

export interface Watched {
  readonly session: Session
  readonly clock: Clock
  readonly key: Uint8Array
  readonly end: Uint8Array
  readonly signal: AbortSignal
}

/** Most keys that wait for a slow reader: about 2 MB. Beyond it a look at all is the cheaper one. */
const mostKeys = 10_000
/** A server that is back is found within half a second. */
const backoff = { first: 50, most: 400 } as const

export async function* watchPrefix(watched: Watched): AsyncGenerator<readonly Changed[] | null, void> {
  const own = new AbortController()
  const signal = AbortSignal.any([watched.signal, own.signal])
  const gathering = createGathering(mostKeys)
  const following = followAll({ ...watched, signal }, gathering).then(
    () => gathering.end(),
    (thrown: unknown) => gathering.end(signal.aborted ? undefined : thrown),
  )
  const stop = () => gathering.end()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    for (;;) {
      const taken = await gathering.take()
      if (taken === undefined || watched.signal.aborted) return
      yield taken
    }
  } finally {
    own.abort()
    await following
  }
}

/** Where the next stream goes on. */
interface Place {
  /** First revision that was not told of; 0: from now on. */
  from: number
  cluster: bigint | null
  standing: boolean
}

async function followAll(watched: Watched, gathering: Gathering): Promise<void> {
  const { clock, signal } = watched
  const place: Place = { from: 0, cluster: null, standing: false }
  let failures = 0
  /** Refused, with a token that may have been too old: once more with a new one. */
  let denied = false
  for (let turn = 0; !signal.aborted; turn++) {
    place.standing = false
    let refused = false
    try {
      await followOne(watched, place, turn, gathering)
    } catch (thrown) {
      if (signal.aborted) return
      refused = isRefusal(thrown)
      if (refused && ((denied && !place.standing) || !watched.session.forgetToken())) throw thrown
    }
    denied = refused
    if (place.standing && !refused) failures = 0
    await clock.sleep(Math.min(backoff.most, backoff.first * 2 ** failures), signal)
    failures += 1
  }
}

/** Until the stream ends, for whatever reason. Throws what must not be passed over. */
async function followOne(watched: Watched, place: Place, turn: number, gathering: Gathering): Promise<void> {
  const over = new AbortController()
  const signal = AbortSignal.any([watched.signal, over.signal])
  const end: { why: AppError | null } = { why: null }
  const heard = (answer: WatchAnswer) => {
    if (over.signal.aborted) return
    if (answer.cancelled) {
      end.why = afterCancel(place, answer, gathering)
      over.abort()
    } else if (answer.created && !stand(place, answer, gathering)) {
      over.abort()
    } else {
      if (answer.changes.length > 0) gathering.add(answer.changes.flatMap(named))
      if (!answer.fragment) place.from = Math.max(place.from, answer.header.revision + 1)
    }
  }
  const question = { key: watched.key, end: watched.end, from: place.from }
  try {
    await watched.session.stream(watch, question, { signal, turn, heard })
  } catch (thrown) {
    if (!over.signal.aborted) throw thrown
  }
  if (end.why !== null) throw end.why
}

/** False: it does not know the revision to go on from, and would stay silent until it got there. */
function stand(place: Place, { header }: WatchAnswer, gathering: Gathering): boolean {
  const another = place.cluster !== null && place.cluster !== header.cluster
  place.cluster = header.cluster
  place.standing = true
  // Wiped or restored; or a member that lags: then it is one look too many.
  if (another || place.from > header.revision + 1) {
    place.from = 0
    gathering.gap()
    return false
  }
  gathering.add([])
  return true
}

/** What the watch ends with; null: it may be opened again. */
function afterCancel(place: Place, { compacted, why }: WatchAnswer, gathering: Gathering): AppError | null {
  if (/permission denied|auth token|user name is empty/.test(why)) {
    const data = { reason: 'permission', effect: 'none' }
    return new AppError('target.refused', `etcd does not let the user watch: ${why}; grant the key prefix`, { data })
  }
  if (compacted > 0) {
    place.standing = true
    place.from = 0
    gathering.gap()
  }
  return null
}

/** Keys that are no text are none of ours. */
function named({ key, revision }: WatchChange): Changed[] {
  const name = nameOf(key)
  return name === null ? [] : [{ key: name, revision }]
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof AppError && thrown.code === 'target.refused'
}
