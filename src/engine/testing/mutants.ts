/**
 * Engines with one fault each, made of a whole one and a lens before what it sees or does. Whoever
 * judges engines has to tell every one of them from a sound one.
 */
import type { SyncSpec } from '../engine.ts'
import type { Journal } from '../journal.ts'
import type { Scope } from '../scope.ts'
import type { Entry, Look, Same, Source } from '../source.ts'
import { deliveries } from '../tables.ts'
import type { Batch, Target } from '../target.ts'
import type { Item } from './fake-source.ts'
import type { Charge } from './judge.ts'
import type { MakeEngine, Setting } from './world.ts'

export interface Mutant {
  /** What it does wrong. */
  readonly name: string
  /** Any of these gives it away. */
  readonly charges: readonly Charge[]
  /** Where it shows soonest. */
  readonly setting: Partial<Setting>
  /** It only shows when the process dies. */
  readonly killed?: boolean
  readonly audited?: boolean
  lens(make: MakeEngine): MakeEngine
}

type Answer = Look<Entry<Item> | Same>

function seeing(change: (look: Source<Item>['look']) => Source<Item>['look']) {
  return respecting((spec) => ({ ...spec, source: { ...spec.source, look: change(spec.source.look) } }))
}

function sending(change: (target: Target<Item>) => Target<Item>) {
  return respecting((spec) => ({
    ...spec,
    targets: {
      async list(signal) {
        const set = await spec.targets.list(signal)
        return set.saw === 'complete' ? { ...set, targets: set.targets.map(change) } : set
      },
    },
  }))
}

function respecting(change: (spec: SyncSpec<Item>) => SyncSpec<Item>) {
  return (make: MakeEngine): MakeEngine =>
    (parts) =>
      make({
        ...parts,
        specs: parts.specs.map((spec) => change(spec as unknown as SyncSpec<Item>) as unknown as SyncSpec<never>),
      })
}

const nothing: Answer = { saw: 'complete', items: [], children: [] }
const observed: Partial<Setting> = { absence: { looks: 2, apart: 20_000 }, deltas: false, oneShot: false }
const gone: readonly Charge[] = ['false-deletion']

const ofTheSource: readonly Mutant[] = [
  {
    name: 'takes what it could not read for nothing there',
    charges: gone,
    setting: {},
    lens: seeing((look) => async (ask, signal) => {
      const answer = await look(ask, signal).catch(() => nothing)
      return answer.saw === 'unavailable' ? nothing : answer
    }),
  },
  {
    name: 'takes half a list for the whole',
    charges: gone,
    setting: { absence: 'vouched', marks: false, deltas: false, oneShot: false, scheduled: false },
    lens: seeing((look) => async (ask, signal) => {
      const answer = await look(ask, signal)
      return answer.saw === 'complete' ? { ...answer, items: unbroken(answer.items) } : answer
    }),
  },
  {
    name: 'believes an absence at the first look',
    charges: gone,
    setting: { ...observed, misleads: 'lists' },
    lens: respecting((spec) => ({ ...spec, source: { ...spec.source, absence: 'vouched' } })),
  },
  {
    name: 'believes looks however close together',
    charges: gone,
    setting: { ...observed, misleads: 'lists' },
    lens: respecting((spec) => ({ ...spec, source: { ...spec.source, absence: { looks: 2, apart: 0 } } })),
  },
  {
    name: 'ignores troubles',
    charges: gone,
    setting: {},
    lens: seeing((look) => async (ask, signal) => {
      const answer = await look(ask, signal)
      return 'troubles' in answer ? { ...answer, troubles: [] } : answer
    }),
  },
  {
    name: 'ignores the scopes above',
    charges: gone,
    setting: { misleads: 'lists', marks: false, deltas: false },
    lens: seeing(remembering),
  },
  {
    name: 'believes an empty source',
    charges: gone,
    setting: { misleads: 'whole', scheduled: false },
    lens: (make) => (parts) => {
      const engine = make(parts)
      return { ...engine, pass: (sync, options) => engine.pass(sync, { ...options, allowDeletes: 1000 }) }
    },
  },
  {
    name: 'takes every observation for another digest',
    charges: ['duplicate', 'needless-write'],
    setting: { stamps: false },
    lens: seeing((look) => {
      const next = counter()
      return async (ask, signal) => {
        const answer = await look(ask, signal)
        return 'items' in answer ? ({ ...answer, items: restless(answer.items, next) } as Answer) : answer
      }
    }),
  },
]

