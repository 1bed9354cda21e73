/** Follows what other replicas write, where there are any. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Ledger } from './ledger.ts'

/** Shortest time between two reads of what is new, however often the journal moves. */
const followEvery: Ms = 100
const retryAfter: Ms = 1_000

export interface Following {
  start(): void
  stop(): Promise<void>
}

export function createFollowing(
  { journal, clock, logger }: { journal: Journal; clock: Clock; logger: Logger },
  ledger: Pick<Ledger, 'follow' | 'shared'>,
): Following {
  const stopping = new AbortController()
  let unsubscribe = (): void => {}
  let waiting = false
  let running: Promise<void> = Promise.resolve()

  /** One at a time; a move of the journal while it waits is covered by the read that follows. */
  async function followSoon(): Promise<void> {
    let wait = followEvery
    while (!stopping.signal.aborted) {
      await clock.sleep(wait, stopping.signal)
      waiting = false
      try {
        if (!stopping.signal.aborted) await ledger.follow()
        return
      } catch (thrown) {
        waiting = true
        wait = retryAfter
        logger.warn({ err: thrown }, 'registrations of other replicas could not be read; they are seen later')
      }
    }
  }

  function moved(): void {
    if (waiting) return
    waiting = true
    running = Promise.all([running, followSoon()]).then(() => {})
  }

  return {
    start() {
      if (!ledger.shared) return
      unsubscribe = journal.subscribe(moved)
      // What was written since it was loaded.
      moved()
    },
    async stop() {
      unsubscribe()
      stopping.abort()
      await running
    },
  }
}
