/**
 * What the ledger wants of a file now: every live status, whichever change of it is under way. The file is compared
 * with all of them each time, so that nothing has to be remembered as "to be written".
 */
import type { Journal, Seq } from '../../../engine/journal.ts'
import type { Key } from '../../../engine/source.ts'
import { deliveries, entries } from '../../../engine/tables.ts'
import { namesOf, type ClaimStatus } from '../model.ts'

export interface Wishes {
  readonly live: ReadonlyMap<Key, ClaimStatus>
  /** Another number: another `live`. */
  readonly version: number
  /** Live, but a person or a gate says that they may not be written now. */
  readonly withheld: ReadonlySet<Key>
  /** Gone from the source, as far as the target may still hold them. */
  readonly gone: ReadonlySet<Key>
  /** Those of them that are to be removed, and nothing holds that back. */
  readonly removals: ReadonlySet<Key>
}

export interface WishReader {
  read(): Promise<Wishes>
}

const page = 1000

export function createWishReader(journal: Journal, sync: string, target: string): WishReader {
  // Read on from where the last reading ended. The same key in two scopes is one claim: the cluster is in it.
  let live = new Map<Key, ClaimStatus>()
  const scopesOf = new Map<Key, Set<string>>()
  let upto: Seq = 0
  let version = 0

  async function readOn(): Promise<void> {
    for (;;) {
      const rows = await journal.select(entries, { where: { sync, seq: { above: upto } }, order: ['seq'], limit: page })
      for (const { key, scope, state, item } of rows) {
        const scopes = scopesOf.get(key) ?? new Set()
        if (state === 'live') {
          live.set(key, item as unknown as ClaimStatus)
          scopesOf.set(key, scopes.add(scope))
        } else if (scopes.delete(scope) && scopes.size === 0) {
          live.delete(key)
          scopesOf.delete(key)
        }
      }
      if (rows.length > 0) version += 1
      if (rows.length < page) return
      upto = rows.at(-1)!.seq
    }
  }

  const shown = () => [...scopesOf.values()].reduce((sum, scopes) => sum + scopes.size, 0)

  async function readLive(): Promise<void> {
    const { seq } = await journal.head()
    await readOn()
    const [tally] = await journal.count(entries, { sync, state: 'live' })
    // What was dropped from the ledger leaves nothing behind that comes after a position.
    if ((tally?.count ?? 0) !== shown() && (await journal.head()).seq === seq) {
      live = new Map()
      scopesOf.clear()
      upto = 0
      await readOn()
    }
    upto = Math.max(upto, seq)
  }

  return {
    async read() {
      await readLive()
      const [stopped, removing, tombstones] = await Promise.all([
        journal.select(deliveries, { where: { sync, target, state: { in: ['held', 'rejected'] as const } as never } }),
        journal.select(deliveries, { where: { sync, target, op: 'delete' } }),
        journal.select(entries, { where: { sync, state: 'gone' }, without: ['item'] }),
      ])
      const absent = [...tombstones, ...removing].map(({ key }) => key).filter((key) => !live.has(key))
      return {
        live,
        version,
        withheld: new Set(stopped.filter(({ op }) => op === 'put').map(({ key }) => key)),
        gone: new Set(absent),
        removals: new Set(
          removing.filter(({ state, key }) => state === 'waiting' && !live.has(key)).map(({ key }) => key),
        ),
      }
    },
  }
}

/** Enough of a status to find its entry. */
export function statusOfKey(key: Key): ClaimStatus | null {
  const names = namesOf(key)
  return names && { ...names, message: '', health: null, observedAt: 0 }
}
