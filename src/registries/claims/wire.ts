/**
 * What informers and our collector say to each other beyond the original's three-field post. The bodies
 * of the original itself are not described here: who takes those decodes them byte by byte.
 *
 *   POST   /api/v1/status/batch                     Batch     → 200 BatchAnswer, one result per item, in order
 *   PUT    /api/v1/clusters/{cluster}/snapshot      Snapshot  → 200 SnapshotAnswer
 *   GET    /api/v1/clusters/{cluster}/snapshot                → 200 Shown, with an ETag
 *   DELETE /api/v1/status/{cluster}/{claimRef}?…    Removal's optional fields as query → 200 Result; 404: not there
 *
 * Keys that a reader does not know are ignored, so that either end may be the newer one.
 */
import { z } from 'zod'
import type { Health } from './model.ts'

/** What one body may hold; senders stay below, takers answer 413. */
export const wireLimits = {
  /** Items of one batch. */
  batchItems: 1000,
  batchBytes: 4 << 20,
  snapshotBytes: 64 << 20,
  /** UTF-8 bytes of one message; what is longer is cut by informers and refused by collectors. */
  messageBytes: 64 << 10,
  /** Characters of a cluster, of a claimRef, and of each part of an object's name. */
  nameLength: 512,
} as const

const health = z.enum(['active', 'creating', 'error', 'deleting', 'deleted', 'unknown']) satisfies z.ZodType<Health>
const text = z.string().min(1)
const name = text.max(wireLimits.nameLength)
const part = z.string().max(wireLimits.nameLength)

const named = {
  cluster: name,
  claimRef: name,
  /** The object, where it is told: `kind` and `name` both; '' or none: core group, cluster-scoped. */
  group: part.optional(),
  kind: name.optional(),
  namespace: part.optional(),
  name: name.optional(),
  /** RFC 3339, to the millisecond: when the cluster showed it. Without it: when it is received. */
  observedAt: z.iso.datetime({ offset: true }).optional(),
  /** `metadata.generation` that was observed; breaks a tie of `observedAt`. */
  generation: z.int().nonnegative().optional(),
}

export const postedStatus = z.object({ ...named, statusMessage: text, health: health.optional() })
export type PostedStatus = z.infer<typeof postedStatus>

/** The object is gone from its cluster, as the cluster itself said. */
export const postedRemoval = z.object({ ...named, deleted: z.literal(true) })
export type PostedRemoval = z.infer<typeof postedRemoval>

export const batchItem = z.union([postedRemoval, postedStatus])
export type BatchItem = z.infer<typeof batchItem>

/** Items are judged one by one (`batchItem`): one that is wrong does not spoil the others. */
export const batch = z.object({
  /** A sign of life of this cluster, also where there are no items. */
  cluster: name.optional(),
  items: z.array(z.unknown()).max(wireLimits.batchItems),
})
export interface Batch {
  readonly cluster?: string
  readonly items: readonly BatchItem[]
}

export const result = z.object({
  /**
   * older     what is held was observed later: not applied
   * absent    to be removed, and not there
   * rejected  wrong in itself, or not this caller's to tell: `detail` says why
   */
  status: z.enum(['created', 'updated', 'unchanged', 'removed', 'absent', 'older', 'rejected']),
  /** Of what is held instead, where `older`. */
  observedAt: z.string().optional(),
  detail: z.string().optional(),
})
export type Result = z.infer<typeof result>

export const batchAnswer = z.object({ results: z.array(result) })
export type BatchAnswer = z.infer<typeof batchAnswer>

/**
 * All that one cluster has, of all kinds or of those in `of`: what is held beyond it, and was not observed
 * after `observedAt`, is gone. Statuses without an object are of no kind: only a snapshot without `of` removes them.
 */
export const snapshot = z.object({
  complete: z.literal(true),
  /** Before the first item was read; without it: when the request is received. */
  observedAt: z.iso.datetime({ offset: true }).optional(),
  of: z.array(z.object({ group: part, kind: name })).optional(),
  items: z.array(z.unknown()),
})
export interface Snapshot {
  readonly complete: true
  readonly observedAt?: string
  readonly of?: readonly { readonly group: string; readonly kind: string }[]
  /** `cluster` is that of the path. */
  readonly items: readonly PostedStatus[]
}

export const snapshotAnswer = z.object({
  created: z.int(),
  updated: z.int(),
  unchanged: z.int(),
  older: z.int(),
  removed: z.int(),
  /** Position in `items`, and why; the first 100. */
  rejected: z.array(z.object({ index: z.int(), detail: z.string() })),
})
export type SnapshotAnswer = z.infer<typeof snapshotAnswer>

/** What the collector holds of one cluster, in the order of keys; removed ones are not shown. */
export const shown = z.object({ items: z.array(postedStatus) })
export type Shown = z.infer<typeof shown>

/** Paths below the collector's base, without a slash at its end. */
export const wirePaths = {
  status: '/api/v1/status',
  batch: '/api/v1/status/batch',
  statusesOf: (cluster: string) => `/api/v1/status/${encodeURIComponent(cluster)}`,
  statusOf: (cluster: string, claimRef: string) =>
    `/api/v1/status/${encodeURIComponent(cluster)}/${encodeURIComponent(claimRef)}`,
  snapshot: (cluster: string) => `/api/v1/clusters/${encodeURIComponent(cluster)}/snapshot`,
} as const
