/**
 * One code path for every heartbeat, whatever it came in: first it is decided whether its sender may report, then
 * anything is registered or written (the original streamed strangers in the other way round).
 */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { Caller } from '../../../kernel/route.ts'
import type { Beat, Heard } from '../liveness/liveness.ts'
import type { ServiceRef } from '../model.ts'

export interface Heartbeat extends ServiceRef, Beat {
  /** '' where it says none. Of a known service it must be the one that is registered. */
  readonly parent: string
  /** Of a checker that is not known yet; null where it says none. */
  readonly kind: string | null
  /** Address that the sender says it has; '' where it says none. */
  readonly from: string
  /** Declared time between two, of one that is not known yet; 0 where it says none. */
  readonly interval: Ms
}

/**
 * taken …       it counts; the other words of liveness likewise
 * activated     its first one
 * reactivated   it had been inactive
 * registered    it was not known, and is now
 * quarantined   it is not known, and a person decides
 * refused       see `why`
 */
export type BeatResult = Heard | 'activated' | 'reactivated' | 'registered' | 'quarantined' | 'refused'

/** Reason constants, docs/reasons.md. */
export type BeatRefusal =
  | 'service-unknown'
  | 'service-revoked'
  | 'service-deleted'
  | 'service-parent'
  | 'service-subject'
  | 'service-invalid'
  | 'service-unavailable'

export interface BeatOutcome {
  readonly result: BeatResult
  readonly why?: BeatRefusal
  /** A sentence with the next step. */
  readonly detail?: string
}

/** The last time that heartbeats of an id were refused: what `explain` shows to whoever looks for it. */
export interface Refused {
  readonly at: Instant
  readonly why: BeatRefusal
  /** Address that the heartbeat named, '' for none. */
  readonly from: string
  /** Whose credential it came by. */
  readonly by: string
  /** Since this process began to remember it. */
  readonly count: number
}

export interface Beats {
  /**
   * The usual case, without a promise: an outcome at once where nothing has to be written; null: `take` it. `caller`
   * may speak for itself and what is below it when its credential has a subject.
   */
  takeNow(beat: Heartbeat, caller: Caller, now: Instant): BeatOutcome | null
  /** As `takeNow`, of many, at half the cost. `into` gets one for each. */
  takeAllNow(beats: readonly Heartbeat[], caller: Caller, now: Instant, into: (BeatOutcome | null)[]): void
  /** Durable before it resolves, where anything changes. One outcome each, in order. Never rejects for one of them. */
  take(beats: readonly Heartbeat[], caller: Caller): Promise<readonly BeatOutcome[]>
  /** Counts one that could not be read, for the fault that decode.ts found. */
  unreadable(fault: string): BeatOutcome
  /** null: none that is remembered; the oldest are forgotten first. */
  refusedOf(ref: ServiceRef): Refused | null
}
