/**
 * Changes registrations: every one is durable, with its event, before it is answered, and in memory when it is. Two
 * changes of one service never cross: each names the version that it was decided on, and is decided anew when that
 * has moved.
 */
import type { Fence } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { AppError } from '../../../kernel/errors.ts'
import type { JsonObject } from '../../../kernel/json.ts'
import type { Refusal, Trigger } from '../lifecycle.ts'
import type { Metadata, Registration, ServiceRef } from '../model.ts'
import type { Slot } from '../roster/roster.ts'

/** On whose behalf. Goes into the event. */
export interface By {
  /** `token:ci`, `job:mark-inactive`, or 'system' of what follows from a heartbeat. */
  readonly actor: string
  /** Address of the peer, where there is one. */
  readonly from?: string
  /** What a person wrote. */
  readonly reason?: string
  /** Reason constant of the rule that decided, where no person did: 'service-silent'. */
  readonly rule?: string
}

export interface Asked extends Registration {
  /** Of a checker: its agent must be one of this poller; '' or left out: whatever poller its agent has. */
  readonly poller?: string
}

/** `changed`: by an edit. */
export type RegisterResult = 'registered' | 'claimed' | 'unchanged' | 'changed'

export interface Registered {
  readonly result: RegisterResult
  readonly slot: Slot
}

export interface TransitOptions extends By {
  readonly at: Instant
  /** Only if its version is still this (If-Match): else `request.precondition`. */
  readonly ifSeq?: number
  /**
   * What is below it with it, all or none (above 2,000 in several steps, each of them whole). One that is in use
   * refuses it for all; left out is to whom it does not apply (is not revoked, was never heard of …).
   */
  readonly cascade?: boolean
  /** Purges what is pending or active, too. */
  readonly force?: boolean
  /** Goes into the event besides. */
  readonly data?: JsonObject | ((slot: Slot) => JsonObject)
  /** Only while this lease is held: else `journal.fenced`, and nothing is written. */
  readonly fence?: Fence
}

/** `data.why` of `services.transition`; docs/reasons.md. */
export type TransitRefusal = Refusal | 'service-has-children' | 'service-grace-over'

export type Transited =
  | { readonly is: 'done'; readonly slots: readonly Slot[] }
  /** It was so already. */
  | { readonly is: 'same' }

export interface Edit {
  readonly metadata?: Metadata
  readonly interval?: number | null
  readonly inactiveAfter?: number | null
  readonly spiffe?: string | null
  /** Another parent of the same type: moves it, and what is below it. */
  readonly parent?: string
}

export interface Registrations {
  /**
   * One result for each, in order: an AppError for what cannot be (`services.exists` with the differences,
   * `services.parent`). Of one batch, parents may come before or after their children. `seenAt`: implicit ones by a
   * heartbeat, active at once, with both events; one that is there by now, whatever its status, is `unchanged`: look at
   * it anew. Throws what the journal throws when nothing was written.
   */
  register(asked: readonly Asked[], by: By, at: Instant, seenAt?: Instant): Promise<readonly (Registered | AppError)[]>
  /** Throws AppError for what the lifecycle refuses (`services.transition`), naming why and what would help. */
  transit(slot: Slot, trigger: Exclude<Trigger, 'silence'>, options: TransitOptions): Promise<Transited>
  /**
   * Many at once, of one kind (heartbeats that activate, the mark-inactive job). Answers those that this call changed:
   * left out is who could not, and who is so already (another call was first). Throws what the journal throws.
   */
  transitAll(slots: readonly Slot[], trigger: Trigger, options: TransitOptions): Promise<readonly Slot[]>
  edit(slot: Slot, edit: Edit, by: By & { readonly ifSeq?: number }, at: Instant): Promise<Registered>
  /** What a transition would touch: the service, and with `cascade` all below it. */
  below(slot: Slot): readonly Slot[]
  refOf(slot: Slot): ServiceRef
  /** What other replicas wrote, where there are any. Resolves when all up to the head of now is known. */
  follow(): Promise<void>
  load(): Promise<void>
  start(): void
  stop(): Promise<void>
}
