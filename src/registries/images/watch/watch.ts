/**
 * Looks at repositories when it is time, or when somebody says that it is worth it, and keeps what it saw. Outside of
 * the engine's passes: a registry that hangs delays no other, and as long as nothing moves the engine is not woken.
 */
import type { Journal } from '../../../engine/journal.ts'
import type { Source } from '../../../engine/source.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Random } from '../../../kernel/retry.ts'
import type { Release, Result, StageKey } from '../model.ts'
import type { ImageRegistry } from '../registry-types/image-registry.ts'
import type { Book } from '../stages/book.ts'

/** What create-watch.ts makes a watch of. */
export interface WatchParts {
  readonly book: Pick<Book, 'stages' | 'stage' | 'state' | 'subscribe' | 'observed' | 'polledAt'>
  /** Resolves once the book knows all stages: no look answers before, or they would all be gone. */
  readonly ready: () => Promise<void>
  readonly registries: ReadonlyMap<string, ImageRegistry>
  readonly journal: Pick<Journal, 'select' | 'commit'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly settings: WatchSettings
  /** Tag of what is deployed at a stage, as far as the ledger knows. */
  readonly deployed: (key: StageKey) => string | null
  /**
   * Whether this replica runs the deployer's sync. Only one that does asks registries by itself; the others are
   * ready to. Default: always.
   */
  readonly runs?: (deployer: string) => boolean
  readonly measures?: Measures
}

export interface WatchSettings {
  /** How often stages without a schedule of their own are polled. Asked each time. */
  readonly pollInterval: () => Ms
  /** Webhooks of one repository that come within this time are answered by one look; 0: at once. Default 1 s. */
  readonly coalesce?: Ms
  /** How long the engine waits for a look; it goes on beside, and tells when it ends. Default 10 s. */
  readonly patience?: Ms
  /** How often at most it is asked whether the chosen tag of a list without digests has moved. Default 1 h. */
  readonly recheck?: Ms
}

export interface Measures {
  /** What looking for the newest version of one stage came to. */
  checked(registry: string, result: Result): void
  /** One look at a repository, with all requests of it. */
  looked(registry: string, took: Ms): void
}

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
   * repeated until one succeeds. Answers which stages follow it. A replica that runs none of their syncs answers the
   * same, and does nothing: see `runs`.
   */
  hint(place: Place, why: 'webhook' | 'asked', tag: string | null): readonly StageKey[]
  /** Whether this replica runs the sync of any stage that follows it: a hint given here has a look made. */
  runs(place: Place): boolean
  /** Looks now, joining a look that has not begun its requests; resolves when it is over and the engine knows. */
  look(place: Place, signal: AbortSignal): Promise<void>
  places(): readonly PlaceStatus[]
  /** How often stages without a schedule of their own are polled; at once. */
  reschedule(): void
  /** Ends timers and requests; resolves once none is left. */
  close(): Promise<void>
}
