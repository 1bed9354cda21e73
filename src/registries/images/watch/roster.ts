/** Which stage follows which repository: as the book says, kept up as it changes. */
import type { Stage, StageKey } from '../model.ts'
import type { Book } from '../stages/book.ts'
import { createFollower, followed, type Follower } from './follower.ts'
import type { PlaceWatch } from './place-watch.ts'
import type { Place } from './watch.ts'

export interface Roster {
  /** What the book has; once. */
  fill(): void
  readonly places: ReadonlyMap<string, PlaceWatch>
  /** Ends the following, and all repositories. */
  close(): Promise<void>
}

export interface RosterParts {
  readonly book: Pick<Book, 'stages' | 'stage' | 'subscribe'>
  readonly foldsCase: (registry: string) => boolean
  readonly open: (place: Place) => PlaceWatch
  /** It is there now, for this deployer. */
  readonly came: (place: PlaceWatch, follower: Follower) => void
  /** It is not there any more, or not for this deployer. */
  readonly left: (place: PlaceWatch, follower: Follower) => void
  /** It follows something else of the same repository, or at other times. */
  readonly redefined: (place: PlaceWatch, follower: Follower) => void
  readonly stateChanged: (place: PlaceWatch, follower: Follower) => void
}

export function nameOf({ registry, image }: Place): string {
  return `${registry}/${image}`
}

export function createRoster(parts: RosterParts): Roster {
  const { book } = parts
  const places = new Map<string, PlaceWatch>()
  const at = new Map<StageKey, { readonly place: PlaceWatch; readonly follower: Follower }>()
  const closing = new Set<Promise<void>>()
  let filled = false

  function add(stage: Stage, before: Follower | null): { place: PlaceWatch; follower: Follower } {
    const { registry, image, key } = stage
    const place = places.get(nameOf(stage)) ?? parts.open({ registry, image })
    places.set(nameOf(stage), place)
    const still = before !== null && followed(before.stage) === followed(stage)
    const fresh = createFollower(stage, { foldsCase: parts.foldsCase(registry), anew: before !== null && !still })
    const follower = still ? { ...before, stage, told: null } : fresh
    const there = { place, follower }
    at.set(key, there)
    place.add(follower)
    return there
  }

  function remove({ place, follower }: { place: PlaceWatch; follower: Follower }): void {
    place.drop(follower.stage.key)
    if (place.followers.size > 0) return place.replan()
    places.delete(nameOf(place.place))
    const closed: Promise<void> = place.close().finally(() => closing.delete(closed))
    closing.add(closed)
  }

  function changed(key: StageKey): void {
    if (!filled) return
    const stage = book.stage(key)
    const was = at.get(key)
    if (stage !== null && was && isSame(was.follower.stage, stage)) return parts.stateChanged(was.place, was.follower)
    // Before the old one is removed: a repository with one stage is not closed in between.
    const is = stage === null ? null : add(stage, was?.follower ?? null)
    if (was !== undefined && was.place !== is?.place) remove(was)
    if (is === null) at.delete(key)
    else is.place.replan()
    const stays = was?.place === is?.place && was?.follower.stage.deployer === stage?.deployer
    if (is !== null && stays) return parts.redefined(is.place, is.follower)
    if (was !== undefined) parts.left(was.place, was.follower)
    if (is !== null) parts.came(is.place, is.follower)
  }

  const unsubscribe = book.subscribe(changed)

  return {
    places,
    fill() {
      if (filled) return
      filled = true
      for (const stage of book.stages()) add(stage, null)
      for (const place of places.values()) place.replan()
    },
    async close() {
      unsubscribe()
      await Promise.all([...closing, ...[...places.values()].map((place) => place.close())])
    },
  }
}

/** The book reads a stage anew whenever something is written of it. */
function isSame(a: Stage, b: Stage): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
