/** What a target takes. See source.ts for looks. */
import type { Instant, Ms } from '../kernel/clock.ts'
import type { Digest } from '../kernel/digest.ts'
import type { AppError } from '../kernel/errors.ts'
import type { Json } from '../kernel/json.ts'
import type { Reason } from './reason.ts'
import type { Entry, Key, Look } from './source.ts'

export interface Target<I> {
  readonly name: string
  /** Config and renderer version; a change makes the engine compare everything. */
  readonly fingerprint: string
  readonly traits: Traits
  /** Another answer than before: no longer the same thing, what we believed of it is unsure. */
  identity(signal: AbortSignal): Promise<string>
  /** Digest of what this target would hold for the entry; default: the entry's digest. Pure. */
  render?(entry: Entry<I>): Digest
  /**
   * Reads what the target holds of ours and at the keys of `wanted`. A target without `look` is
   * believed to hold what it acknowledged.
   */
  look?(ask: TargetAsk, signal: AbortSignal): Promise<Look<Held>>
  /**
   * Makes the changes true, yielding one outcome per key as soon as it is known. A key without an
   * outcome counts as failed with effect unknown. Throwing AppError of class retry or wait says that the
   * whole target does not answer: one state, not N failures.
   */
  apply(batch: Batch<I>, signal: AbortSignal): AsyncIterable<readonly [Key, Outcome]>
  /**
   * Yields when somebody else may have changed what it holds: a look is then worth it at once. Runs until the
   * signal aborts; a rejection is logged and the hints are started again after a back-off.
   */
  hints?(signal: AbortSignal): AsyncIterable<void>
  close?(): Promise<void>
}

export interface Traits {
  /**
   * safe    sending twice has no effect that anybody can see
   * keyed   the target drops a repeated effectId
   * unsafe  neither: after a crash it is looked at, or a person is asked
   */
  readonly repeat: 'safe' | 'keyed' | 'unsafe'
  /**
   * A change that was cut off may have destroyed what was there, or left a part of it, while a look shows what
   * it showed before. Sendings are recorded before they begin, only an acknowledgement ends a doubt, and what is
   * to be removed is removed though no look shows it.
   */
  readonly torn?: true
  /**
   * A change costs so much more than a look that one comes before the first change of any key: it may be there
   * already.
   */
  readonly lookFirst?: true
  /**
   * What it accepted goes on in any case: as long as a gate holds something newer, it is asked what became of that,
   * by a change with the handle and without an entry.
   */
  readonly goesOn?: true
  /** Most changes in one batch. */
  readonly page: number
}

export interface TargetAsk {
  readonly mark?: string
  /** Only these keys are of interest; a complete look is always allowed instead. */
  readonly keys?: readonly Key[]
}

/** Something the target holds. */
export interface Held {
  readonly key: Key
  /** null: it is there, and the label is all that can be told. */
  readonly digest: Digest | null
  readonly label?: string
  /** The target's own inventory says that we put it there. Only owned keys are ever removed. */
  readonly owned?: boolean
}

export interface Batch<I> {
  readonly changes: readonly Change<I>[]
  /** No further batch follows in this pass: finish what is owed. May come with no changes at all. */
  readonly last: boolean
  /** The finishing step that is still owed, as the target wrote it. */
  readonly owed: Json
  /** Durably notes (or with null, settles) a finishing step. Await it before the effect that makes it needed. */
  owe(step: Json): Promise<void>
  /** Throws AppError `journal.fenced` when the lease is lost; call it before each effect of a long batch. */
  fence(): void
}

export interface Change<I> {
  readonly key: Key
  readonly op: 'put' | 'delete'
  /** Present on put, but for what `goesOn`. */
  readonly entry?: Entry<I>
  /** What the ledger believes the target holds now. */
  readonly was?: Held
  /** The same for every repetition of this change. */
  readonly effectId: string
  /** From an earlier `waiting` outcome: resume, do not start again. */
  readonly handle?: Json
}

export type Outcome =
  | { readonly is: 'applied'; readonly receipt?: Json }
  /** Accepted, not yet true. Asked again with the handle after `again`. */
  | { readonly is: 'waiting'; readonly on: Reason; readonly handle: Json; readonly again?: Ms }
  /** Not tried again until the item (or the target's identity or fingerprint) changes. */
  | { readonly is: 'rejected'; readonly why: Reason; readonly detail?: string; readonly until: 'item' | 'target' }
  /** `none`: surely nothing happened. */
  | { readonly is: 'failed'; readonly error: AppError; readonly effect: 'none' | 'unknown' }

/** The targets of a sync. A fixed list is `fixedTargets(...)`; others come and go (pods behind leases). */
export interface TargetSet<I> {
  list(signal: AbortSignal): Promise<TargetList<I>>
  /** Yields when the set may have changed. */
  changes?(signal: AbortSignal): AsyncIterable<void>
  /**
   * How long what is known of a target that left is kept, where targets come and go under ever new names. null, as
   * for targets that the config names: until a person says forget.
   */
  keeps?(target: string): Ms | null
}

export type TargetList<I> =
  | { readonly saw: 'complete'; readonly targets: readonly Target<I>[] }
  /** The set, or a part of it, could not be read: known targets stay, and `targets` are there in any case. */
  | { readonly saw: 'unavailable'; readonly detail: string; readonly targets?: readonly Target<I>[] }

export function fixedTargets<I>(...targets: readonly Target<I>[]): TargetSet<I> {
  return { list: () => Promise.resolve({ saw: 'complete', targets }) }
}

/** Whether a change may go now. Gates are asked in order; the first that holds, holds. */
export interface Gate {
  readonly name: string
  ask(
    change: GatedChange,
    view: GateView,
  ): 'go' | { readonly hold: Reason; readonly subject: Digest; readonly until: Instant | 'person' }
}

export interface GatedChange {
  readonly key: Key
  readonly op: 'put' | 'delete'
  readonly entry?: Entry<unknown>
  readonly was?: Held
  /** Digest of op and wanted content: the natural subject of an approval. */
  readonly subject: Digest
}

export interface GateView {
  readonly now: Instant
  readonly sync: string
  readonly target: string
  /** Live keys of the sync, and keys that the target holds. */
  readonly live: number
  readonly held: number
}
