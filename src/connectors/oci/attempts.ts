/** Asks again what may be asked again: reads that ended without an answer, or with one that says "later". */
import type { Clock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { fullJitter, type Backoff, type Random } from '../../kernel/retry.ts'
import { asUnavailable, whyOf } from './failure.ts'
import { patience, type Gate } from './gate.ts'

export interface Attempts {
  /** In a place of the gate, until it succeeds, fails for good, or has been tried often enough. */
  run<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T>
}

export interface AttemptParts {
  readonly gate: Gate
  readonly clock: Clock
  readonly random: Random
  readonly where: string
  /** All together. */
  readonly most: number
}

/** Few and short: whoever asked has a schedule of its own. */
export const backoff: Backoff = { first: 250, most: 4000 }
export const usualAttempts = 3

export function createAttempts({ gate, clock, random, where, most }: AttemptParts): Attempts {
  return {
    async run(work, signal) {
      for (let attempt = 1; ; attempt++) {
        const leave = await gate.enter(signal)
        let error: unknown
        try {
          const result = await work(signal)
          gate.ended(null)
          return result
        } catch (thrown) {
          error = asUnavailable(thrown, where)
        } finally {
          leave()
        }
        judge(gate, error)
        if (attempt >= most || !mayHelp(error)) throw error
        await clock.sleep(fullJitter(attempt - 1, backoff, random), signal)
      }
    },
  }
}

/** Tells the gate what an error says about its host. */
export function judge(gate: Gate, error: unknown): void {
  if (!(error instanceof AppError)) return
  const { retryAfter } = error.data
  const why = whyOf(error)
  if (why === 'rate-limited') gate.rest(typeof retryAfter === 'number' ? retryAfter : null)
  else if (why !== undefined)
    gate.ended(why === 'network' || why === 'timed-out' || why === 'server-error' ? error : null)
}

/** Not after a time-out: whoever let one request hang lets the next one hang as well, and each costs half a minute. */
export function mayHelp(error: unknown): boolean {
  if (!(error instanceof AppError)) return false
  const { retryAfter } = error.data
  if (typeof retryAfter === 'number' && retryAfter > patience) return false
  const why = whyOf(error)
  return why === 'network' || why === 'server-error' || why === 'rate-limited'
}
