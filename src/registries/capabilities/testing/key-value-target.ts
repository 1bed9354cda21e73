/** A target on a key-value store as tests handle it: whole batches in, outcomes and looks out. */
import type { Held, Outcome } from '../../../engine/target.ts'
import { createKeyValue, keyValueTables } from '../../../database/key-value.ts'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { systemClock } from '../../../kernel/clock.ts'
import type { KeyValue } from '../../../kernel/key-value.ts'
import type { Table } from '../../../kernel/table.ts'
import type { Layout } from '../layout.ts'
import { digestOfCapability, type Capability } from '../model.ts'
import { createKeyValueTarget } from '../target-key-value.ts'

const signal = new AbortController().signal

/** Regista's own store, on a journal in memory. */
export function ownStore(): KeyValue {
  const tables = keyValueTables as unknown as readonly Table[]
  return createKeyValue({ journal: createMemoryJournal({ clock: systemClock, tables }), newId: () => 'one' })
}

/** Each with prefixes of its own. */
export function createLayouts(): () => Layout {
  let count = 0
  return () => ({ prefix: `/p${++count}/caps/`, inventory: `/p${count}/inventory/me/` })
}

export const capability = (id: string, version = '1.0.0', metadata = '{}'): Capability => ({
  id,
  metadata,
  type: 'service',
  version,
  dependencies: '[]',
})

export function targetOn(layout: Layout, over: KeyValue) {
  const target = createKeyValueTarget({ name: 'etcd', store: over, layout })
  async function apply(wanted: readonly Capability[], gone: readonly string[] = [], fence = () => {}) {
    const entry = (item: Capability) => ({ key: item.id, digest: digestOfCapability(item), label: item.version, item })
    const changes = [
      ...wanted.map((item) => ({ key: item.id, op: 'put' as const, entry: entry(item), effectId: 'e' })),
      ...gone.map((key) => ({ key, op: 'delete' as const, effectId: 'e' })),
    ]
    const outcomes = new Map<string, Outcome>()
    const batch = { changes, last: true, owed: null, owe: () => Promise.resolve(), fence }
    for await (const [key, outcome] of target.apply(batch, signal)) outcomes.set(key, outcome)
    return outcomes
  }
  async function look(mark?: string) {
    const seen = await target.look!(mark === undefined ? {} : { mark }, signal)
    if (seen.saw === 'unchanged' || seen.saw === 'unavailable')
      return { saw: seen.saw, held: new Map<string, Held>(), mark }
    const held = new Map([...(seen.items as Iterable<Held>)].map((item) => [item.key, item]))
    return { saw: seen.saw, held, mark: seen.mark, gone: seen.saw === 'delta' ? seen.gone : [] }
  }
  return { ...target, apply, look }
}

export const isOf = (outcomes: ReadonlyMap<string, Outcome>) => [...outcomes.values()].map((outcome) => outcome.is)
