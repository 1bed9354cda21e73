/** What a collector's target reads of the ledger: what the sync wants of it, and whether it has all of that. */
import type { Journal, Stored } from '../../../engine/journal.ts'
import type { Key } from '../../../engine/source.ts'
import { deliveries, entries, type DeliveryRow, type EntryRow } from '../../../engine/tables.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { ClaimStatus } from '../model.ts'

export interface Wanted {
  readonly key: Key
  readonly status: ClaimStatus
  readonly generation: number | null
}

export interface CollectorLedger {
  /** In the order of keys; of a key that two scopes have, either. */
  wanted(): Promise<readonly Wanted[]>
  /** What the collector acknowledged, by key. */
  told(): Promise<ReadonlyMap<Key, Digest | null>>
  /** Clusters that something is wanted of. */
  clusters(): Promise<readonly string[]>
  /** The same as `wanted` where the target acknowledged exactly that and nothing waits or is held; else null. */
  settled(): Promise<readonly Wanted[] | null>
}

export interface CollectorLedgerOptions {
  readonly journal: Journal
  readonly sync: string
  readonly target: string
}

const page = 1000

export function createCollectorLedger({ journal, sync, target }: CollectorLedgerOptions): CollectorLedger {
  async function live(): Promise<Map<Key, Stored<EntryRow>>> {
    const rows = new Map<Key, Stored<EntryRow>>()
    const where = { sync, state: 'live' } as const
    for (let after: readonly [string, string] | null = null; ;) {
      const found: readonly Stored<EntryRow>[] = await journal.select(entries, {
        where,
        order: ['key', 'scope'],
        limit: page,
        ...(after && { after }),
      })
      for (const row of found) rows.set(row.key, row)
      const last = found.at(-1)
      if (found.length < page || last === undefined) return rows
      after = [last.key, last.scope]
    }
  }

  async function delivered(): Promise<Map<Key, Stored<DeliveryRow>>> {
    const rows = new Map<Key, Stored<DeliveryRow>>()
    for (let after: string | null = null; ;) {
      const found: readonly Stored<DeliveryRow>[] = await journal.select(deliveries, {
        where: { sync, target },
        order: ['key'],
        limit: page,
        ...(after !== null && { after: [after] }),
      })
      for (const row of found) rows.set(row.key, row)
      const last = found.at(-1)
      if (found.length < page || last === undefined) return rows
      after = last.key
    }
  }

  const wantedOf = (rows: ReadonlyMap<Key, Stored<EntryRow>>): readonly Wanted[] =>
    [...rows.values()].map(({ key, item, note }) => {
      return { key, status: item as unknown as ClaimStatus, generation: generationOf(note) }
    })

  return {
    wanted: async () => wantedOf(await live()),
    told: async () => new Map([...(await delivered()).values()].map(({ key, digest }) => [key, digest])),
    async clusters() {
      const all = [...(await live()).values()].map(({ item }) => (item as unknown as ClaimStatus).cluster)
      return [...new Set(all)].toSorted()
    },
    async settled() {
      const [want, has] = [await live(), await delivered()]
      if (want.size !== has.size) return null
      const all = [...want.values()].every(({ key, digest }) => {
        const delivery = has.get(key)
        return delivery?.state === 'applied' && delivery.digest === digest
      })
      return all ? wantedOf(want) : null
    },
  }
}

/** As the source noted it. */
export function generationOf(note: unknown): number | null {
  const { generation } = (note ?? {}) as { readonly generation?: unknown }
  return typeof generation === 'number' ? generation : null
}
