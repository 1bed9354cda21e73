/**
 * Why claims are not ready that only say that they wait: their composite resources know. Each kind of these is watched
 * from the first claim on that waits for one of it. Where that is not allowed, claims say what they say themselves.
 */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import { pathOf, type KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { asAppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { fullJitter, type Random } from '../../../kernel/retry.ts'
import { causeOf, factsOf, type CompositeRef } from './conditions.ts'

/** Who is to be told when a cause changes. */
export interface Waiter {
  refresh(key: string): void
}

export interface Causes {
  of(composite: CompositeRef): string | null
  waitsFor(waiter: Waiter, key: string, composite: CompositeRef | null): void
  /** Waits, but not for long, until what is waited for was read. */
  settled(signal: AbortSignal): Promise<void>
  stop(): Promise<void>
}

export interface CausesOptions {
  readonly kubernetes: Pick<Kubernetes, 'kinds' | 'listWatch'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const patience: Ms = 3_000
const backoff = { first: 1_000, most: 60_000 } as const

interface Watched {
  /** Name → what it says, where it says anything. */
  readonly causes: Map<string, string>
  /** Name → who waits for it. */
  readonly waiting: Map<string, Map<Waiter, Set<string>>>
  readonly heard: PromiseWithResolvers<void>
  running: Promise<void>
}

export function createCauses({ kubernetes, clock, random, logger }: CausesOptions): Causes {
  const kinds = new Map<string, Watched>()
  const refs = new Map<Waiter, Map<string, CompositeRef>>()
  const stopping = new AbortController()

  function watchedOf(ref: CompositeRef): Watched {
    const id = idOf(ref)
    const before = kinds.get(id)
    if (before !== undefined) return before
    const watched: Watched = {
      causes: new Map(),
      waiting: new Map(),
      heard: Promise.withResolvers(),
      running: Promise.resolve(),
    }
    kinds.set(id, watched)
    watched.running = run(ref, watched)
    return watched
  }

  async function run(ref: CompositeRef, watched: Watched): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      try {
        await watch(ref, watched)
      } catch (thrown) {
        if (stopping.signal.aborted) return
        if (failures === 0) refuse(ref, thrown)
      }
      watched.heard.resolve()
      await clock.sleep(fullJitter(failures, backoff, random), stopping.signal)
    }
  }

  function refuse({ group, kind }: CompositeRef, thrown: unknown): void {
    const { detail } = asAppError(thrown, 'source.unavailable')
    logger.warn({ kind: `${kind}.${group}`, detail }, 'composite resources cannot be read; claims say less')
  }

  async function watch(ref: CompositeRef, watched: Watched): Promise<void> {
    const { group, version, kind } = ref
    const served = await kubernetes.kinds(group, version, stopping.signal)
    const found = served?.find((one) => one.kind === kind)
    if (found === undefined) throw new Error('the cluster does not have this kind')
    for await (const seen of kubernetes.listWatch({ path: pathOf(found), project }, stopping.signal)) {
      if (seen.is === 'put') learn(watched, seen.key, seen.item)
      else if (seen.is === 'gone' || seen.is === 'trouble') learn(watched, seen.key, null)
      else watched.heard.resolve()
      if (seen.is !== 'lost') continue
      if (seen.why.data['why'] === 'not-found') return
      refuse(ref, seen.why)
    }
  }

  function learn({ causes, waiting }: Watched, name: string, cause: string | null): void {
    if ((causes.get(name) ?? null) === cause) return
    if (cause === null) causes.delete(name)
    else causes.set(name, cause)
    for (const [waiter, keys] of waiting.get(name) ?? []) for (const key of keys) waiter.refresh(key)
  }

  function forget(waiter: Waiter, key: string): void {
    const ref = refs.get(waiter)?.get(key)
    if (ref === undefined) return
    refs.get(waiter)!.delete(key)
    const waiting = kinds.get(idOf(ref))!.waiting
    const keys = waiting.get(ref.name)?.get(waiter)
    keys?.delete(key)
    if (keys?.size === 0) waiting.get(ref.name)!.delete(waiter)
    if (waiting.get(ref.name)?.size === 0) waiting.delete(ref.name)
  }

  return {
    of: (ref) => kinds.get(idOf(ref))?.causes.get(ref.name) ?? null,
    waitsFor(waiter, key, composite) {
      const before = refs.get(waiter)?.get(key)
      if (before !== undefined && composite !== null && same(before, composite)) return
      forget(waiter, key)
      if (composite === null) return
      refs.set(waiter, (refs.get(waiter) ?? new Map<string, CompositeRef>()).set(key, composite))
      const { waiting } = watchedOf(composite)
      const waiters = waiting.get(composite.name) ?? new Map<Waiter, Set<string>>()
      waiting.set(composite.name, waiters.set(waiter, (waiters.get(waiter) ?? new Set()).add(key)))
    },
    async settled(signal) {
      const all = Promise.all([...kinds.values()].map(({ heard }) => heard.promise))
      if (kinds.size === 0) return
      const done = new AbortController()
      await Promise.race([all, clock.sleep(patience, AbortSignal.any([done.signal, signal]))])
      done.abort(null)
    },
    async stop() {
      stopping.abort()
      await Promise.all([...kinds.values()].map(({ running }) => running))
    },
  }
}

const idOf = ({ group, version, kind }: CompositeRef) => `${group}/${version}/${kind}`
const same = (a: CompositeRef, b: CompositeRef) => idOf(a) === idOf(b) && a.name === b.name

function project(object: KubernetesObject): string | null {
  return causeOf(factsOf(object))
}
