/**
 * Looks at repositories when it is time, or when somebody says that it is worth it, and keeps what it saw. Outside of
 * the engine's passes: a registry that hangs delays no other, and as long as nothing moves the engine is not woken.
 */
import type { Source } from '../../../engine/source.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { Release, StageKey } from '../model.ts'

export interface Place {
  readonly registry: string
  readonly image: string
}

export interface PlaceStatus extends Place {
  readonly stages: readonly StageKey[]
  readonly lookedAt: Instant | null
  /** null: not polled (all of its stages say so), or nobody watches it here. */
  readonly nextAt: Instant | null
  /** Polled less often, because a webhook has been seen to tell of it. */
  readonly slowedDown: boolean
  readonly looking: boolean
  readonly failures: number
  /** Requests of the last look. */
  readonly requests: number
}

export interface Watch {
  /**
   * The source of one deployer's sync: a scope for each repository that one of its stages follows. As long as its
   * `hints` run, the repositories are polled.
   */
  sourceOf(deployer: string): Source<Release>
  /**
   * Something was pushed there, or a person asks. A look begins as soon as those that are to come together have; it is
   * repeated until one succeeds. Resolves once it is known which stages follow it.
   */
  hint(place: Place, why: 'webhook' | 'asked', tag: string | null): readonly StageKey[]
  /** Looks now, joining a look that has not begun its requests; resolves when it is over and the engine knows. */
  look(place: Place, signal: AbortSignal): Promise<void>
  places(): readonly PlaceStatus[]
  /** How often stages without a schedule of their own are polled; at once. */
  reschedule(): void
  /** Ends timers and requests; resolves once none is left. */
  close(): Promise<void>
}
