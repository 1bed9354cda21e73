/** What a repository is to be looked at for: what was asked for, and what failed and is tried again. */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { fullJitter, type Backoff, type Random } from '../../../kernel/retry.ts'
import { emptyJob, merge, type Job } from './job.ts'

export interface Errands {
  /** When what was asked for may begin; null: nothing was. */
  readonly wantedAt: Instant | null
  /** When what failed is tried again. */
  readonly owedAt: Instant | null
  /** Looks that failed in a row. */
  readonly failures: number
  want(job: Job, at: Instant): void
  /** Not before the registry allows. */
  repeat(job: Job, until: Instant | null): void
  /** All of it, for one look; nothing is left then. */
  take(): Job
  succeeded(): void
}

/** At least a second later. */
const backoff: Backoff = { first: 10_000, most: 300_000 }
const leastWait: Ms = 1_000

export function createErrands({ clock, random }: { readonly clock: Clock; readonly random: Random }): Errands {
  let wanted: { readonly job: Job; readonly at: Instant } | null = null
  let owed: { readonly job: Job; readonly at: Instant } | null = null
  let failures = 0

  return {
    get wantedAt() {
      return wanted?.at ?? null
    },
    get owedAt() {
      return owed?.at ?? null
    },
    get failures() {
      return failures
    },
    want(job, at) {
      wanted = wanted === null ? { job, at } : { job: merge(wanted.job, job), at: Math.min(wanted.at, at) }
    },
    repeat(job, until) {
      const wait = leastWait + fullJitter(failures, backoff, random)
      failures += 1
      owed = { job, at: Math.max(clock.now() + wait, until ?? 0) }
    },
    take() {
      const job = merge(merge(emptyJob(), wanted?.job ?? null), owed?.job ?? null)
      wanted = null
      owed = null
      return job
    },
    succeeded() {
      failures = 0
    },
  }
}
