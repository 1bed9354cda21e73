/** Who waits in quarantine, in memory. Where other replicas let in and send away too, it follows their events. */
import type { Journal, Seq } from '../../../engine/journal.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { refOf, refText } from '../model.ts'
import { quarantine as table, type QuarantineRow } from '../tables.ts'

export interface Waiting {
  load(): Promise<void>
  get(key: string): QuarantineRow | undefined
  set(key: string, row: QuarantineRow): void
  delete(key: string): void
  size(): number
  /** Others may have changed it since it was last read: `catchUp` before anything rests on it. */
  isStale(): boolean
  catchUp(): Promise<void>
}

/** Where others write, too, it may be so far behind. */
const behind: Ms = 1_000
const page = 1_000

export function createWaiting(journal: Journal, clock: Clock): Waiting {
  const rows = new Map<string, QuarantineRow>()
  let cursor: Seq = 0
  let readAt: Instant = -Infinity
  let reading: Promise<void> | null = null

  const follow = async () => {
    const at = clock.now()
    for (;;) {
      const events = await journal.events({ after: cursor, type: 'quarantine.', limit: page })
      for (const { seq, type, key = '' } of events) {
        const ref = refOf(key)
        if (ref !== null && rows.has(key) !== (type === 'quarantine.entered')) {
          // What came of it since may be more than this event says.
          const row = await journal.get(table, { type: ref.type, id: ref.id })
          if (row === null) rows.delete(key)
          else rows.set(key, row)
        }
        cursor = seq
      }
      if (events.length < page) break
    }
    readAt = at
  }

  const isStale = () => journal.shared === true && Math.abs(clock.now() - readAt) >= behind

  return {
    async load() {
      cursor = (await journal.head()).seq
      for (const row of await journal.select(table)) rows.set(refText(row), row)
      readAt = clock.now()
    },
    get: (key) => rows.get(key),
    set: (key, row) => void rows.set(key, row),
    delete: (key) => void rows.delete(key),
    size: () => rows.size,
    isStale,
    async catchUp() {
      if (!isStale()) return
      reading ??= follow().finally(() => {
        reading = null
      })
      await reading
    },
  }
}
