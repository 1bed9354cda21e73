/** Capabilities as keys of a key-value store: etcd, or Regista's own. */
import type { Key, Look } from '../../engine/source.ts'
import type { Batch, Held, Outcome, Target, TargetAsk } from '../../engine/target.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import type { Capability } from './model.ts'
import { isThere, type Holding, type Layout } from './layout.ts'
import { stepFor, type Step } from './steps.ts'
import { createView, type Holdings } from './view.ts'
import { outcomeWithoutWriting, writeSteps } from './write-steps.ts'

export interface KeyValueTargetOptions {
  readonly name: string
  readonly store: KeyValue
  readonly layout: Layout
}

/** The store is closed by whoever opened it. */
export function createKeyValueTarget({ name, store, layout }: KeyValueTargetOptions): Target<Capability> {
  const view = createView(store, layout)
  /** Settles when no batch is under way. */
  let applying: Promise<void> = Promise.resolve()

  async function look(ask: TargetAsk, signal: AbortSignal): Promise<Look<Held>> {
    if (ask.mark !== undefined) {
      if (await view.isUnchanged(ask.mark, signal)) return { saw: 'unchanged' }
      const since = await view.readChanges(ask.mark, signal)
      if (since !== null) return deltaOf(since.changed, since.mark, layout)
    }
    const { holdings, mark } = await view.readAll(signal)
    return { saw: 'complete', items: heldOf(holdings, layout), ...(mark !== null && { mark }) }
  }

  async function* apply(batch: Batch<Capability>, signal: AbortSignal): AsyncGenerator<readonly [Key, Outcome]> {
    const wanted = new Map(batch.changes.map(({ key, entry }) => [key, entry?.item ?? null]))
    const holdings = await view.holdingsFor([...wanted.keys()], signal)
    const step = (id: string, holding: Holding) => stepFor(layout, id, wanted.get(id) ?? null, holding)
    const steps: Step[] = []
    for (const [id, holding] of holdings) {
      const next = step(id, holding)
      const outcome = outcomeWithoutWriting(next)
      if (outcome) yield [id, outcome]
      else steps.push(next)
    }
    const stepNow = async (id: string) => step(id, await view.readOne(id, signal))
    yield* writeSteps(steps, { store, view, stepNow, fence: () => batch.fence(), signal })
  }

  /** Our own writes come back as changes too, some of them before their answer: judged once those are in. */
  async function* hints(signal: AbortSignal): AsyncGenerator<void> {
    for await (const changes of store.watch(layout.prefix, signal)) {
      await applying
      if (changes === null || changes.some(({ key, revision }) => !view.knows(key, revision))) yield
    }
  }

  return {
    name,
    fingerprint: JSON.stringify({ version: 1, ...layout }),
    // The same transaction twice: the second finds its guards broken and then nothing to write.
    traits: { repeat: 'safe', page: 1000 },
    identity: (signal) => store.identity(signal),
    look,
    hints,
    async *apply(batch, signal) {
      const done = Promise.withResolvers<void>()
      applying = done.promise
      try {
        yield* apply(batch, signal)
      } finally {
        done.resolve()
      }
    },
  }
}

function deltaOf(changed: Holdings, mark: string, layout: Layout): Look<Held> {
  const items = [...heldOf(changed, layout)]
  const there = new Set(items.map(({ key }) => key))
  return { saw: 'delta', items, gone: [...changed.keys()].filter((key) => !there.has(key)), mark }
}

function* heldOf(holdings: Holdings, { inventory }: Layout): Generator<Held> {
  for (const [key, holding] of holdings) {
    if (!isThere(holding)) continue
    const { digest, version, record } = holding
    yield { key, digest, label: version, ...(inventory !== null && { owned: record.ours }) }
  }
}
