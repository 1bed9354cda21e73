/** The watch: repositories by stages, one timer, and a source for each deployer. */
import { root, type Scope } from '../../../engine/scope.ts'
import type { Hint } from '../../../engine/source.ts'
import type { Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { StageKey } from '../model.ts'
import { createAlarms } from './alarms.ts'
import { createBounds } from './bounds.ts'
import { createDoors } from './door.ts'
import { signatureOf, tellOf, type Told } from './entry.ts'
import { follows, type Follower } from './follower.ts'
import { emptyJob } from './job.ts'
import { createMemories } from './memories.ts'
import { createNews } from './news.ts'
import { createPlaceWatch, type PlaceWatch } from './place-watch.ts'
import { createReader } from './reader.ts'
import { createRepositories } from './repositories.ts'
import { createRoster, nameOf } from './roster.ts'
import { createSource, scopeOfPlace } from './source.ts'
import type { Place, Watch, WatchParts } from './watch.ts'

const usualCoalesce: Ms = 1_000
const usualPatience: Ms = 10_000
const usualRecheck: Ms = 3_600_000
/** Of a look as a whole: registries have shorter bounds of their own, for each request. */
const longestLook: Ms = 120_000

export function createWatch(parts: WatchParts): Watch {
  const { book, registries, clock, random, logger, settings } = parts
  const { coalesce = usualCoalesce, patience = usualPatience, recheck = usualRecheck } = settings
  const closing = new AbortController()
  const doors = createDoors({ clock, logger })
  const bounds = createBounds(clock, longestLook)
  const repositories = createRepositories(parts)
  const memories = createMemories(parts)
  const news = createNews()
  const runs = parts.runs ?? (() => true)
  /** How many listen to the hints of a deployer. */
  const hearing = new Map<string, number>()
  /** Where each deployer's sync was told to look. */
  const awaited = new Map<string, Set<Scope>>()
  /** Who was answered before the look had ended. */
  const owed = new Map<PlaceWatch, Set<string>>()
  const alarms = createAlarms<PlaceWatch>({
    clock,
    ring: (place) => place.ring(),
    setBack: () => replanAll(),
  })
  const roster = createRoster({
    book,
    foldsCase: (registry) => registries.get(registry)?.abilities.foldsCase ?? false,
    open,
    came(place, follower) {
      tell(follower.stage.deployer, isOnly(place, follower) ? root : scopeOfPlace(place.place))
    },
    left(place, { stage }) {
      const others = [...place.followers.values()].some(({ stage: { deployer } }) => deployer === stage.deployer)
      tell(stage.deployer, others ? scopeOfPlace(place.place) : root)
    },
    redefined: (place, { stage }) => tell(stage.deployer, scopeOfPlace(place.place)),
    stateChanged(place, follower) {
      consider(place, follower)
      if (runsHere(place) && isSeenElsewhere(follower)) place.hint({ ...emptyJob(), everything: true, asked: true })
    },
  })

  function open(place: Place): PlaceWatch {
    const { registry: name, image } = place
    const registry = registries.get(name)
    const { deployed } = parts
    const opened: PlaceWatch = createPlaceWatch({
      place,
      reader: registry ? createReader({ registry, image, clock, recheck, deployed }) : null,
      door: doors(name),
      bounds,
      foldsCase: registry?.abilities.foldsCase ?? false,
      book,
      clock,
      random,
      logger,
      repositories,
      deployed,
      pollInterval: settings.pollInterval,
      coalesce,
      measures: parts.measures,
      heard: (deployer) => (hearing.get(deployer) ?? 0) > 0,
      runs,
      seenBefore: (stage) => memories.of(stage, repositoryOf(place)),
      alarm: (at) => alarms.set(opened, at),
      changed: (follower) => consider(opened, follower),
      ended() {
        const deployers = owed.get(opened)
        if (deployers === undefined) return
        const scope = scopeOfPlace(place)
        for (const deployer of deployers) if (!awaitedBy(deployer).has(scope)) tell(deployer, scope)
        owed.delete(opened)
      },
    })
    opened.recall()
    return opened
  }

  function repositoryOf({ registry, image }: Place): string {
    return registries.get(registry)?.reference(image) ?? image
  }

  function tellingOf({ stage, outcome }: Follower): Told {
    return tellOf({ stage, outcome, state: book.state(stage.key), repository: repositoryOf(stage) })
  }

  /** Nothing the engine would see otherwise than before: it is not woken. */
  function consider(place: PlaceWatch, follower: Follower): void {
    const told = tellingOf(follower)
    const signature = signatureOf(told)
    if (told.is === 'unknown' || signature === follower.told) return
    follower.told = signature
    tell(follower.stage.deployer, scopeOfPlace(place.place))
  }

  function tell(deployer: string, scope: Scope): void {
    awaitedBy(deployer).add(scope)
    news.tell(deployer, scope)
  }

  function awaitedBy(deployer: string): Set<Scope> {
    const scopes = awaited.get(deployer) ?? new Set<Scope>()
    awaited.set(deployer, scopes)
    return scopes
  }

  /** By another replica, which a person asked to look, and which does not run the sync. */
  function isSeenElsewhere({ stage, noting, checkedAt }: Follower): boolean {
    const { resultAt } = book.state(stage.key)
    return !noting && checkedAt !== null && resultAt !== null && resultAt > checkedAt
  }

  function replanAll(): void {
    for (const place of roster.places.values()) place.replan()
  }

  async function* hintsOf(deployer: string, signal: AbortSignal): AsyncGenerator<Hint> {
    await repositories.load()
    roster.fill()
    for (const place of roster.places.values()) place.recall()
    const hear = (more: 1 | -1) => {
      hearing.set(deployer, (hearing.get(deployer) ?? 0) + more)
      replanAll()
    }
    hear(1)
    try {
      yield* news.hints(deployer, AbortSignal.any([signal, closing.signal]))
    } finally {
      hear(-1)
    }
  }

  const runsHere = (place: PlaceWatch | undefined) =>
    place !== undefined && [...place.followers.values()].some(({ stage }) => runs(stage.deployer))

  return {
    sourceOf: (deployer) =>
      createSource({
        deployer,
        clock,
        patience,
        async ready() {
          await parts.ready()
          roster.fill()
        },
        places: () => roster.places.values(),
        placeAt: (scope) => [...roster.places.values()].find(({ place }) => scopeOfPlace(place) === scope),
        tell: tellingOf,
        awaited: awaitedBy(deployer),
        owe: (place) => void owed.set(place, (owed.get(place) ?? new Set()).add(deployer)),
        hints: (signal) => hintsOf(deployer, signal),
      }),
    hint(at, why, tag) {
      const place = roster.places.get(nameOf(at))
      const keys = place ? followersOf(place, why === 'asked' ? null : tag) : []
      if (place === undefined || keys.length === 0) return keys
      if (why === 'webhook') place.webhookCame(tag)
      if (!runsHere(place)) return keys
      const everything = why === 'asked' || tag === null
      const tags = new Set(everything ? [] : [tag])
      place.hint({ ...emptyJob(), everything, tags, webhook: why === 'webhook', asked: why === 'asked' })
      return keys
    },
    runs: (at) => runsHere(roster.places.get(nameOf(at))),
    async look(at, signal) {
      // A command without a server begins with this.
      await parts.ready()
      roster.fill()
      const place = roster.places.get(nameOf(at))
      if (!place) throw new AppError('request.not-found', `no stage follows ${nameOf(at)}`)
      await orAborted(place.lookNow(), signal)
    },
    places: () => [...roster.places.values()].map((place) => place.status()),
    reschedule: replanAll,
    async close() {
      closing.abort(null)
      await Promise.all([alarms.stop(), roster.close()])
      await Promise.all([bounds.stop(), repositories.close()])
    },
  }
}

/** The first of its deployer there: its repository is new to the engine. */
function isOnly(place: PlaceWatch, { stage }: Follower): boolean {
  return [...place.followers.values()].every((one) => one.stage === stage || one.stage.deployer !== stage.deployer)
}

function followersOf(place: PlaceWatch, tag: string | null): StageKey[] {
  return [...place.followers.values()].flatMap((follower) => (follows(follower, tag) ? [follower.stage.key] : []))
}

/** The work goes on. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
