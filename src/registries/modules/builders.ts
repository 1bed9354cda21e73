/** The documentation builders that hold leases, as a set of targets that comes and goes with them. */
import type { Lease } from '../../connectors/kubernetes/leases.ts'
import type { Observed } from '../../connectors/kubernetes/list-watch.ts'
import type { Target, TargetList, TargetSet } from '../../engine/target.ts'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { asAppError } from '../../kernel/errors.ts'
import { fullJitter, type Random } from '../../kernel/retry.ts'
import { afterSilence, identityOf, known, shownLease, type KnownLease, type ShownLease } from './builders-lease.ts'
import type { ModuleDocument } from './model.ts'

export interface LeasedBuildersOptions {
  /** Names of targets begin with it. */
  readonly name: string
  /** `kubernetes.listWatch(leasesQuery(namespace), signal)`; begun with the first question. */
  readonly watch: (signal: AbortSignal) => AsyncIterable<Observed<Lease>>
  /** Leases of all namespaces are watched: names have their namespace before them. */
  readonly allNamespaces?: boolean
  /** Closed by the set once it has gone. */
  readonly open: (builder: LeasedBuilder) => Target<ModuleDocument>
  readonly clock: Clock
  readonly random: Random
}

export interface LeasedBuilder {
  /** `<name>/<name of the lease>`. */
  readonly name: string
  readonly address: string
  readonly identity: string
  /** It came after the leases were read for the first time. */
  readonly newcomer: boolean
}

export interface LeasedBuilders extends TargetSet<ModuleDocument> {
  changes(signal: AbortSignal): AsyncIterable<void>
  /** All that were ever told of and are not gone, also those that name no builder. */
  leases(): readonly ShownLease[]
  close(): Promise<void>
}

/** How long the first question waits for the cluster: commands that run once ask but once. */
const firstAnswer: Ms = 5_000
/** Of builders that left: each pod has another name, and one that was away over a weekend may return. */
const kept: Ms = 7 * 24 * 3_600_000
/** Should the watch itself end, which it does not do while its cluster is merely away. */
const backoff = { first: 1_000, most: 60_000 } as const

interface Opened {
  readonly identity: string
  readonly target: Target<ModuleDocument>
}

export function createLeasedBuilders(options: LeasedBuildersOptions): LeasedBuilders {
  const { clock } = options
  const view = createView(options)
  const opened = new Map<string, Opened>()
  /** Replaced or gone, and perhaps still in use until the next set is read. */
  let retired: Target<ModuleDocument>[] = []
  /** Identities that were met, so that one whose lease had run out is no newcomer. */
  const met = new Set<string>()
  let settled = false
  /** What whoever listens knows of. */
  let told = view.signature()

  function targets(): Target<ModuleDocument>[] {
    const held = view.held()
    for (const [key, { identity, target }] of opened) {
      if (held.get(key)?.identity === identity) continue
      opened.delete(key)
      retired.push(target)
    }
    for (const [key, builder] of held) {
      if (opened.has(key)) continue
      const { identity } = builder
      const newcomer = settled && !met.has(identity)
      met.add(identity)
      opened.set(key, { identity, target: options.open({ ...builder, newcomer }) })
    }
    return [...held.keys()].toSorted().map((key) => opened.get(key)!.target)
  }

  function closeRetired(): Promise<unknown> {
    const all = retired
    retired = []
    return Promise.allSettled(all.map(async (target) => target.close?.()))
  }

  return {
    async list(signal): Promise<TargetList<ModuleDocument>> {
      view.start()
      await view.firstWord(firstAnswer, signal)
      // Out of use: whoever was told of them was told of others since.
      void closeRetired()
      told = view.signature()
      const list = targets()
      const detail = view.lost()
      settled ||= detail === null
      return detail === null ? { saw: 'complete', targets: list } : { saw: 'unavailable', detail, targets: list }
    },
    async *changes(signal) {
      view.start()
      while (!signal.aborted) {
        if (view.signature() === told) await view.change(signal)
        if (signal.aborted || view.signature() === told) continue
        told = view.signature()
        yield
      }
    },
    keeps: (target) => (target.startsWith(`${options.name}/`) ? kept : null),
    leases: () => view.shown(clock.now()),
    async close() {
      await view.stop()
      retired.push(...[...opened.values()].map(({ target }) => target))
      opened.clear()
      await closeRetired()
    },
  }
}

