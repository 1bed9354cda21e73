/**
 * When each service was last heard of. Memory is the truth; the log in the ledger is up to a second behind, and only
 * there for the next process.
 */
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { Seen } from '../model.ts'
import type { Slot } from '../roster/roster.ts'

/** What a heartbeat says beside who sent it. 0 and '' where it says nothing: objects with optional fields cost more. */
export interface Beat {
  /** By the sender's clock; 0: it did not say. */
  readonly at: Instant
  readonly healthy: boolean | null
  /** Of this start of the sender; '': it did not say. */
  readonly boot: string
  /** Grows with each heartbeat of one boot; -1: it did not say. */
  readonly sequence: number
}

/**
 * taken      it counts
 * repeated   the same sequence of the same boot again, or an older one: nothing changed, and that is well
 * restarted  it counts, and its sender began anew
 * duplicate  it counts, and two senders take turns under one id
 */
export type Heard = 'taken' | 'repeated' | 'restarted' | 'duplicate'

export interface Liveness {
  /** Whoever is heard of here is active already, or just became so. O(1), no allocation. */
  heard(slot: Slot, beat: Beat, now: Instant): Heard
  /** Brings near what `heard` will look at: memory is waited for once and not for each. noSlot is left out. */
  bring(slots: Int32Array, count: number): void
  seen(slot: Slot): Seen
  lastSeen(slot: Slot): Instant
  /** Silence in ms by the lease clock, in which no time counts that the registry was down or stalled. */
  silence(slot: Slot): Ms
  isLate(slot: Slot): boolean
  /**
   * Its interval, threshold or status changed, or it is gone: when it is due is computed anew. Whoever became active is
   * silent from now on, however long it had been.
   */
  changed(slot: Slot): void
  /** Active ones whose silence is above their threshold, those due first; the caller decides what becomes of them. */
  overdue(most: number): Slot[]
  /** Turned late or well again since the last call: for telling watchers. Bounded; null: too many, look at all. */
  takeChanged(): readonly Slot[] | null
  counts(): { readonly late: number; readonly dirty: number; readonly flushLag: Ms; readonly tracked: number }
  /** Reads the log, when the roster is read; before anything else. */
  load(): Promise<void>
  /** From now on silence counts; nobody is late or overdue before the time of being late has passed once. */
  start(): void
  /** Writes what is not written. */
  stop(): Promise<void>
}
