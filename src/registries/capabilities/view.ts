/**
 * What a key-value store was last seen to hold, kept up to date with our own writes: changes need not
 * be read again before they are made, and a look costs one small read while nobody else writes.
 */
import type { KeyValue, KeyValueOperation, Written } from '../../kernel/key-value.ts'
import { facets } from './model.ts'
import { emptyHolding, holdingsOf, keyOf, recordKeyOf, type Holding, type Layout } from './layout.ts'
import type { Step } from './steps.ts'

export interface View {
  /** Whether the store holds what it held at the mark, apart from what we wrote through this view. */
  isUnchanged(mark: string, signal: AbortSignal): Promise<boolean>
  /** Reads everything anew. The mark is null when somebody wrote while it was read. */
  readAll(
    signal: AbortSignal,
  ): Promise<{ readonly holdings: ReadonlyMap<string, Holding>; readonly mark: string | null }>
  /** As last seen, or read now where nothing was. */
  holdingsFor(ids: readonly string[], signal: AbortSignal): Promise<Map<string, Holding>>
  readOne(id: string, signal: AbortSignal): Promise<Holding>
  wrote(steps: readonly Step[], written: Written): void
  /** A transaction had no answer: what is known of these is worth nothing. */
  doubt(steps: readonly Step[]): void
}

interface Seen {
  readonly holdings: Map<string, Holding>
  readonly mark: string | null
  readonly revision: number
  /** Transactions of ours since it was read; each makes one revision. */
  own: number
  doubtful: boolean
}

/** Above this many, reading the whole prefix is cheaper than reading capabilities one by one. */
const fewReads = 32

export function createView(store: KeyValue, layout: Layout): View {
  let seen: Seen | null = null

  async function readAll(signal: AbortSignal): Promise<Seen> {
    const values = await store.range({ prefix: layout.prefix }, signal)
    const records = layout.inventory === null ? null : await store.range({ prefix: layout.inventory }, signal)
    const holdings = holdingsOf(layout, values.pairs, records?.pairs ?? [])
    const still = records === null || records.revision === values.revision
    const mark = still ? writeMark(values.revision, holdings, layout) : null
    seen = { holdings, mark, revision: values.revision, own: 0, doubtful: false }
    return seen
  }

  async function readOne(id: string, signal: AbortSignal): Promise<Holding> {
    const recordKey = recordKeyOf(layout, id)
    const [values, records] = await Promise.all([
      store.range({ prefix: `${layout.prefix}${id}/` }, signal),
      // The shortest key with a prefix is the first.
      recordKey === null ? null : store.range({ prefix: recordKey, limit: 1 }, signal),
    ])
    const holding = holdingsOf(layout, values.pairs, records?.pairs ?? []).get(id) ?? emptyHolding
    seen?.holdings.set(id, holding)
    return holding
  }

  return {
    readAll,
    readOne,
    async isUnchanged(mark, signal) {
      const { revision, witness } = readMark(mark)
      const ask = { prefix: witness?.key ?? layout.prefix, limit: 1, keysOnly: true }
      const { revision: now, pairs } = await store.range(ask, signal)
      const [pair] = pairs
      const same =
        witness === null ? pair === undefined : pair?.key === witness.key && pair.revision === witness.revision
      if (same && now === revision) return true
      return seen !== null && seen.mark === mark && !seen.doubtful && now === seen.revision + seen.own
    },
    async holdingsFor(ids, signal) {
      if (seen === null && ids.length > fewReads) await readAll(signal)
      const known = seen
      const found = await Promise.all(
        ids.map(async (id) => {
          const holding = known === null ? await readOne(id, signal) : (known.holdings.get(id) ?? emptyHolding)
          return [id, holding] as const
        }),
      )
      return new Map(found)
    },
    wrote(steps, { revision, revisions }) {
      if (seen === null) return
      seen.own += 1
      // A store that counts per key counts what others do as well: it cannot tell that only we wrote.
      seen.doubtful ||= revisions !== undefined
      let from = 0
      for (const step of steps) {
        const { length } = step.operations
        const own = revisions ? revisions.slice(from, from + length) : step.operations.map(revisionAfter(revision))
        seen.holdings.set(step.id, step.after(own))
        from += length
      }
    },
    doubt(steps) {
      if (seen === null) return
      seen.doubtful = true
      for (const { id } of steps) seen.holdings.delete(id)
    },
  }
}

interface Mark {
  /** Of the whole store. */
  readonly revision: number
  /** The key of ours that was written last: a store that was wiped and filled again differs there. */
  readonly witness: { readonly key: string; readonly revision: number } | null
}

function writeMark(revision: number, holdings: ReadonlyMap<string, Holding>, layout: Layout): string {
  let newest = { revision: 0, id: '', at: 0 }
  for (const [id, { slots }] of holdings) {
    slots.forEach((slot, at) => {
      if (slot.revision > newest.revision) newest = { revision: slot.revision, id, at }
    })
  }
  const witness =
    newest.revision === 0 ? null : { key: keyOf(layout, newest.id, facets[newest.at]!), revision: newest.revision }
  return JSON.stringify({ revision, witness } satisfies Mark)
}

function readMark(mark: string): Mark {
  return JSON.parse(mark) as Mark
}

function revisionAfter(revision: number) {
  return ({ op }: KeyValueOperation) => (op === 'put' ? revision : 0)
}
