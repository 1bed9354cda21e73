/** How many requests are at one host at a time, how fast, and when none: what all who ask there share. */
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { fullJitter, spread, type Random } from '../../kernel/retry.ts'
import { createSlots } from '../../kernel/slots.ts'
import { unavailable } from './failure.ts'

export interface Gate {
  /**
   * Waits for a place, and until the host may be asked; the function gives the place back. Blobs have places of
   * their own, for who takes one chunk by chunk may ask for something else meanwhile. Rejects at once when the host
   * wants to be left alone for long.
   */
  enter(signal: AbortSignal, lane?: Lane): Promise<() => void>
  /** The same for who has a place already. */
  ready(signal: AbortSignal): Promise<void>
  /** The host wants to be left alone: nobody goes there meanwhile. null: it does not say for how long; longer each time. */
  rest(wait: Ms | null): void
  /** How an attempt ended; after many failures in a row nobody goes there for a while. null: it answered. */
  ended(failure: AppError | null): void
  /** It says how many requests are left, and for how long that holds. */
  left(count: number, over: Ms): void
  /** Before what is counted: throws when what is left is to be left over. */
  spend(): void
}

export type Lane = 'answers' | 'blobs'

export interface GateOptions {
  readonly host: string
  readonly clock: Clock
  readonly random: Random
  /** Places in each lane. */
  readonly concurrency: number
  /** A second. */
  readonly rate?: number
  /** Requests to leave over where the host says how many are left. Default 0. */
  readonly minRemaining?: number
}

/** Longer than this nobody waits inside: the loop outside shows the wait and comes again. */
export const patience: Ms = 30_000
/** What a host may ask for at most. */
const longestRest: Ms = 3_600_000
/** Twice the concurrency, and never fewer than this: one burst into a restarting host is not the end. */
const leastFailures = 8
const pauseAfterFailures: Ms = 5000

/** Of a host that wants to be left alone without a word of how long. */
const unsaid = { first: 1000, most: 300_000 } as const

export function createGate({ host, clock, random, concurrency, rate, minRemaining = 0 }: GateOptions): Gate {
  const failuresInARow = Math.max(leastFailures, 2 * concurrency)
  const lanes = { answers: createSlots(concurrency), blobs: createSlots(concurrency) }
  let restUntil: Instant = 0
  let nextTurn: Instant = 0
  let failures = 0
  let closed: { until: Instant; why: AppError } | null = null
  let restsInARow = 0
  let spare: { count: number; until: Instant } | null = null

  /** Milliseconds until the next may go; 0: now, and its turn is taken. */
  function due(): Ms {
    const now = clock.monotonic()
    if (closed !== null && now < closed.until) throw closed.why
    const rest = restUntil - now
    if (rest > patience) {
      const detail = 'it wants to be left alone for a while; asked again when it allows it'
      throw unavailable('rate-limited', host, detail, { retryAfter: Math.ceil(rest) })
    }
    // Those who waited for the same moment do not come in the same millisecond.
    if (rest > 0) return spread(rest * 1.1, 0.1, random)
    if (rate === undefined) return 0
    if (nextTurn > now) return nextTurn - now
    nextTurn = Math.max(nextTurn, now - 1000 / rate) + 1000 / rate
    return 0
  }

  async function ready(signal: AbortSignal): Promise<void> {
    for (let wait = due(); wait > 0; wait = due()) {
      // Also with a clock that rounds down it goes forward.
      await clock.sleep(Math.max(1, wait), signal)
      if (signal.aborted) throw aborted(host, signal)
    }
  }

  return {
    ready,
    async enter(signal, lane = 'answers') {
      const leave = await lanes[lane].take(signal).catch(() => Promise.reject(aborted(host, signal)))
      try {
        await ready(signal)
      } catch (thrown) {
        leave()
        throw thrown
      }
      return leave
    },
    rest(wait) {
      const said = wait ?? unsaid.first / 2 + fullJitter(restsInARow++, unsaid, random)
      restUntil = Math.max(restUntil, clock.monotonic() + Math.min(said, longestRest))
    },
    ended(failure) {
      if (failure === null) restsInARow = 0
      failures = failure === null ? 0 : failures + 1
      if (failure !== null && failures >= failuresInARow)
        closed = { until: clock.monotonic() + pauseAfterFailures, why: failure }
    },
    left(count, over) {
      spare = { count, until: clock.monotonic() + Math.min(over, longestRest) }
    },
    spend() {
      if (spare === null || spare.count > minRemaining) return
      const wait = spare.until - clock.monotonic()
      if (wait <= 0) return
      const detail = `it lets ${spare.count} more requests through, and ${minRemaining} are to be left over; asked again later`
      throw unavailable('rate-limited', host, detail, { retryAfter: Math.ceil(wait) })
    },
  }
}

function aborted(host: string, signal: AbortSignal): AppError {
  return new AppError('aborted', `a request to ${host}`, { cause: signal.reason })
}
