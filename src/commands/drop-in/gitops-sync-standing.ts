/** How the ledger stands after a pass: what is not yet in etcd, and what is there and should not be. */
import type { Journal } from '../../engine/journal.ts'
import { stray } from '../../engine/scope.ts'
import { deliveries, entries, type DeliveryRow, type EntryRow } from '../../engine/tables.ts'
import type { Key } from '../../engine/source.ts'

export interface Standing {
  /** Live capabilities that etcd does not hold as they are, with the reason where there is one. */
  readonly undelivered: ReadonlyMap<Key, string | null>
  /** Absent from the directory, still in etcd, and not yet to be removed. */
  readonly unremoved: readonly Key[]
  /** Of those, how many are in etcd by its inventory alone: this ledger saw them for the first time. */
  readonly strays: number
}

export async function readStanding(journal: Journal, sync: string, target: string): Promise<Standing> {
  const undelivered = new Map<Key, string | null>()
  const unremoved: Key[] = []
  let strays = 0
  for await (const [row, delivery] of pairs(journal, sync, target)) {
    const live = row !== null && row.state === 'live' && row.missedAt === null
    if (live) {
      if (delivery?.state !== 'applied' || delivery.digest !== row.digest)
        undelivered.set(row.key, delivery?.detail ?? null)
    } else if (row?.scope === stray || row?.state === 'stray') {
      strays += 1
      unremoved.push(row.key)
    } else if (delivery !== null && delivery.digest !== null) {
      unremoved.push(delivery.key)
    }
  }
  return { undelivered, unremoved: unremoved.toSorted((a, b) => (a < b ? -1 : 1)), strays }
}

/** Each key with its entry and its delivery, whichever there is. */
async function* pairs(
  journal: Journal,
  sync: string,
  target: string,
): AsyncGenerator<readonly [EntryRow | null, DeliveryRow | null]> {
  const delivered = new Map<Key, DeliveryRow>()
  for await (const row of all((after) => journal.select(deliveries, { where: { sync, target }, ...page(after) }))) {
    delivered.set(row.key, row)
  }
  for await (const row of all((after) =>
    journal.select(entries, { where: { sync }, without: ['item'], ...page(after) }),
  )) {
    yield [row, delivered.get(row.key) ?? null]
    delivered.delete(row.key)
  }
  for (const row of delivered.values()) yield [null, row]
}

const pageSize = 1000

function page(after: Key | null) {
  return { order: ['key' as const], limit: pageSize, ...(after !== null && { after: [after] }) }
}

async function* all<R extends { readonly key: Key }>(read: (after: Key | null) => Promise<R[]>): AsyncGenerator<R> {
  let after: Key | null = null
  for (;;) {
    const rows: R[] = await read(after)
    yield* rows
    if (rows.length < pageSize) return
    after = rows.at(-1)!.key
  }
}
