/** The items of a look, recorded as entries of its scope. */
import { compareOrdinals, type Ordinal } from '../kernel/ordinal.ts'
import type { Json } from '../kernel/json.ts'
import { isStorable, longestKey } from '../kernel/storable.ts'
import { tell, type Context } from './context.ts'
import { put, quietPatch, type Fact, type Quiet, type Stored } from './journal.ts'
import type { Scope } from './scope.ts'
import type { Entry, Key, Same, Trouble } from './source.ts'
import { entries, scopes, type EntryRow } from './tables.ts'

/** What one look has done so far. */
export interface Progress {
  appeared: number
  changed: number
  readonly seen: Set<Key>
  readonly broken: Trouble[]
  /** The old mark was taken back, because the ledger has moved on from what it stands for. */
  markCleared: boolean
}

/** Every entry row of a scope in order of key, without its item. */
export async function* rowsOf(context: Context, scope: Scope): AsyncGenerator<Stored<EntryRow>> {
  let after: string | undefined
  for (;;) {
    const rows = await context.journal.select(entries, {
      where: { sync: context.spec.name, scope },
      order: ['key'],
      limit: 1000,
      without: ['item'],
      ...(after !== undefined && { after: [after] }),
    })
    yield* rows
    if (rows.length < 1000) return
    after = rows.at(-1)!.key
  }
}

/** What one page of a look changes, ready to be written. */
export interface ItemPage {
  readonly facts: readonly Fact[]
  readonly quiet: readonly Quiet[]
}

/** Call it for one page after the other: what is listed twice counts once, in whichever pages. */
export async function readItems<I>(
  context: Context<I>,
  scope: Scope,
  items: readonly (Entry<I> | Same)[],
  done: Progress,
): Promise<ItemPage> {
  const known = await knownRows(context, scope, items)
  const facts: Fact[] = []
  const quiet: Quiet[] = []
  for (const item of items) {
    const row = known.get(item.key) ?? null
    if ('digest' in item && !storable(item)) {
      const detail = 'its key or label holds a NUL or half a surrogate pair, or its key is too long'
      done.broken.push({ key: item.key.toWellFormed().slice(0, longestKey), why: 'unstorable', detail })
      continue
    }
    if (done.seen.has(item.key)) {
      done.broken.push({ key: item.key, why: 'duplicate', detail: 'the source lists the key twice' })
      continue
    }
    if (!('digest' in item) && row === null) {
      done.broken.push({ key: item.key, why: 'unknown-stamp', detail: 'the source says unchanged of a key never read' })
      continue
    }
    done.seen.add(item.key)
    const next = 'digest' in item ? rowOf(context, scope, item) : sameRow(row!, item)
    if (row !== null && older(next, row)) continue
    if (row === null || row.state !== 'live' || row.digest !== next.digest) {
      const type = row === null || row.state === 'gone' ? 'entry.appeared' : 'entry.changed'
      const about = { scope, key: item.key, data: { label: next.label, digest: next.digest, note: next.note } }
      facts.push(put(entries, next, tell(context, type, about)))
      done[type === 'entry.appeared' ? 'appeared' : 'changed'] += 1
    } else if (bookkeepingDiffers(row, next)) {
      const { item: _, digest: __, ...bookkeeping } = next
      quiet.push(quietPatch(entries, bookkeeping))
    }
  }
  if (facts.length > 0 && !done.markCleared) {
    quiet.push(quietPatch(scopes, { sync: context.spec.name, scope, mark: null }))
    done.markCleared = true
  }
  return { facts, quiet }
}

async function knownRows(
  context: Context,
  scope: Scope,
  items: readonly (Entry<unknown> | Same)[],
): Promise<ReadonlyMap<Key, Stored<EntryRow>>> {
  const keys = [...new Set(items.map((item) => item.key).filter(isStorable))]
  const query = { where: { sync: context.spec.name, scope, key: { in: keys } } } as const
  // An unchanged item is not in the look: if its row was gone, the row's own item comes back to life.
  const needItems = items.some((item) => !('digest' in item))
  const rows = await context.journal.select(entries, needItems ? query : { ...query, without: ['item'] })
  return new Map(rows.map((row) => [row.key, row]))
}

/** One that no journal takes must not keep the others of its page from being written. */
function storable({ key, label, stamp, origin }: Entry<unknown>): boolean {
  return [key, label, stamp ?? '', origin ?? ''].every(isStorable) && Buffer.byteLength(key) <= longestKey
}

/** An older observation says nothing new, whichever way it differs. */
function older(next: EntryRow, row: EntryRow): boolean {
  if (next.ordinal === null || row.ordinal === null) return false
  const order = compareOrdinals(next.ordinal as Ordinal, row.ordinal as Ordinal)
  return order < 0 || (order === 0 && row.state === 'live' && next.digest !== row.digest)
}

function rowOf<I>(context: Context<I>, scope: Scope, entry: Entry<I>): EntryRow {
  return {
    sync: context.spec.name,
    scope,
    key: entry.key,
    state: 'live',
    digest: entry.digest,
    label: entry.label,
    item: entry.item as Json,
    stamp: entry.stamp ?? null,
    note: entry.note ?? null,
    origin: entry.origin ?? null,
    ordinal: entry.ordinal ?? null,
    missedAt: null,
    misses: 0,
  }
}

function sameRow(row: Stored<EntryRow>, same: Same): EntryRow {
  const { seq: _, ...columns } = row
  return { ...columns, state: 'live', stamp: same.stamp, missedAt: null, misses: 0 }
}

function bookkeepingDiffers(row: EntryRow, next: EntryRow): boolean {
  return (
    row.missedAt !== null ||
    row.label !== next.label ||
    row.stamp !== next.stamp ||
    row.origin !== next.origin ||
    JSON.stringify(row.note) !== JSON.stringify(next.note) ||
    JSON.stringify(row.ordinal) !== JSON.stringify(next.ordinal)
  )
}
