/** Manifests that were sent through the API. */
import type { Instant } from '../../kernel/clock.ts'
import { defineTable } from '../../kernel/table.ts'

export interface SubmissionRow {
  readonly sync: string
  /** The capability's identifier, as its manifest says. */
  readonly id: string
  /** `removed`: a tombstone, until the source has told of it. */
  readonly state: 'live' | 'removed'
  /** As it was sent, so that it can be read again under other rules; null: removed. */
  readonly manifest: string | null
  /** Who sent or removed it. */
  readonly by: string
  readonly at: Instant
}

export const submissions = defineTable<SubmissionRow>('capability_submission', ['sync', 'id'], {
  sync: 'text',
  id: 'text',
  state: 'text',
  manifest: 'text',
  by: 'text',
  at: 'int',
})
