/** How often stages without a schedule of their own are polled: as the config says, until a person says otherwise. */
import { put, type Journal } from '../../../engine/journal.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { formatDuration } from '../../../kernel/duration.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { imageSettings } from '../tables.ts'
import { createFollowing } from './following.ts'

export interface PollInterval {
  /** In force now. */
  get(): Ms
  /** As the config has it. */
  readonly configured: Ms
  /** null: as the config has it. Throws AppError `request.invalid` below `shortestPoll`. */
  set(interval: Ms | null, by: string): Promise<void>
  /** Calls back after it changed, by whomever. */
  subscribe(listener: () => void): () => void
  start(): Promise<void>
  close(): Promise<void>
}

export const shortestPoll: Ms = 10_000

const name = 'images'

export function createPollInterval(
  parts: { readonly journal: Journal; readonly clock: Clock; readonly logger: Logger },
  configured: Ms,
): PollInterval {
  const { journal } = parts
  const listeners = new Set<() => void>()
  const following = createFollowing({ ...parts, type: 'poll-interval.changed', take: read })
  let chosen: Ms | null = null

  function choose(interval: Ms | null): void {
    if (interval === chosen) return
    chosen = interval
    for (const listener of listeners) listener()
  }

  async function read(): Promise<void> {
    choose((await journal.get(imageSettings, { name }))?.pollInterval ?? null)
  }

  return {
    get: () => chosen ?? configured,
    configured,
    async set(interval, by) {
      if (interval !== null && interval < shortestPoll) {
        const detail = `the interval is shorter than ${formatDuration(shortestPoll)}; registries would refuse us`
        throw new AppError('request.invalid', detail)
      }
      const event = { type: 'poll-interval.changed', actor: by, data: { interval } }
      await journal.commit([put(imageSettings, { name, pollInterval: interval, by }, event)])
      choose(interval)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async start() {
      const { seq } = await journal.head()
      await read()
      if (journal.shared) following.start(seq)
    },
    close: () => following.stop(),
  }
}
