/** The ledger's moves as a stream, for whoever follows it. */
import type { Journal } from './journal.ts'

/** Yields at once, and then each time after the ledger moved; moves while nobody asks are one. Ends with the signal. */
export async function* moves(journal: Pick<Journal, 'subscribe'>, signal: AbortSignal): AsyncGenerator<void> {
  let moved = true
  let wake = () => {}
  const unsubscribe = journal.subscribe(() => {
    moved = true
    wake()
  })
  const stop = () => wake()
  signal.addEventListener('abort', stop, { once: true })
  try {
    while (!signal.aborted) {
      if (moved) {
        moved = false
        yield
        continue
      }
      const woken = Promise.withResolvers<void>()
      wake = woken.resolve
      if (!moved && !signal.aborted) await woken.promise
    }
  } finally {
    signal.removeEventListener('abort', stop)
    unsubscribe()
  }
}
