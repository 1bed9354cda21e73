/**
 * All stages, those of the config and those that the API made, with what is known of each: kept in memory as the
 * ledger has it, also where other replicas write. Gates, watch and routes read it; nobody else writes these rows.
 */
import type { Instant } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { Result, Stage, StageKey, Version } from '../model.ts'

export interface Pin {
  readonly tag: string
  readonly digest: Digest
  readonly at: Instant
  readonly by: string
  readonly reason: string | null
}

export interface StageState {
  readonly pin: Pin | null
  readonly paused: { readonly at: Instant; readonly by: string; readonly reason: string | null } | null
  readonly approvals: {
    readonly revision: Digest
    readonly by: readonly { readonly name: string; readonly at: Instant }[]
  } | null
  readonly asked: { readonly revision: Digest; readonly by: string; readonly force: boolean } | null
  readonly generation: number
  readonly baseline: Version | null
  /** Of the stage as it was when the baseline was taken; another one: what is known is of another configuration. */
  readonly config: Digest | null
  readonly result: Result | null
  readonly detail: string | null
  readonly resultAt: Instant | null
  readonly lastPolledTag: string | null
  readonly lastPolledAt: Instant | null
}

export interface Observed {
  readonly result: Result
  readonly detail: string | null
  /** The newest version, where there is one. */
  readonly version: Version | null
}

export interface Book {
  /** Reads the ledger and follows it. Resolves once everything is known. */
  start(): Promise<void>
  stages(): readonly Stage[]
  stage(key: StageKey): Stage | null
  /** Of a stage that nothing is known of yet: all empty. */
  state(key: StageKey): StageState
  /** Calls back after a stage or its state changed, by whomever; but not for `polledAt`. Returns what ends it. */
  subscribe(listener: (key: StageKey) => void): () => void

  /**
   * What a look came to, durable before it is told to the engine: the first of a configuration is its baseline. A
   * result that is as it was costs nothing.
   */
  observed(key: StageKey, seen: Observed): Promise<void>
  /** In memory; written now and then. */
  polledAt(key: StageKey, at: Instant, tag: string | null): void

  /**
   * By the API. Throw AppError: `request.not-found`, `request.conflict`; `define` and `remove` of what the config owns
   * `config.owned` with the place; `define` also `request.invalid` with everything that is wrong at once. `expected`:
   * the edition (definition.ts) that is to be replaced, else `request.precondition`; null: whatever is there.
   */
  define(stage: Stage, by: string, expected: 'absent' | Digest | null): Promise<void>
  remove(key: StageKey, by: string, expected?: Digest): Promise<void>
  pin(key: StageKey, pin: Omit<Pin, 'at'>): Promise<void>
  unpin(key: StageKey, by: string): Promise<void>
  pause(key: StageKey, by: string, reason: string | null): Promise<void>
  resume(key: StageKey, by: string): Promise<void>
  /** Answers how many have approved this revision now. Approving twice counts once. */
  approve(key: StageKey, revision: Digest, by: string): Promise<number>
  /** A person wants this revision now. */
  ask(key: StageKey, revision: Digest, by: string, force: boolean): Promise<void>
  /** A person wants what is there once more; answers the new generation. */
  again(key: StageKey, by: string): Promise<number>
  close(): Promise<void>
}