const ofTheTargets: readonly Mutant[] = [
  {
    name: 'deletes nothing',
    charges: ['not-exact'],
    setting: {},
    lens: sending((target) => ({
      ...target,
      async *apply(batch, signal) {
        for (const { key, op } of batch.changes) if (op === 'delete') yield [key, { is: 'applied' }]
        yield* target.apply({ ...batch, changes: batch.changes.filter(({ op }) => op === 'put') }, signal)
      },
    })),
  },
  {
    name: 'never looks at its targets',
    charges: ['not-exact'],
    setting: { sites: ['store'], drift: 'repair' },
    lens: sending(({ look: _look, ...target }) => target),
  },
  {
    name: 'deletes what others put there',
    charges: ['foreign-deletion'],
    setting: { sites: ['store'], absence: 'vouched' },
    lens: sending((target) => ({
      ...target,
      async look(ask, signal) {
        const answer = await target.look!(ask, signal)
        return answer.saw === 'complete' ? { ...answer, items: owning(answer.items) } : answer
      },
    })),
  },
  {
    name: 'removes as much as it likes',
    charges: ['over-budget'],
    setting: { absence: 'vouched', budget: { least: 1, share: 0, over: 3_600_000 }, misleads: 'no' },
    lens: respecting((spec) => ({ ...spec, budget: { least: 1000, share: 1, over: 1 } })),
  },
  {
    name: 'sends again what must not be sent twice',
    charges: ['duplicate'],
    setting: { sites: ['command'] },
    killed: true,
    lens: sending((target) => ({ ...target, traits: { ...target.traits, repeat: 'safe' } })),
  },
  {
    name: 'gives a repetition another effect id',
    charges: ['duplicate'],
    // Where it can be looked at, a look after the crash tells that it arrived.
    setting: { sites: ['blind-labels'], oneShot: false },
    killed: true,
    lens: (make) => {
      const next = counter()
      return sending((target) => ({ ...target, apply: (batch, signal) => target.apply(renamed(batch, next), signal) }))(
        make,
      )
    },
  },
  {
    name: 'forgets what it owes',
    charges: ['not-exact'],
    setting: { sites: ['blind-builder'] },
    killed: true,
    lens: sending((target) => ({
      ...target,
      apply: (batch, signal) => target.apply({ ...batch, owed: null, owe: () => Promise.resolve() }, signal),
    })),
  },
  {
    name: 'changes state without an event',
    charges: ['unexplained-row'],
    setting: {},
    audited: true,
    lens: (make) => (parts) => make({ ...parts, journal: silent(parts.journal) }),
  },
]

export const mutants: readonly Mutant[] = [...ofTheSource, ...ofTheTargets]

async function* unbroken<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  try {
    yield* items
  } catch {
    // as if it had ended here
  }
}

async function* restless<T extends object>(
  items: AsyncIterable<T> | Iterable<T>,
  observed: () => number,
): AsyncGenerator<T> {
  for await (const item of items) {
    yield 'digest' in item ? { ...item, digest: `${String(item.digest)}-${observed()}` } : item
  }
}

function counter(): () => number {
  let count = 0
  return () => (count += 1)
}

async function* owning<T extends object>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  for await (const item of items) yield { ...item, owned: true }
}

function renamed(batch: Batch<Item>, next: () => number): Batch<Item> {
  return { ...batch, changes: batch.changes.map((change) => ({ ...change, effectId: `${change.effectId}-${next()}` })) }
}

/** Answers with the last list where there is none now: what lies below is then judged by itself. */
function remembering(look: Source<Item>['look']): Source<Item>['look'] {
  const last = new Map<Scope, Answer>()
  return async (ask, signal) => {
    const answer = await look(ask, signal)
    if (answer.saw === 'unavailable') return last.get(ask.scope) ?? answer
    if (answer.saw !== 'complete') return answer
    const items = await Array.fromAsync(answer.items)
    last.set(ask.scope, { ...answer, items })
    return { ...answer, items }
  }
}

/** Deliveries move without a word. */
function silent(journal: Journal): Journal {
  return {
    ...journal,
    commit(facts, options = {}) {
      const spoken = facts.filter(({ table }) => table !== deliveries.name)
      const unspoken = facts.filter(({ table }) => table === deliveries.name)
      return journal.commit(spoken, { ...options, quiet: [...(options.quiet ?? []), ...unspoken] })
    },
  }
}