/** What the watch has told so far. */
function createView({ name, watch, clock, random, allNamespaces = false }: LeasedBuildersOptions) {
  const leases = new Map<string, KnownLease>()
  const stopping = new AbortController()
  let lost: string | null = 'the leases were not read yet'
  /** Only after it had been read once. */
  let lostAt: Instant | null = null
  let running: Promise<void> | null = null
  let news = Promise.withResolvers<void>()
  const heard = Promise.withResolvers<void>()

  function take(seen: Observed<Lease>): void {
    if (seen.is === 'put') leases.set(seen.key, known(seen.item, seen.uid, leases.get(seen.key), clock.now()))
    // The put of another under this name may have come first.
    else if (seen.is === 'gone' && leases.get(seen.key)?.uid === seen.uid) leases.delete(seen.key)
    else if (seen.is === 'synced') found()
    else if (seen.is === 'lost') lose(seen.why.message)
    if (seen.is === 'synced' || seen.is === 'lost') heard.resolve()
    news.resolve()
  }

  function lose(why: string): void {
    if (lost === null) lostAt = clock.now()
    lost = why
  }

  /** Renewals that nobody told of are told after this, one by one; who held a lease before has time for that. */
  function found(): void {
    if (lostAt !== null) {
      for (const [key, lease] of leases) leases.set(key, afterSilence(lease, lostAt, clock.now()))
    }
    lost = lostAt = null
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      try {
        for await (const seen of watch(stopping.signal)) {
          take(seen)
          if (seen.is === 'synced') failures = 0
        }
        lose('the watch of the leases ended')
      } catch (thrown) {
        lose(asAppError(thrown, 'source.unavailable').message)
      }
      heard.resolve()
      news.resolve()
      await clock.sleep(fullJitter(failures, backoff, random), stopping.signal)
    }
  }

  function held(): Map<string, Omit<LeasedBuilder, 'newcomer'>> {
    const now = clock.now()
    // While nobody tells of renewals, their absence says nothing.
    const isHeld = ([key, lease]: [string, KnownLease]) => {
      const { state } = shownLease(key, lease, lost === null ? now : -Infinity)
      return state === 'held'
    }
    const builders = [...leases].filter(isHeld).map(([key, lease]) => {
      const own = allNamespaces ? key : key.slice(key.indexOf('/') + 1)
      return [key, { name: `${name}/${own}`, address: lease.holder!, identity: identityOf(lease) }] as const
    })
    return new Map(builders)
  }

  function nextExpiry(now: Instant): Instant | null {
    const times = [...leases.values()].flatMap(({ expiresAt }) =>
      expiresAt !== null && expiresAt > now ? expiresAt : [],
    )
    return times.length === 0 ? null : Math.min(...times)
  }

  return {
    start: () => void (running ??= run()),
    async stop() {
      stopping.abort()
      await running
    },
    /** null: all that there is was told. */
    lost: () => lost,
    held,
    /** Other targets, other signature. */
    signature: () => JSON.stringify([lost === null, ...held().values()]),
    shown: (now: Instant) => [...leases].map(([key, lease]) => shownLease(key, lease, now)),
    async firstWord(bound: Ms, signal: AbortSignal): Promise<void> {
      const done = new AbortController()
      await Promise.race([heard.promise, clock.sleep(bound, AbortSignal.any([done.signal, signal]))])
      done.abort(null)
    },
    /** Resolves when something was told, or a lease has run out. */
    async change(signal: AbortSignal): Promise<void> {
      const now = clock.now()
      const over = nextExpiry(now)
      const done = new AbortController()
      const until = over === null ? 3_600_000 : over - now
      await Promise.race([news.promise, clock.sleep(until, AbortSignal.any([done.signal, signal]))])
      done.abort(null)
      news = Promise.withResolvers()
    },
  }
}
