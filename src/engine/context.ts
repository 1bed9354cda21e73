/** What the stages of one sync share. Made by sync.ts; tests make their own. */
import type { Clock } from '../kernel/clock.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Backoff, Random } from '../kernel/retry.ts'
import type { Limits, SyncSpec } from './engine.ts'
import type { Committed, EventDraft, Fact, Fence, Journal, Quiet } from './journal.ts'

export interface Context<I = unknown> {
  readonly spec: SyncSpec<I>
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The lease under which this sync writes; throws AppError `journal.fenced` once it is lost. */
  fence(): Fence
  /** Aborts when the sync stops. */
  readonly signal: AbortSignal
}

export const standardLimits: Limits = { look: 30_000, identity: 5_000, apply: 60_000, scopes: 8 }

/** A target that does not answer is tried again this soon; deliveries that failed on their own, too. */
export const standardBackoff: Backoff = { first: 500, most: 60_000 }

export function limitsOf(spec: { readonly limits?: Partial<Limits> }): Limits {
  return { ...standardLimits, ...spec.limits }
}

/** Commits under the sync's fence; every write of a pass goes through here. */
export function commit(context: Context, facts: readonly Fact[], quiet: readonly Quiet[] = []): Promise<Committed[]> {
  if (facts.length === 0 && quiet.length === 0) return Promise.resolve([])
  return context.journal.commit(facts, { fence: context.fence(), quiet })
}

/** All of it or, where a condition does not hold any more, nothing: false. */
export async function commitWhole(
  context: Context,
  facts: readonly Fact[],
  quiet: readonly Quiet[] = [],
): Promise<boolean> {
  if (facts.length === 0 && quiet.length === 0) return true
  const results = await context.journal.commit(facts, { fence: context.fence(), quiet, atomic: true })
  return !results.includes('conflict')
}

/** The event of something that happened to this sync. */
export function tell(context: Context, type: string, about: Omit<EventDraft, 'type' | 'sync'>): EventDraft {
  return { type, sync: context.spec.name, ...about }
}
