/**
 * What a key-value store was last seen to hold, kept up to date with our own writes: changes need not
 * be read again before they are made, and a look costs one small read while nobody else writes, and
 * little more than what changed when somebody does.
 */
import type { KeyValue, KeyValueOperation, Written } from '../../kernel/key-value.ts'
import { facets } from './model.ts'
import { emptyHolding, holdingsOf, keyOf, placeOf, recordKeyOf, type Holding, type Layout } from './layout.ts'
import type { Step } from './steps.ts'

export interface View {
  /** Whether the store holds what it held at the mark, apart from what we wrote through this view. */
  isUnchanged(mark: string, signal: AbortSignal): Promise<boolean>
  /** Reads everything anew. The mark is null when somebody wrote while it was read. */
  readAll(signal: AbortSignal): Promise<{ readonly holdings: Holdings; readonly mark: string | null }>
  /** Reads what others changed since the mark; null: that cannot be told, or is so much that reading everything is cheaper. */
  readChanges(mark: string, signal: AbortSignal): Promise<{ readonly changed: Holdings; readonly mark: string } | null>
  /** As last seen, or read now where nothing was. */
  holdingsFor(ids: readonly string[], signal: AbortSignal): Promise<Map<string, Holding>>
  readOne(id: string, signal: AbortSignal): Promise<Holding>
  wrote(steps: readonly Step[], written: Written): void
  /** A transaction had no answer: what is known of these is worth nothing. */
  doubt(steps: readonly Step[]): void
  /** Whether this revision of the key is no news. What was never looked at makes none. */
  knows(key: string, revision: number): boolean
}

export type Holdings = ReadonlyMap<string, Holding>

interface Seen {
  readonly holdings: Map<string, Holding>
  /** Keys below the prefix that are none of a capability's four. */
  readonly foreign: Set<string>
  mark: string | null
  revision: number
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
    const foreign = new Set(values.pairs.flatMap(({ key }) => (placeOf(layout, key) === null ? key : [])))
    const still = records === null || records.revision === values.revision
    const mark = still ? writeMark(values.revision, holdings, layout) : null
    seen = { holdings, foreign, mark, revision: values.revision, own: 0, doubtful: false }
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

  async function readChanges(mark: string, signal: AbortSignal) {
    const known = seen
    if (known === null || known.mark !== mark || known.doubtful) return null
    const ask = { since: known.revision, keysOnly: true }
    const [values, records] = await Promise.all([
      store.range({ ...ask, prefix: layout.prefix }, signal),
      layout.inventory === null ? null : store.range({ ...ask, prefix: layout.inventory }, signal),
    ])
    const dirty = new Set<string>()
    for (const { key, revision } of values.pairs) {
      const place = placeOf(layout, key)
      if (place === null) known.foreign.add(key)
      else if (known.holdings.get(place.id)?.slots[place.at]?.revision !== revision) dirty.add(place.id)
    }
    for (const { key, revision } of records?.pairs ?? []) {
      const id = key.slice(layout.inventory!.length)
      if (known.holdings.get(id)?.record.revision !== revision) dirty.add(id)
    }
    if (dirty.size > fewReads) return null
    await Promise.all([...dirty].map((id) => readOne(id, signal)))
    // What was removed shows in the number of keys alone.
    if (countOf(known, records !== null) !== values.count + (records?.count ?? 0)) return null
    known.revision = Math.min(values.revision, records?.revision ?? values.revision)
    known.own = 0
    known.mark = writeMark(known.revision, known.holdings, layout)
    return { changed: new Map([...dirty].map((id) => [id, known.holdings.get(id)!])), mark: known.mark }
  }

  return {
    readAll,
    readOne,
    readChanges,
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
      // A store that counts per key counts what others do as well: there the revision of the whole tells nothing.
      seen.own = revisions ? Number.NaN : seen.own + 1
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
    knows(key, revision) {
      const place = placeOf(layout, key)
      if (seen === null || place === null) return true
      const slot = seen.holdings.get(place.id)?.slots[place.at]
      // Of a key that was removed, the revision of its removal is not known.
      return slot === undefined || slot.revision === 0 || slot.revision >= revision
    },
  }
}

function countOf({ holdings, foreign }: Seen, withRecords: boolean): number {
  let count = foreign.size
  for (const { slots, record } of holdings.values()) {
    for (const { revision } of slots) if (revision > 0) count += 1
    if (withRecords && record.revision > 0) count += 1
  }
  return count
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
