/** How GitHub wants to be asked: one request after the other, a second between two writes, and not at all when it says so. */
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createSlots } from '../../kernel/slots.ts'

export interface Manners {
  /** Waits for its turn; the function gives it back. Rejects with `aborted`, or with what `tooLong` makes of a wait. */
  enter(kind: 'read' | 'write', tooLong: (wait: Ms) => AppError, signal: AbortSignal): Promise<() => void>
  /** Nobody asks anything for so long. */
  rest(wait: Ms): void
  /** Limits that were met since the last answer that was none. */
  readonly limitsInARow: number
  /** An answer that was no limit. */
  answered(): void
}

/** Between the end of a write and the next one (docs: best practices for using the REST API). */
const betweenWrites: Ms = 1000
/** Longer than this nobody waits inside: whoever asked shows the wait and comes again. */
export const patience: Ms = 30_000

/** For all who use the same credentials. */
export function createManners(clock: Pick<Clock, 'monotonic' | 'sleep'>): Manners {
  const turns = createSlots(1)
  let restUntil: Instant = 0
  let written: Instant | null = null
  let limitsInARow = 0

  return {
    async enter(kind, tooLong, signal) {
      const leave = await turns.take(signal).catch(() => Promise.reject(aborted(signal)))
      try {
        for (;;) {
          const now = clock.monotonic()
          const rest = restUntil - now
          if (rest > patience) throw tooLong(rest)
          const pause = kind === 'write' && written !== null ? written + betweenWrites - now : 0
          const wait = Math.max(rest, pause)
          if (wait <= 0) break
          await clock.sleep(Math.max(1, wait), signal)
          if (signal.aborted) throw aborted(signal)
        }
      } catch (thrown) {
        leave()
        throw thrown
      }
      return () => {
        if (kind === 'write') written = clock.monotonic()
        leave()
      }
    },
    rest(wait) {
      limitsInARow += 1
      restUntil = Math.max(restUntil, clock.monotonic() + wait)
    },
    get limitsInARow() {
      return limitsInARow
    },
    answered() {
      limitsInARow = 0
    },
  }
}

function aborted(signal: AbortSignal): AppError {
  const reason: unknown = signal.reason
  return reason instanceof AppError ? reason : new AppError('aborted', 'a request to GitHub', { cause: reason })
}
