/**
 * The claims and composite resources of one cluster as a source. Each kind is a scope: one that cannot be listed is
 * unavailable with its reason, and the others go on. A watch vouches for what is gone, as a complete list does.
 *
 *   kind/GROUP/PLURAL            as the config names it
 *   group/GROUP[/PLURAL]         all of a group; which kinds it has is asked at each look
 *   defined[/GROUP/PLURAL]       what CompositeResourceDefinitions define, watched like everything else
 */
import type { Kubernetes } from '../../../connectors/kubernetes/client.ts'
import { scopeOf, segmentsOf, type Scope } from '../../../engine/scope.ts'
import type { Ask, Child, Entry, Look, Same, Source } from '../../../engine/source.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { asAppError, type AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Random } from '../../../kernel/retry.ts'
import { onlyWaits, tell, type Facts, type Wording } from './conditions.ts'
import { kindsOfGroup, kindTrouble, resolveKind, type Kind, type WantedKind } from './kinds.ts'
import { digestOfStatus, keyOf, type ClaimStatus, type ObjectName } from '../model.ts'
import { createCauses } from './causes.ts'
import { createDefinitions, type Definitions } from './definitions.ts'
import { createKindWatch, type KindWatch, type Shown } from './kind-watch.ts'

export interface ClusterSourceOptions {
  /** What the cluster is called in the registry. */
  readonly cluster: string
  readonly kubernetes: Pick<Kubernetes, 'kinds' | 'listWatch' | 'name'>
  readonly kinds: readonly WantedKind[]
  readonly discover: boolean
  readonly namespaces: readonly string[]
  readonly labels?: string | undefined
  readonly fields?: string | undefined
  readonly messages: Wording
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface ClusterSource extends Source<ClaimStatus> {
  hints(signal: AbortSignal): ReturnType<NonNullable<Source<ClaimStatus>['hints']>>
  /** Each kind that is watched, for the health port and `regista status`. */
  health(): readonly KindHealth[]
  /** Kinds whose every object is told of: what may be said of them as a whole. */
  covered(): readonly { readonly group: string; readonly kind: string }[]
  close(): Promise<void>
}

export interface KindHealth {
  readonly scope: Scope
  /** null: it is told of as it changes. */
  readonly why: AppError | null
}

export function createClusterSource(options: ClusterSourceOptions): ClusterSource {
  const { cluster, kubernetes, clock, random, logger, messages, namespaces } = options
  const causes = createCauses({ kubernetes, clock, random, logger })
  const watches = new Map<Scope, KindWatch>()
  const news = createNews()
  const named = options.kinds.filter(({ resource }) => resource !== '*')
  const groups = new Map(
    options.kinds.filter(({ resource }) => resource === '*').map((one) => [scopeOf('group', one.group), one]),
  )
  const definitions: Definitions | null = options.discover
    ? createDefinitions({ kubernetes, clock, random, changed: () => news.tell(defined) })
    : null
  /** Kinds as the scope above last told of them. */
  const listed = new Map<Scope, Kind>()

  function tellOf(facts: Facts) {
    const cause = messages === 'full' && facts.composite && onlyWaits(facts) ? causes.of(facts.composite) : null
    return tell(facts, messages, cause)
  }

  function watchOf(scope: Scope, resolve: (signal: AbortSignal) => Promise<Kind>): KindWatch {
    const before = watches.get(scope)
    if (before !== undefined) return before
    const found = segmentsOf(scope)[0] === defined
    const watch = createKindWatch({
      kubernetes,
      clock,
      random,
      resolve,
      namespaces,
      labels: options.labels,
      fields: options.fields,
      tell: tellOf,
      // The claim speaks for it, and takes its cause from there.
      skip: ({ claimed }) => found && claimed,
      waitsFor: (waiter, key, composite) => messages === 'full' && causes.waitsFor(waiter, key, composite),
      changed: () => news.tell(scope),
    })
    watches.set(scope, watch)
    watch.start()
    return watch
  }

  async function lookAtKind(watch: KindWatch, { scope, mark }: Ask, signal: AbortSignal): Promise<LookAt> {
    news.looked(scope)
    await watch.firstWord(signal)
    const lost = watch.lost()
    if (lost !== null) return { saw: 'unavailable', why: kindTrouble(lost), detail: lost.detail }
    await causes.settled(signal)
    const markOf = (position: number) => `${watch.instance}:${position}`
    const now = watch.position()
    if (mark === markOf(now)) return { saw: 'unchanged' }
    const troubles = watch.troubles().map(({ object, detail }) => ({ key: key(object), why: 'trouble', detail }))
    const [instance, position] = mark?.split(':') ?? []
    if (instance === watch.instance) {
      const { there, gone } = watch.since(Number(position))
      return { saw: 'delta', items: there.map(entryOf), gone: gone.map(key), troubles, mark: markOf(now) }
    }
    return { saw: 'complete', items: watch.all().map(entryOf), troubles, mark: markOf(now) }
  }

  function nameOf(object: ObjectName) {
    return { cluster, claimRef: `${object.namespace}/${object.name}`, object }
  }
  const key = (object: ObjectName) => keyOf(nameOf(object))

  function entryOf({ object, told, observedAt, generation }: Shown): Entry<ClaimStatus> {
    const item = { ...nameOf(object), ...told, observedAt }
    // No ordinal: a list says what is so, whatever the clock said when the last one was read.
    return { key: keyOf(item), digest: digestOfStatus(told), label: told.health, item, note: { generation } }
  }

  /** Nothing of its own, only the kinds below it. */
  function below(scope: Scope, kinds: readonly Kind[]): LookAt {
    const wanted = kinds.filter((kind) => !isNamed(kind) && inReach(kind))
    const children = wanted.map((kind): Child => {
      const child =
        scope === defined ? scopeOf(defined, kind.group, kind.plural) : scopeOf('group', kind.group, kind.plural)
      listed.set(child, kind)
      return { scope: child, rank: scope === defined ? 2 : 1 }
    })
    void dropOthers(scope, new Set(children.map((child) => child.scope)))
    return { saw: 'complete', items: [], children }
  }

  const isNamed = ({ group, plural }: Kind) => named.some((one) => one.group === group && one.resource === plural)
  /** Who may see some namespaces may not see what lives in none, unless its name was given. */
  const inReach = ({ namespaced }: Kind) => namespaces.length === 0 || namespaced !== false

  async function dropOthers(above: Scope, still: ReadonlySet<Scope>): Promise<void> {
    const gone = [...watches].filter(([scope]) => scope.startsWith(`${above}/`) && !still.has(scope))
    for (const [scope] of gone) {
      watches.delete(scope)
      listed.delete(scope)
    }
    await Promise.all(gone.map(([, watch]) => watch.stop()))
  }

  async function lookAt(ask: Ask, signal: AbortSignal): Promise<LookAt> {
    const { scope } = ask
    const wanted = named.find((one) => scopeOf('kind', one.group, one.resource) === scope)
    if (wanted)
      return lookAtKind(
        watchOf(scope, (on) => resolveKind(kubernetes, wanted, on)),
        ask,
        signal,
      )
    const group = groups.get(scope)
    if (group) return below(scope, await kindsOfGroup(kubernetes, group, signal))
    if (scope === defined && definitions) {
      news.looked(scope)
      return below(scope, await definitions.kinds(signal))
    }
    const kind = listed.get(scope)
    if (kind === undefined) return { saw: 'unavailable', why: 'source-unavailable', detail: notTold }
    const { version } = kind
    const again = { group: kind.group, version, resource: kind.plural }
    return lookAtKind(
      watchOf(scope, (on) => resolveKind(kubernetes, again, on)),
      ask,
      signal,
    )
  }

  const explicit = named.map(({ group, resource }): Child => ({ scope: scopeOf('kind', group, resource) }))
  const wide = [...groups.keys()].map((scope): Child => ({ scope, rank: 1 }))

  return {
    scopes: [...explicit, ...wide, ...(definitions ? [{ scope: defined, rank: 2 }] : [])],
    absence: 'vouched',
    async look(ask, signal) {
      try {
        return await lookAt(ask, signal)
      } catch (thrown) {
        signal.throwIfAborted()
        const error = asAppError(thrown, 'source.unavailable')
        return { saw: 'unavailable', why: kindTrouble(error), detail: error.detail }
      }
    },
    async *hints(signal) {
      for await (const scope of news.follow(signal)) yield { scope }
    },
    health: () => [
      ...(definitions ? [{ scope: defined, why: definitions.lost() }] : []),
      ...[...watches].map(([scope, watch]) => ({ scope, why: watch.lost() })),
    ],
    covered() {
      // What a selector leaves out, or a namespace, somebody else may tell of.
      if (options.labels !== undefined || options.fields !== undefined || namespaces.length > 0) return []
      const whole = [...watches.values()].filter((watch) => watch.whole())
      return whole.flatMap((watch) => {
        const kind = watch.kind()
        return kind?.kind == null ? [] : [{ group: kind.group, kind: kind.kind }]
      })
    },
    async close() {
      await Promise.all([...watches.values()].map((watch) => watch.stop()))
      await Promise.all([causes.stop(), definitions?.stop()])
    },
  }
}

type LookAt = Look<Entry<ClaimStatus> | Same>

const defined: Scope = 'defined'
const notTold = 'the scope above has not told of this kind since the start'

/** Scopes worth a look: each once until it was looked at, however much happens in it. */
function createNews() {
  const pending = new Set<Scope>()
  /** Told, and not looked at since. */
  const told = new Set<Scope>()
  let wake = () => {}
  return {
    tell(scope: Scope) {
      if (told.has(scope)) return
      told.add(scope)
      pending.add(scope)
      wake()
    },
    looked: (scope: Scope) => void told.delete(scope),
    async *follow(signal: AbortSignal): AsyncGenerator<Scope> {
      const stop = () => wake()
      signal.addEventListener('abort', stop, { once: true })
      try {
        while (!signal.aborted) {
          const [scope] = pending
          if (scope !== undefined) {
            pending.delete(scope)
            yield scope
            continue
          }
          const woken = Promise.withResolvers<void>()
          wake = woken.resolve
          await woken.promise
        }
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
  }
}
