/** The engine's half of the ledger. Column units: instants and lengths in milliseconds. */
import type { Instant } from '../kernel/clock.ts'
import type { Contest } from './contest.ts'
import type { Digest } from '../kernel/digest.ts'
import type { Json } from '../kernel/json.ts'
import { defineTable } from '../kernel/table.ts'
import type { Reason } from './reason.ts'
import type { Scope } from './scope.ts'

/** What is known of a sync itself. */
export interface SyncRow {
  readonly sync: string
  readonly registry: string
  /** `orphaned`: no longer in the config; kept until `regista forget`. */
  readonly state: 'active' | 'paused' | 'orphaned'
  readonly lastPassAt: Instant | null
  readonly lastPassOk: boolean | null
  readonly nextPassAt: Instant | null
}

/** What was last seen of one scope of a source. */
export interface ScopeRow {
  readonly sync: string
  readonly scope: Scope
  /** `gone`: the complete look above it no longer lists it. `orphaned`: taken out of the config. */
  readonly state: 'ok' | 'unavailable' | 'gone' | 'orphaned'
  readonly why: Reason | null
  readonly detail: string | null
  /** Where two scopes hold one key live, the lower rank wins, then the scope's name. */
  readonly rank: number
  /** The source's own validator for "nothing changed since" (ETag, tree id, listing digest). */
  readonly mark: string | null
  /** What could not be read: a list of {key?, origin?, why}. */
  readonly troubles: Json
  readonly lookedAt: Instant | null
  readonly completeAt: Instant | null
  /** First of the looks in a row in which the scope above did not list it. */
  readonly missedAt: Instant | null
}

/** One thing a source says exists: the desired half. */
export interface EntryRow {
  readonly sync: string
  readonly scope: Scope
  readonly key: string
  /** `stray`: a target holds it and no source claimed it yet. `gone`: tombstone until every target passed it. */
  readonly state: 'live' | 'stray' | 'gone'
  /** Of exactly what targets render. */
  readonly digest: Digest
  readonly label: string
  readonly item: Json
  readonly stamp: string | null
  readonly note: Json
  /** Where it was read (a file, a page): a trouble that names the origin shields the key. */
  readonly origin: string | null
  readonly ordinal: Json
  /** First of the complete looks in a row that did not see it, and how many there were. */
  readonly missedAt: Instant | null
  readonly misses: number
}

/** What is known of a target as a whole. */
export interface TargetRow {
  readonly sync: string
  readonly target: string
  readonly state: 'new' | 'ok' | 'unavailable' | 'orphaned'
  readonly why: Reason | null
  readonly detail: string | null
  readonly identity: string | null
  readonly fingerprint: string
  /** Grows when the identity changes: deliveries of an older epoch are unsure. */
  readonly epoch: number
  /** Every entry up to this position has an outcome; 0: compare everything. */
  readonly cursor: number
  /** A finishing step that the target still needs. */
  readonly owed: Json
  /** The target's own validator for "nothing changed since our look". */
  readonly mark: string | null
  readonly lookedAt: Instant | null
  /** Removal budget: what was left at `budgetAt`. */
  readonly budgetLeft: number | null
  readonly budgetAt: Instant | null
  readonly attempts: number
  /** When one that did not answer may be tried again, or one that left is forgotten. */
  readonly due: Instant | null
}

export type DeliveryState = 'pending' | 'held' | 'sending' | 'waiting' | 'applied' | 'rejected' | 'failed' | 'unsure'

