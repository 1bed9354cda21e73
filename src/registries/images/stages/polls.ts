/** When stages were last polled: exact in memory, written now and then, and at the end. */
import { quietPatch, type Journal } from '../../../engine/journal.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { StageKey } from '../model.ts'
import { imageStages } from '../tables.ts'
import { blankRow, type Polled } from './state.ts'

export interface Polls {
  of(key: StageKey): Polled | null
  note(key: StageKey, at: Instant, tag: string | null): void
  forget(key: StageKey): void
  close(): Promise<void>
}

/** Between two writes. */
const writeEvery: Ms = 5 * 60_000

export function createPolls(parts: {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
}): Polls {
  const { journal, clock, logger } = parts
  const polls = new Map<StageKey, Polled>()
  const unwritten = new Set<StageKey>()
  const closing = new AbortController()
  let waiting: Promise<void> | null = null

  /** Where there is no row of a stage yet, a patch does nothing. */
  async function write(): Promise<void> {
    const quiet = [...unwritten].flatMap((key) => {
      const polled = polls.get(key)
      if (!polled) return []
      const { project, stage } = blankRow(key)
      return [quietPatch(imageStages, { project, stage, lastPolledAt: polled.at, lastPolledTag: polled.tag })]
    })
    unwritten.clear()
    if (quiet.length > 0) await journal.commit([], { quiet })
  }

  async function writeLater(): Promise<void> {
    await clock.sleep(writeEvery, closing.signal)
    waiting = null
    if (closing.signal.aborted) return
    await write().catch((thrown: unknown) => logger.warn({ err: thrown }, 'times of polls could not be written'))
  }

  return {
    of: (key) => polls.get(key) ?? null,
    note(key, at, tag) {
      polls.set(key, { at, tag })
      unwritten.add(key)
      waiting ??= writeLater()
    },
    forget: (key) => void polls.delete(key),
    async close() {
      closing.abort(null)
      await waiting
      await write()
    },
  }
}
