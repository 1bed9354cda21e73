/** Statuses that informers send, and the clusters that they come from. */
import type { Instant } from '../../kernel/clock.ts'
import type { Json } from '../../kernel/json.ts'
import { defineTable } from '../../kernel/table.ts'
import type { Health } from './model.ts'

export interface ClaimStatusRow {
  readonly sync: string
  /** keyOf the status. */
  readonly key: string
  /** `gone`: a tombstone, so that the loop hears of it, and nothing observed before brings it back. */
  readonly state: 'live' | 'gone'
  /** As it was told, where the key does not say it. JSON, as the message: text may hold no NUL, these may. */
  readonly claimRef: Json
  readonly message: Json
  readonly health: Health | null
  readonly observedAt: Instant
  readonly generation: number | null
  /** Who said so, and when. */
  readonly by: string
  readonly at: Instant
}

export const claimStatuses = defineTable<ClaimStatusRow>('claim_status', ['sync', 'key'], {
  sync: 'text',
  key: 'text',
  state: 'text',
  claimRef: 'json',
  message: 'json',
  health: 'text',
  observedAt: 'int',
  generation: 'int',
  by: 'text',
  at: 'int',
})

/** Bookkeeping: when a cluster was last heard of, a while behind. */
export interface ClaimClusterRow {
  readonly sync: string
  /** Percent-encoded, as in keys. */
  readonly cluster: string
  readonly heardAt: Instant
}

export const claimClusters = defineTable<ClaimClusterRow>('claim_cluster', ['sync', 'cluster'], {
  sync: 'text',
  cluster: 'text',
  heardAt: 'int',
})
