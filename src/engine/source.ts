/**
 * The contract of both ends: what a source tells, what a target takes. One shape of look for both.
 *
 * A look covers one scope. The engine asks scope by scope, each with a deadline of its own, so that a
 * scope that hangs delays no other; a source never has to schedule anything.
 */
import type { Instant, Ms } from '../kernel/clock.ts'
import type { Digest } from '../kernel/digest.ts'
import type { Json } from '../kernel/json.ts'
import type { Reason } from './reason.ts'
import type { Scope } from './scope.ts'

export type Key = string

/** What one reading of a scope saw. */
export type Look<T> =
  /** All of it. Whatever is not among `items` and not shielded by a trouble is absent; nested scopes are `children`. */
  | {
      readonly saw: 'complete'
      readonly items: AsyncIterable<T> | Iterable<T>
      readonly children?: readonly Child[]
      /** Read after `items` has ended, so that a source may fill it while it streams. */
      readonly troubles?: readonly Trouble[]
      readonly mark?: string
    }
  /** The mark still holds: everything is as the last complete look saw it. Costs O(1), writes nothing. */
  | { readonly saw: 'unchanged' }
  /** Only what changed, vouched for by the other side: `gone` counts at once. */
  | {
      readonly saw: 'delta'
      readonly items: readonly T[]
      readonly gone: readonly Key[]
      readonly troubles?: readonly Trouble[]
      readonly mark?: string
    }
  /** It could not be read. Never "nothing there". `again`: not before. */
  | { readonly saw: 'unavailable'; readonly why: Reason; readonly detail?: string; readonly again?: Instant }

export interface Child {
  readonly scope: Scope
  /** Lower wins where two scopes hold one key; default 0. */
  readonly rank?: number
}

/** One key or one origin that could not be read, or one that has both; shields what it names from absence. */
export type Trouble =
  | { readonly key: Key; readonly why: Reason; readonly detail?: string }
  | { readonly origin: string; readonly why: Reason; readonly detail?: string }

export interface Entry<I> {
  readonly key: Key
  /** Of exactly what targets render: an observation time or commit id alone is no change. */
  readonly digest: Digest
  /** For people: a version, a tag, a title. */
  readonly label: string
  readonly item: I
  /** Cheap validator of the item (ETag, size + time); handed back in `Ask.known`. */
  readonly stamp?: string
  /** Provenance for people, no part of the digest. */
  readonly note?: Json
  readonly origin?: string
  /** Grows with time; an older one never replaces a newer one. Compared as numbers and strings in order. */
  readonly ordinal?: readonly (number | string)[]
}

/** Still there, its stamp equal: the item was not fetched. */
export interface Same {
  readonly key: Key
  readonly stamp: string
}

export interface Ask {
  readonly scope: Scope
  /** The mark of the last complete look, when nothing of it was lost since. */
  readonly mark?: string
  /** Only these keys are of interest (hinted); a complete look is always allowed instead. */
  readonly keys?: readonly Key[]
  /** Nothing may come of it: what is seen is told, and written nowhere. */
  readonly dry?: true
  /** What is known of the scope: stamp and origin by key. Reads the ledger; ask only when it saves more. */
  known(): Promise<ReadonlyMap<Key, { readonly stamp: string | null; readonly origin: string | null }>>
}

/** A scope or key worth a look before the next full pass. Costs nothing if wrong. */
export interface Hint {
  readonly scope: Scope
  readonly key?: Key
}

export interface Source<I> {
  /** The scopes that the config names; nested ones come as `children` of complete looks. */
  readonly scopes: readonly Child[]
  /**
   * The config names every scope itself, also one that stands below another by its name: one that it no
   * longer names is orphaned, not gone.
   */
  readonly namesAll?: boolean
  /**
   * `vouched`: the source can tell removed from unseen (a Git commit, a snapshot); one complete look
   * is enough. Else that many complete looks, the first and the last at least `apart` from each other.
   */
  readonly absence: 'vouched' | { readonly looks: number; readonly apart: Ms }
  /** Rejections count as `unavailable`. The signal carries the deadline. */
  look(ask: Ask, signal: AbortSignal): Promise<Look<Entry<I> | Same>>
  /** Runs until the signal aborts; a rejection is logged and the hints are started again after a back-off. */
  hints?(signal: AbortSignal): AsyncIterable<Hint>
}
