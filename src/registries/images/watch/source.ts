/**
 * What a deployer's sync looks at: a scope for each repository that one of its stages follows. Answers from what the
 * watch has seen; where that is not enough it has a look made, and waits for it, but not for long.
 */
import { root, scopeOf, type Scope } from '../../../engine/scope.ts'
import type { Ask, Entry, Hint, Look, Source, Trouble } from '../../../engine/source.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { Release } from '../model.ts'
import type { Told } from './entry.ts'
import type { Follower } from './follower.ts'
import type { PlaceWatch } from './place-watch.ts'
import type { Place } from './watch.ts'

export interface SourceParts {
  readonly deployer: string
  readonly clock: Clock
  readonly patience: Ms
  /** Resolves once all stages are known. */
  readonly ready: () => Promise<void>
  readonly places: () => Iterable<PlaceWatch>
  readonly placeAt: (scope: Scope) => PlaceWatch | undefined
  readonly tell: (follower: Follower) => Told
  /** Where the engine was told to look: it comes for what it was told of. Each counts once. */
  readonly awaited: Set<Scope>
  /** What was answered was not all: the engine is to come again after the look that goes on. */
  readonly owe: (place: PlaceWatch) => void
  readonly hints: (signal: AbortSignal) => AsyncIterable<Hint>
}

/** What was seen so recently is not asked for again. */
const fresh: Ms = 5_000

export function scopeOfPlace({ registry, image }: Place): Scope {
  return scopeOf(registry, image)
}

export function createSource(parts: SourceParts): Source<Release> {
  const { deployer, clock } = parts

  function followersAt(place: PlaceWatch): Follower[] {
    return [...place.followers.values()].filter(({ stage }) => stage.deployer === deployer)
  }

  const placesHere = () => [...parts.places()].filter((place) => followersAt(place).length > 0)

  /** What is known from a moment ago is told as it is; for the rest nothing is written, and nothing begun. */
  async function dryLook(scope: Scope): Promise<Look<Entry<Release>>> {
    if (scope === root) return childrenOf(placesHere())
    const place = parts.placeAt(scope)
    if (!place) return { saw: 'complete', items: [] }
    const followers = followersAt(place)
    const seen = isFresh(followers) ? null : await place.peek()
    return lookOf(followers.map((one) => parts.tell(seen ? { ...one, outcome: seen.get(one) ?? null } : one)))
  }

  function lookAtRoot(): Look<Entry<Release>> {
    const places = placesHere()
    // All at once, so that one registry that hangs is not waited for before the next is asked.
    for (const place of places) if (isUnseen(place)) void place.settled()
    // It looks at all that are below as well, for the sake of one that came or went.
    if (parts.awaited.delete(root)) for (const { place } of places) parts.awaited.add(scopeOfPlace(place))
    // Those that can be told of come first: they have nothing to wait for.
    places.sort((a, b) => Number(isUnseen(a)) - Number(isUnseen(b)))
    return childrenOf(places)
  }

  const isUnseen = (place: PlaceWatch) => followersAt(place).some(({ outcome }) => outcome === null)

  function isKnown(place: PlaceWatch): boolean {
    const awaited = parts.awaited.delete(scopeOfPlace(place.place))
    return !isUnseen(place) && (awaited || isFresh(followersAt(place)))
  }

  function isFresh(followers: readonly Follower[]): boolean {
    const oldest = clock.now() - fresh
    return followers.every(({ checkedAt, outcome }) => outcome !== null && checkedAt !== null && checkedAt >= oldest)
  }

  /** Only so long: the look goes on, and a hint follows it. */
  async function waitFor(place: PlaceWatch, signal: AbortSignal): Promise<boolean> {
    const over = new AbortController()
    const looks = (async () => {
      await place.settled()
      // It may have been one that was for others.
      if (isUnseen(place) && !over.signal.aborted) await place.lookNow()
      return true
    })()
    // Since it was asked for: many that hang are waited for together, not one after the other.
    const left = (place.lookingSince() ?? clock.now()) + parts.patience - clock.now()
    const late = clock.sleep(left, AbortSignal.any([over.signal, signal])).then(() => false)
    const done = await Promise.race([looks, late])
    over.abort(null)
    if (!done) parts.owe(place)
    return done
  }

  async function lookAtPlace(place: PlaceWatch, signal: AbortSignal): Promise<Look<Entry<Release>>> {
    const inTime = isKnown(place) || (await waitFor(place, signal))
    if (!inTime) signal.throwIfAborted()
    // What was seen before is no answer to what is there now; a pin is one at any time.
    const seen = (follower: Follower) => (inTime ? follower : { ...follower, outcome: null })
    return lookOf(followersAt(place).map((follower) => parts.tell(seen(follower))))
  }

  return {
    scopes: [{ scope: root }],
    // Stages are there as long as config and API say so.
    absence: 'vouched',
    async look(ask: Ask, signal) {
      signal.throwIfAborted()
      await parts.ready()
      if (ask.dry) return dryLook(ask.scope)
      if (ask.scope === root) return lookAtRoot()
      const place = parts.placeAt(ask.scope)
      return place ? lookAtPlace(place, signal) : { saw: 'complete', items: [] }
    },
    async *hints(signal) {
      await parts.ready()
      yield* parts.hints(signal)
    },
  }
}

function childrenOf(places: readonly PlaceWatch[]): Look<Entry<Release>> {
  return { saw: 'complete', items: [], children: places.map(({ place }) => ({ scope: scopeOfPlace(place) })) }
}

function lookOf(told: readonly Told[]): Look<Entry<Release>> {
  const items = told.flatMap((one) => (one.is === 'entry' ? [one.entry] : []))
  const troubles = told.flatMap((one): Trouble[] => (one.is === 'entry' ? [] : [one.trouble]))
  const failed = told.find((one) => one.is === 'failed' || one.is === 'unknown')
  // What could be told, also a pin while the registry is away, is; the others keep what they have.
  if (failed === undefined || items.length > 0) return { saw: 'complete', items, troubles }
  // Without `again`: the engine would look at everything then, and a hint comes as soon as there is something to see.
  const { why, detail = '' } = failed.trouble
  return { saw: 'unavailable', why, detail }
}
