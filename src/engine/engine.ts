/** The engine as the server, the commands and the registries see it. */
import type { Instant, Ms } from '../kernel/clock.ts'
import type { Digest } from '../kernel/digest.ts'
import type { Backoff } from '../kernel/retry.ts'
import type { Fence } from './journal.ts'
import type { Reason } from './reason.ts'
import type { Hint, Key, Source } from './source.ts'
import type { Gate, TargetSet } from './target.ts'

/** One source with its targets. Registries make these from their config. */
export interface SyncSpec<I> {
  readonly name: string
  readonly registry: string
  readonly source: Source<I>
  readonly targets: TargetSet<I>
  readonly schedule: ScheduleSpec
  /** Asked in order, after the removal budget. */
  readonly gates?: readonly Gate[]
  /**
   * What to do where a target held something else under a key before we ever wrote it:
   * `overwrite` it, `hold` the change for a person, or `keep` what is there.
   */
  readonly firstSight: 'overwrite' | 'hold' | 'keep'
  /**
   * What to do where a target no longer holds what it acknowledged: `repair` it, `report` it and wait for a
   * person, or `keep` what is there until the entry changes.
   */
  readonly drift: 'repair' | 'report' | 'keep'
  /** How often targets that can look are looked at; default: each pass. */
  readonly targetEvery?: Ms
  /** `none`: whatever is removed, nothing is undone at the targets; there is nothing to hold back. */
  readonly budget?: RemovalBudget | 'none'
  /** How soon a target that did not answer is tried again (full jitter). */
  readonly backoff?: Backoff
  readonly limits?: Partial<Limits>
}

/** `interval` and `cron` exclude each other; neither: only when asked or hinted. */
export interface ScheduleSpec {
  readonly interval?: Ms
  readonly cron?: string
  /** Share of the interval by which each pass is moved, default 0.1. */
  readonly jitter?: number
}

/** Token bucket of max(least, share × keys held), refilled evenly over `over`. */
export interface RemovalBudget {
  readonly least: number
  readonly share: number
  readonly over: Ms
}

export interface Limits {
  readonly look: Ms
  readonly identity: Ms
  readonly apply: Ms
  /** Scopes looked at at the same time. */
  readonly scopes: number
}

export interface PassOptions {
  readonly why: Reason
  /**
   * Removals that the caller vouches for: absence counts at the first look, and up to this many
   * removals pass without the budget. For one-shot commands (`--allow-deletes N`).
   */
  readonly allowDeletes?: number
  /** Only these scopes and keys (hints); default: everything. */
  readonly only?: readonly Hint[]
}

export interface PassReport {
  readonly sync: string
  readonly took: Ms
  readonly scopes: { readonly complete: number; readonly unchanged: number; readonly unavailable: number }
  readonly entries: {
    readonly appeared: number
    readonly changed: number
    readonly gone: number
    readonly troubles: number
  }
  readonly targets: readonly TargetReport[]
  /** Why the set of targets, or a part of it, could not be read; null: it was. */
  readonly unread: string | null
  /** Every scope and target answered, nothing is in trouble, failed, rejected or held. */
  readonly ok: boolean
}

export interface TargetReport {
  readonly target: string
  readonly state: 'ok' | 'unavailable' | 'skipped'
  readonly why: Reason | null
  readonly detail: string | null
  /** What this pass did. */
  readonly applied: number
  readonly adopted: number
  readonly drifted: number
  /** How the target stands after it. */
  readonly waiting: number
  readonly rejected: number
  readonly failed: number
  readonly held: number
}

/** What a pass would do, and what of it cannot be told. */
export interface Plan {
  readonly changes: readonly PlannedChange[]
  /** How the looks went: a scope or target that could not be read may need changes that are not here. */
  readonly looked: PassReport
}

/** One line of `regista plan`. */
export interface PlannedChange {
  readonly target: string
  readonly key: Key
  readonly op: 'put' | 'delete'
  readonly label: string | null
  readonly from: Digest | null
  readonly to: Digest | null
  readonly reason: Reason | null
  /** Set when a gate would hold it. */
  readonly hold: Reason | null
}

export interface SyncStatus {
  readonly sync: string
  readonly registry: string
  readonly state: 'active' | 'paused' | 'orphaned'
  readonly running: boolean
  /** This replica holds the lease. */
  readonly owner: boolean
  readonly lastPassAt: Instant | null
  readonly lastPassOk: boolean | null
  readonly nextPassAt: Instant | null
}

export interface Engine {
  /** Leases, schedules and hints begin; resolves at once. */
  start(): void
  /** Finishes or aborts what runs within `bound`, records, gives leases up. */
  stop(bound?: Ms): Promise<void>
  readonly syncs: readonly string[]
  status(sync: string): Promise<SyncStatus>
  /** The right to write for a sync, for what is done once for it besides passes; null: this process has it not. */
  fence(sync: string): Fence | null
  /** One whole pass now (queued behind a running one). Errors of source or target are in the report, not thrown. */
  pass(sync: string, options: PassOptions): Promise<PassReport>
  /** What a pass would do, without writing anywhere. Looks at source and targets. */
  plan(sync: string, options?: { allowDeletes?: number }): Promise<Plan>
  hint(sync: string, hint: Hint): void
  pause(sync: string, by: string): Promise<void>
  resume(sync: string, by: string): Promise<void>
  /** Releases a hold; the change goes with the next pass, which is started at once. Unknown id: false. */
  release(hold: string, by: string): Promise<boolean>
  /**
   * Asks the gates again about what is held of a key, because what they go by has changed; on whichever replica runs
   * the sync. Nothing held: does nothing.
   */
  reconsider(sync: string, key: Key): Promise<void>
  /**
   * Ends the keeping of what the config no longer names. A scope: its entries count as gone and are
   * removed at the targets, through the removal budget. A target or a whole sync: the ledger lets go
   * of it, nothing is removed there. Answers how many entries or deliveries that was.
   */
  forget(
    what: { readonly sync: string; readonly scope?: string; readonly target?: string },
    by: string,
  ): Promise<number>
}
