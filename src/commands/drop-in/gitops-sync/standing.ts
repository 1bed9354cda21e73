/** How the ledger stands after a pass: what is not yet in etcd, and what is there and should not be. */
import type { Journal, Query, Stored } from '../../../engine/journal.ts'
import { stray } from '../../../engine/scope.ts'
import type { Key } from '../../../engine/source.ts'
import {
  deliveries,
  entries,
  targets,
  type DeliveryRow,
  type DeliveryState,
  type EntryRow,
} from '../../../engine/tables.ts'

export interface Standing {
  /** How many live capabilities etcd does not hold as they are. */
  readonly undelivered: number
  /** Absent from the directory, still in etcd, and not yet to be removed. */
  readonly unremoved: readonly Key[]
  /** Of those, how many are in etcd by its inventory alone: this ledger saw them for the first time. */
  readonly strays: number
}

/**
 * Looks at rows that are not simply live and applied, and at what moved past the target's cursor: all
 * of it is found through indexes, so that a pass without changes costs nothing however large the ledger is.
 */
export async function readStanding(journal: Journal, sync: string, target: string): Promise<Standing> {
  const suspects = await suspectKeys(journal, sync, target)
  const undelivered = new Set<Key>()
  const unremoved = new Set<Key>()
  let strays = 0
  for (let at = 0; at < suspects.length; at += pageSize) {
    const key = { in: suspects.slice(at, at + pageSize) }
    const [rows, delivered] = await Promise.all([
      journal.select(entries, { where: { sync, key }, without: ['item'] }),
      journal.select(deliveries, { where: { sync, target, key } }),
    ])
    const byKey = new Map(delivered.map((row) => [row.key, row]))
    for (const row of rows) {
      const delivery = byKey.get(row.key)
      byKey.delete(row.key)
      if (isLive(row)) {
        if (delivery?.state !== 'applied' || delivery.digest !== row.digest) undelivered.add(row.key)
      } else if (row.scope === stray || row.state === 'stray') {
        strays += 1
        unremoved.add(row.key)
      } else if (delivery && delivery.digest !== null) {
        unremoved.add(row.key)
      }
    }
    for (const { key: left, digest } of byKey.values()) if (digest !== null) unremoved.add(left)
  }
  return { undelivered: undelivered.size, unremoved: [...unremoved].toSorted((a, b) => (a < b ? -1 : 1)), strays }
}

function isLive({ state, missedAt }: EntryRow): boolean {
  return state === 'live' && missedAt === null
}

const unsettled: readonly DeliveryState[] = ['pending', 'held', 'sending', 'waiting', 'rejected', 'failed', 'unsure']
const notLive: readonly EntryRow['state'][] = ['stray', 'gone']

async function suspectKeys(journal: Journal, sync: string, target: string): Promise<Key[]> {
  const cursor = (await journal.get(targets, { sync, target }))?.cursor ?? 0
  const keys = new Set<Key>()
  const add = async <R extends { readonly key: Key }>(read: (after: R | null) => Promise<R[]>) => {
    for (let last: R | null | undefined = null; last !== undefined;) {
      const rows: R[] = await read(last)
      for (const { key } of rows) keys.add(key)
      last = rows.length < pageSize ? undefined : rows.at(-1)
    }
  }
  const byKey = (last: { readonly key: Key } | null) =>
    ({ order: ['key'], limit: pageSize, ...(last !== null && { after: [last.key] }) }) as const
  const odd = (where: Query<EntryRow>['where']) =>
    add((last) => journal.select(entries, { where: { sync, ...where }, without: ['item'], ...byKey(last) }))
  const where = { sync, target, state: { in: unsettled } } as const
  await Promise.all([
    odd({ missedAt: { above: 0 } }),
    odd({ state: { in: notLive } }),
    add<DeliveryRow>((last) => journal.select(deliveries, { where, ...byKey(last) })),
    // In the order of the index: sorted by key, SQLite would rather read the whole ledger in that order.
    add<Stored<EntryRow>>((last) =>
      journal.select(entries, {
        where: { sync, seq: { above: last?.seq ?? cursor } },
        order: ['seq'],
        limit: pageSize,
        without: ['item'],
      }),
    ),
  ])
  return [...keys].toSorted((a, b) => (a < b ? -1 : 1))
}

const pageSize = 500
