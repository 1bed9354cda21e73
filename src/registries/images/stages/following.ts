/** Follows what the ledger tells of one noun, whoever wrote it: so is kept in memory what it holds. */
import type { Event, Journal, Seq } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'

export interface Following {
  /** From here on. */
  start(after: Seq): void
  stop(): Promise<void>
}

export interface FollowingParts {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  /** `stage.`, or one type as a whole. */
  readonly type: string
  /** Told again of events that it could not take. */
  take(events: readonly Event[]): Promise<void>
}

/** Shortest time between two reads, however often the ledger moves. */
const rest: Ms = 50
const retryAfter: Ms = 1_000
const page = 500

export function createFollowing({ journal, clock, logger, type, take }: FollowingParts): Following {
  const stopping = new AbortController()
  let last: Seq = 0
  let unsubscribe = (): void => {}
  let waiting = false
  let running: Promise<void> = Promise.resolve()

  async function read(): Promise<void> {
    const head = await journal.head()
    for (;;) {
      const events = await journal.events({ type, after: last, before: head.seq + 1, limit: page })
      if (events.length > 0) await take(events)
      last = events.length < page ? Math.max(last, head.seq) : events.at(-1)!.seq
      if (events.length < page) return
    }
  }

  /** One at a time; a move of the ledger while it waits is covered by the read that follows. */
  async function readSoon(): Promise<void> {
    let wait = rest
    while (!stopping.signal.aborted) {
      await clock.sleep(wait, stopping.signal)
      if (stopping.signal.aborted) return
      waiting = false
      try {
        return await read()
      } catch (thrown) {
        if (stopping.signal.aborted) return
        waiting = true
        wait = retryAfter
        logger.warn({ err: thrown, type }, 'the ledger could not be followed; what is new is seen later')
      }
    }
  }

  function moved(): void {
    if (waiting || stopping.signal.aborted) return
    waiting = true
    running = Promise.all([running, readSoon()]).then(() => {})
  }

  return {
    start(after) {
      last = after
      unsubscribe = journal.subscribe(moved)
      // What was written since `after` was asked.
      moved()
    },
    async stop() {
      unsubscribe()
      stopping.abort(null)
      await running
    },
  }
}
