/** Capabilities as keys of a key-value store: etcd, or Regista's own. */
import type { Key, Look } from '../../engine/source.ts'
import type { Batch, Held, Outcome, Target, TargetAsk } from '../../engine/target.ts'
import type { KeyValue } from '../../kernel/key-value.ts'
import type { Capability } from './model.ts'
import { isThere, type Holding, type Layout } from './layout.ts'
import { stepFor, type Step } from './steps.ts'
import { createView } from './view.ts'
import { outcomeWithoutWriting, writeSteps } from './write-steps.ts'

export interface KeyValueTargetOptions {
  readonly name: string
  readonly store: KeyValue
  readonly layout: Layout
}

/** The store is closed by whoever opened it. */
export function createKeyValueTarget({ name, store, layout }: KeyValueTargetOptions): Target<Capability> {
  const view = createView(store, layout)

  async function look(ask: TargetAsk, signal: AbortSignal): Promise<Look<Held>> {
    if (ask.mark !== undefined && (await view.isUnchanged(ask.mark, signal))) return { saw: 'unchanged' }
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

  return {
    name,
    fingerprint: JSON.stringify({ version: 1, ...layout }),
    // The same transaction twice: the second finds its guards broken and then nothing to write.
    traits: { repeat: 'safe', page: 1000 },
    identity: (signal) => store.identity(signal),
    look,
    apply,
  }
}

function* heldOf(holdings: ReadonlyMap<string, Holding>, { inventory }: Layout): Generator<Held> {
  for (const [key, holding] of holdings) {
    if (!isThere(holding)) continue
    const { digest, version, record } = holding
    yield { key, digest, label: version, ...(inventory !== null && { owned: record.ours }) }
  }
}
