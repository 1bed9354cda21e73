/**
 * One way to bring a version to a stage. Adding one: a file beside this, and a line in index.ts. target.ts makes a
 * target of the engine of each: it keeps deploys going beside passes, resumes and supersedes them, and turns results
 * into outcomes, so that a deployer is one function that may be called again.
 */
import type { Ms } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { AppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Release, Stage, StageKey } from '../model.ts'

export interface DeployRequest {
  readonly stage: Stage
  readonly release: Release
  /** Bound to stage and revision: the same for every repetition of this deploy, also by another process. */
  readonly effectId: string
  /** What the ledger believes runs there now; null: nothing of ours. */
  readonly was: { readonly revision: Digest; readonly tag: string | null } | null
  /** For pulling; null: without. */
  readonly credential: { readonly username: string; readonly password: string } | null
}

export interface DeployTools {
  /** What `pending` gave before: go on from there. null: this is the first call of this process for this effect. */
  readonly handle: Json
  /** A step that a person may want to see: "pulling", "probing (2 of 3)". Shown while it goes on, kept with the result. */
  say(step: string): void
  /** Throws `journal.fenced` once another replica has the deployer; to be called before each effect. */
  fence(): void
}

export type DeployResult =
  /** It runs, and was seen to. `ref`: what to look for there (a container, a generation, an answer's id). */
  | { readonly is: 'deployed'; readonly ref?: string; readonly detail?: string }
  /** It did not come up, and what ran before runs on, or again. Not tried again before a newer version, or a person. */
  | { readonly is: 'rolled-back'; readonly why: string }
  /**
   * It can never work so: an image for another platform, an answer that it is not wanted. `until` as of an outcome.
   * What somebody may put right over there (no such workload, no right to change it) is `failed` without effect, for
   * that is tried again.
   */
  | { readonly is: 'refused'; readonly why: string; readonly until: 'item' | 'target' }
  /** Taken, and not true yet: call again with the handle. */
  | { readonly is: 'pending'; readonly handle: Json; readonly again: Ms; readonly detail?: string }
  | { readonly is: 'failed'; readonly error: AppError; readonly effect: 'none' | 'unknown' }

export interface Running {
  readonly key: StageKey
  /** The revision that it was deployed as; of what somebody else deployed the image's digest; null: only a tag can be told. */
  readonly revision: Digest | null
  readonly tag: string | null
  /** It says itself that we deployed it. */
  readonly owned: boolean
}

export interface Deployer {
  readonly name: string
  readonly type: 'docker' | 'kubernetes' | 'webhook' | 'command'
  /** Of all that changes what a deploy does. */
  readonly fingerprint: string
  /**
   * keyed    called again with the same effect id, also after a crash, it goes on or has no effect
   * unsafe   neither: at most once, and then a person is asked
   */
  readonly repeat: 'keyed' | 'unsafe'
  /** false: it has to come to its end before the next may begin (a command); true: aborting it leaves nothing half. */
  readonly abortable: boolean
  /** Longest that one deploy may take. */
  readonly bound: Ms
  identity(signal: AbortSignal): Promise<string>
  /**
   * What runs at these stages; those without anything are left out. Rejects when it cannot be told. Absent: it cannot
   * be looked at.
   */
  look?(stages: readonly Stage[], signal: AbortSignal): Promise<readonly Running[]>
  /** Rejections count as `failed`: of class reject without effect, of any other with an unknown one. */
  deploy(request: DeployRequest, tools: DeployTools, signal: AbortSignal): Promise<DeployResult>
  close(): Promise<void>
}
