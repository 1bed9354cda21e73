/** Changes of keys, told from the journal's events: whoever made them, on this replica or another. */
import type { Changed } from '../kernel/key-value.ts'
import type { Journal } from '../engine/journal.ts'

/** Events read at once. */
const page = 1000
/** A reader that is further behind does better to look at everything. */
const farBehind = 10_000

/** See KeyValue.watch. */
export async function* watchKeys(
  journal: Journal,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<readonly Changed[] | null, void> {
  let wake = () => {}
  let moved = false
  const stir = () => {
    moved = true
    wake()
  }
  // Before the head is read: what comes in between is not missed.
  const unsubscribe = journal.subscribe(stir)
  signal.addEventListener('abort', stir, { once: true })
  try {
    let at = (await journal.head()).seq
    yield []
    while (!signal.aborted) {
      if (!moved) await new Promise<void>((resolve) => (wake = resolve))
      moved = false
      if (signal.aborted) return
      const { seq } = await journal.head()
      if (seq - at > farBehind) {
        at = seq
        yield null
        continue
      }
      while (at < seq && !signal.aborted) {
        const read = await changesAfter(journal, at, seq)
        at = read.at
        const below = read.changes.filter(({ key }) => key.startsWith(prefix))
        if (below.length > 0) yield below
      }
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', stir)
  }
}

async function changesAfter(
  journal: Journal,
  after: number,
  upTo: number,
): Promise<{ at: number; changes: Changed[] }> {
  const events = await journal.events({ type: 'kv.', after, before: upTo + 1, limit: page })
  const last = events.at(-1)
  const changes = new Map<string, Changed>()
  for (const { key, seq } of events) if (key !== undefined) changes.set(key, { key, revision: seq })
  return { at: events.length < page || last === undefined ? upTo : last.seq, changes: [...changes.values()] }
}
