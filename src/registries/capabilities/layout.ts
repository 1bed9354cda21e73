/**
 * Where things are in a key-value store:
 *
 *   {prefix}{identifier}/metadata|type|version|dependencies    the capability, read by everybody
 *   {inventory}{identifier}                                    our record that we put it there
 *
 * The inventory is outside the prefix, because readers of the prefix count and split its keys. Other
 * keys below an identifier (`health`, kept alive by a lease) belong to others.
 */
import { sha256, type Digest } from '../../kernel/digest.ts'
import type { Pair } from '../../kernel/key-value.ts'
import { digestOfFacets, facets, type Facet } from './model.ts'

export interface Layout {
  /** Ends with "/". */
  readonly prefix: string
  /** Ends with "/"; null: no records are kept. */
  readonly inventory: string | null
}

export function keyOf(layout: Layout, id: string, facet: Facet): string {
  return `${layout.prefix}${id}/${facet}`
}

export function recordKeyOf({ inventory }: Layout, id: string): string | null {
  return inventory === null ? null : `${inventory}${id}`
}

/** What a record says: the prefix it is about, so that another one under the same source is no mix-up. */
export function recordOf(layout: Layout): Buffer {
  return Buffer.from(JSON.stringify({ prefix: layout.prefix }))
}

/** One key as the store holds it; what is not there has revision 0. */
export interface Slot {
  readonly revision: number
  /** Digest of the value; '' where there is none. */
  readonly digest: Digest
  readonly leased: boolean
}

/** One capability as the store holds it: its four keys in the order of `facets`, and our record. */
export interface Holding {
  readonly slots: readonly Slot[]
  readonly record: { readonly revision: number; readonly ours: boolean }
  /** As `digestOfCapability` of what is there. */
  readonly digest: Digest
  readonly version: string
}

export const emptySlot: Slot = { revision: 0, digest: '', leased: false }
const noRecord = { revision: 0, ours: false }
const absent = facets.map(() => null)

export const emptyHolding: Holding = {
  slots: facets.map(() => emptySlot),
  record: noRecord,
  digest: digestOfFacets(absent),
  version: '',
}

/** Whether there is anything at all of it. */
export function isThere(holding: Holding): boolean {
  return holding.record.ours || holding.slots.some(({ revision }) => revision > 0)
}

/** Whose key it is, and which of its four; null: a key of somebody else's. */
export function placeOf({ prefix }: Layout, key: string): { readonly id: string; readonly at: number } | null {
  const cut = key.lastIndexOf('/')
  const at = facets.indexOf(key.slice(cut + 1) as Facet)
  return at < 0 || cut <= prefix.length ? null : { id: key.slice(prefix.length, cut), at }
}

/** Sorts what was read into capabilities; keys of others are passed over. */
export function holdingsOf(layout: Layout, values: readonly Pair[], records: readonly Pair[]): Map<string, Holding> {
  const gathered = new Map<string, { values: (Uint8Array | null)[]; slots: Slot[]; record: Holding['record'] }>()
  const at = (id: string) => {
    let found = gathered.get(id)
    if (!found) {
      found = { values: [...absent], slots: facets.map(() => emptySlot), record: noRecord }
      gathered.set(id, found)
    }
    return found
  }
  for (const { key, value, revision, leased } of values) {
    const place = placeOf(layout, key)
    if (place === null) continue
    const found = at(place.id)
    found.values[place.at] = value
    found.slots[place.at] = { revision, digest: sha256(value), leased }
  }
  const record = recordOf(layout)
  for (const { key, value, revision } of records) {
    at(key.slice(layout.inventory!.length)).record = { revision, ours: record.equals(value) }
  }
  const versionAt = facets.indexOf('version')
  const holdings = new Map<string, Holding>()
  for (const [id, found] of gathered) {
    holdings.set(id, {
      slots: found.slots,
      record: found.record,
      digest: digestOfFacets(found.values),
      version: Buffer.from(found.values[versionAt] ?? '')
        .toString('utf8')
        .slice(0, 100),
    })
  }
  return holdings
}