/** One key at one target: the delivered half. README.md has the lifecycle table. */
export interface DeliveryRow {
  readonly sync: string
  readonly target: string
  readonly key: string
  readonly state: DeliveryState
  readonly op: 'put' | 'delete'
  /** What the target acknowledged, as sent; null: nothing. */
  readonly digest: Digest | null
  /** What `digest` goes by there: all that some targets tell. */
  readonly digestLabel: string | null
  /** What the pending change would make of it; null: removed. */
  readonly want: Digest | null
  /** Of what is wanted, for people. */
  readonly label: string | null
  readonly reason: Reason | null
  readonly detail: string | null
  /** `item`, `target`: what has to change before a rejected one is tried again. */
  readonly until: 'item' | 'target' | null
  readonly attempts: number
  /** When to try, resume or re-gate again; null: only when something changes. */
  readonly due: Instant | null
  readonly handle: Json
  readonly effectId: string | null
  readonly receipt: Json
  /**
   * An earlier sending may have arrived, and no look and no later acknowledgement has settled that: one of
   * what is wanted, or one of something else.
   */
  readonly doubt: 'want' | 'other' | null
  /** Somebody else has undone what was applied here; null: never. */
  readonly contest: Contest | null
  readonly epoch: number
}

/** A change that waits for a person or a time. */
export interface HoldRow {
  /** Short, stable for the same change and gate: what `regista release` takes. */
  readonly id: string
  readonly sync: string
  readonly target: string
  readonly key: string
  /** The gate that holds it. */
  readonly gate: string
  readonly reason: Reason
  /** Exactly what a release agrees to; another change of the same key is held anew. */
  readonly subject: Digest
  readonly op: 'put' | 'delete'
  readonly label: string | null
  readonly state: 'held' | 'released'
  /** null: until a person releases it. */
  readonly until: Instant | null
  readonly by: string | null
}

export const syncs = defineTable<SyncRow>('sync', ['sync'], {
  sync: 'text',
  registry: 'text',
  state: 'text',
  lastPassAt: 'int',
  lastPassOk: 'bool',
  nextPassAt: 'int',
})

export const scopes = defineTable<ScopeRow>('scope', ['sync', 'scope'], {
  sync: 'text',
  scope: 'text',
  state: 'text',
  why: 'text',
  detail: 'text',
  rank: 'int',
  mark: 'text',
  troubles: 'json',
  lookedAt: 'int',
  completeAt: 'int',
  missedAt: 'int',
})

export const entries = defineTable<EntryRow>('entry', ['sync', 'scope', 'key'], {
  sync: 'text',
  scope: 'text',
  key: 'text',
  state: 'text',
  digest: 'text',
  label: 'text',
  item: 'json',
  stamp: 'text',
  note: 'json',
  origin: 'text',
  ordinal: 'json',
  missedAt: 'int',
  misses: 'int',
})

export const targets = defineTable<TargetRow>('target', ['sync', 'target'], {
  sync: 'text',
  target: 'text',
  state: 'text',
  why: 'text',
  detail: 'text',
  identity: 'text',
  fingerprint: 'text',
  epoch: 'int',
  cursor: 'int',
  owed: 'json',
  mark: 'text',
  lookedAt: 'int',
  budgetLeft: 'real',
  budgetAt: 'int',
  attempts: 'int',
  due: 'int',
})

export const deliveries = defineTable<DeliveryRow>('delivery', ['sync', 'target', 'key'], {
  sync: 'text',
  target: 'text',
  key: 'text',
  state: 'text',
  op: 'text',
  digest: 'text',
  digestLabel: 'text',
  want: 'text',
  label: 'text',
  reason: 'text',
  detail: 'text',
  until: 'text',
  attempts: 'int',
  due: 'int',
  handle: 'json',
  effectId: 'text',
  receipt: 'json',
  doubt: 'text',
  contest: 'json',
  epoch: 'int',
})

export const holds = defineTable<HoldRow>('hold', ['id'], {
  id: 'text',
  sync: 'text',
  target: 'text',
  key: 'text',
  gate: 'text',
  reason: 'text',
  subject: 'text',
  op: 'text',
  label: 'text',
  state: 'text',
  until: 'int',
  by: 'text',
})

export const engineTables = [syncs, scopes, entries, targets, deliveries, holds] as const
