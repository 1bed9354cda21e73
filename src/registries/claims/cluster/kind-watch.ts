/**
 * One kind of a cluster, watched for as long as it is of interest: what each of its objects says of itself now, and
 * which of them changed since a position. What changed ten times between two looks changed once.
 */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import type { Observed } from '../../../connectors/kubernetes/list-watch.ts'
import { pathOf, type KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { AppError, asAppError } from '../../../kernel/errors.ts'
import { fullJitter, type Random } from '../../../kernel/retry.ts'
import { factsOf, onlyWaits, type CompositeRef, type Facts, type Told } from './conditions.ts'
import type { Kind } from './kinds.ts'
import type { ObjectName } from '../model.ts'

export interface KindWatchOptions {
  readonly kubernetes: Pick<Kubernetes, 'listWatch'>
  readonly clock: Clock
  readonly random: Random
  /** Which kind it is, asked anew when the cluster says that it has no such kind. */
  resolve(signal: AbortSignal): Promise<Kind>
  /** Empty: all. What lives in no namespace is watched whatever is named here. */
  readonly namespaces: readonly string[]
  readonly labels?: string | undefined
  readonly fields?: string | undefined
  /** What it says of itself, its composite resource included. */
  tell(facts: Facts): Told
  /** Not to be told of. */
  skip(facts: Facts): boolean
  /** The object only says that it waits for this one; null: no more. `key` is what `refresh` takes. */
  waitsFor(watch: KindWatch, key: string, composite: CompositeRef | null): void
  /** Something is to be told, or it can no longer be read, or can again. */
  changed(): void
}

/** An object and what it says. */
export interface Shown {
  readonly object: ObjectName
  readonly told: Told
  /** When it was first seen to say this. */
  readonly observedAt: Instant
  readonly generation: number | null
}

export interface KindWatch {
  start(): void
  stop(): Promise<void>
  /** Waits until the kind was read or could not be. */
  firstWord(signal: AbortSignal): Promise<void>
  /** null: it is told of as it changes. */
  lost(): AppError | null
  /** Of everything that was told so far; changes with each change. */
  position(): number
  /** Tells apart the watches of different processes: positions of another one mean nothing. */
  readonly instance: string
  all(): readonly Shown[]
  /** What changed after the position; older positions than the last that was asked for are forgotten. */
  since(position: number): { readonly there: readonly Shown[]; readonly gone: readonly ObjectName[] }
  /** Objects whose conditions cannot be understood. */
  troubles(): readonly { readonly object: ObjectName; readonly detail: string }[]
  /** Says anew what the object says, for its cause has changed. */
  refresh(key: string): void
  /** null: not known yet. */
  kind(): Kind | null
  /** Every object of it is told of. */
  whole(): boolean
}

interface Known {
  readonly object: ObjectName
  /** null: they cannot be understood. */
  readonly facts: Facts | null
  readonly detail: string
  readonly shown: Shown | null
  /** The list, or the watch after it, that had it last. */
  readonly turn: number
}

interface Projected {
  readonly kind: string | null
  readonly facts: Facts
}

const backoff = { first: 1_000, most: 30_000 } as const
/** Longest wait for the first list: what takes longer is told when it is there. */
const patience: Ms = 20_000

export function createKindWatch(options: KindWatchOptions): KindWatch {
  const { kubernetes, clock, random } = options
  const instance = `${clock.now().toString(36)}-${Math.floor(random() * 2 ** 48).toString(36)}`
  const stopping = new AbortController()
  const heard = Promise.withResolvers<void>()
  /** `namespace/name` → object. */
  const known = new Map<string, Known>()
  /** Last change of each, gone ones included. */
  const changes = new Map<string, { readonly position: number; readonly object: ObjectName }>()
  const skipped = new Set<string>()
  let resolved: Kind | null = null
  let position = 0
  let turn = 0
  let running: Promise<void> | null = null
  /** Namespace → why it cannot be read. */
  let away = new Map<string, AppError>([['', new AppError('source.unavailable', 'it was not read yet')]])

  function take(namespace: string, seen: Observed<Projected>): void {
    if (seen.is === 'put') return put(seen.key, seen.item)
    if (seen.is === 'trouble') return troubled(seen.key, seen.why)
    if (seen.is === 'gone') {
      skipped.delete(seen.key)
      return drop(seen.key)
    }
    const before = whyAway()
    if (seen.is === 'lost') away.set(namespace, seen.why)
    else found(namespace)
    heard.resolve()
    if (before !== whyAway()) options.changed()
  }

  function found(namespace: string): void {
    // What was told before this list began, and not by it, is no longer there.
    for (const [key, one] of known) {
      if (one.turn !== turn && (namespace === '' || one.object.namespace === namespace)) drop(key)
    }
    away.delete(namespace)
  }

  function put(key: string, { kind, facts }: Projected): void {
    const name = resolved?.kind ?? kind
    if (name === null) return troubled(key, new AppError('source.invalid', 'neither it nor its cluster names its kind'))
    const object = { group: resolved!.group, kind: name, ...partsOf(key) }
    if (options.skip(facts)) {
      drop(key)
      skipped.add(key)
      return
    }
    skipped.delete(key)
    known.set(key, { ...(known.get(key) ?? { shown: null }), object, facts, detail: '', turn })
    options.waitsFor(watch, key, onlyWaits(facts) ? facts.composite : null)
    refresh(key)
  }

  function troubled(key: string, why: AppError): void {
    const object = { group: resolved!.group, kind: resolved!.kind ?? '', ...partsOf(key) }
    const before = known.get(key)
    known.set(key, { ...(before ?? { shown: null, object }), facts: null, detail: why.detail, turn })
    if (before?.detail === why.detail) return
    position += 1
    options.changed()
  }

  function drop(key: string): void {
    const before = known.get(key)
    if (before === undefined) return
    known.delete(key)
    options.waitsFor(watch, key, null)
    moved(key, before.object)
  }

  function moved(key: string, object: ObjectName): void {
    position += 1
    changes.set(key, { position, object })
    options.changed()
  }

  function refresh(key: string): void {
    const one = known.get(key)
    if (one === undefined || one.facts === null) return
    const told = options.tell(one.facts)
    const { shown, facts, object } = one
    if (shown !== null && shown.told.message === told.message && shown.told.health === told.health) return
    const next = { object, told, observedAt: clock.now(), generation: facts.generation }
    known.set(key, { ...one, shown: next })
    moved(key, object)
  }

  function whyAway(): AppError | null {
    return away.values().next().value ?? null
  }

  async function run(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      const before = position
      try {
        resolved = await options.resolve(stopping.signal)
        turn += 1
        await watchAll(resolved)
      } catch (thrown) {
        if (stopping.signal.aborted) return
        away.set('', asAppError(thrown, 'source.unavailable'))
        heard.resolve()
        options.changed()
      }
      if (position !== before) failures = 0
      await clock.sleep(fullJitter(failures, backoff, random), stopping.signal)
    }
  }

  /** Ends when one of its lists says that there is no such kind: it may be served in another version now. */
  async function watchAll(kind: Kind): Promise<void> {
    const some = kind.namespaced === false || options.namespaces.length === 0 ? [''] : options.namespaces
    away = new Map(some.map((namespace) => [namespace, away.get(namespace) ?? whyAway() ?? notYet]))
    const ending = new AbortController()
    const signal = AbortSignal.any([ending.signal, stopping.signal])
    await Promise.all(some.map((namespace) => watchOne(kind, namespace, signal).finally(() => ending.abort())))
  }

  async function watchOne(kind: Kind, namespace: string, signal: AbortSignal): Promise<void> {
    const path = pathOf(kind, { namespace: namespace === '' ? null : namespace })
    const { labels, fields } = options
    const query = {
      path,
      ...(labels !== undefined && { labelSelector: labels }),
      ...(fields !== undefined && { fieldSelector: fields }),
      project,
    }
    for await (const seen of kubernetes.listWatch(query, signal)) {
      take(namespace, seen)
      if (seen.is === 'lost' && seen.why.data['why'] === 'not-found') return
    }
  }

  const watch: KindWatch = {
    instance,
    start: () => void (running ??= run()),
    async stop() {
      stopping.abort()
      heard.resolve()
      await running
    },
    async firstWord(signal) {
      const done = new AbortController()
      await Promise.race([heard.promise, clock.sleep(patience, AbortSignal.any([done.signal, signal]))])
      done.abort(null)
    },
    lost: whyAway,
    position: () => position,
    all: () => [...known.values()].map(({ shown }) => shown).filter((shown) => shown !== null),
    since(from) {
      const there: Shown[] = []
      const gone: ObjectName[] = []
      for (const [key, change] of changes) {
        const shown = known.get(key)?.shown
        if (change.position <= from) changes.delete(key)
        else if (shown) there.push(shown)
        else if (!known.has(key)) gone.push(change.object)
      }
      return { there, gone }
    },
    troubles: () =>
      [...known.values()].filter(({ facts }) => facts === null).map(({ object, detail }) => ({ object, detail })),
    refresh,
    kind: () => resolved,
    whole: () => whyAway() === null && skipped.size === 0 && watch.troubles().length === 0,
  }
  return watch
}

const notYet = new AppError('source.unavailable', 'it was not read yet')

function project(object: KubernetesObject): Projected {
  return { kind: object.kind ?? null, facts: factsOf(object) }
}

/** Of `namespace/name`, or `name` alone. */
function partsOf(key: string): { readonly namespace: string; readonly name: string } {
  const at = key.indexOf('/')
  return at < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, at), name: key.slice(at + 1) }
}
