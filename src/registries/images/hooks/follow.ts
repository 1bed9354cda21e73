/** What webhooks told of, whichever replica took it, in the order of the ledger. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock, Instant } from '../../../kernel/clock.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { createFollowing } from '../stages/following.ts'

/** The event of the ledger that tells of a push; its `data` is a `Taken` but for the time. */
export const takenEvent = 'webhook.taken'

export interface Taken {
  readonly hook: string
  /** Of its row. */
  readonly id: string
  readonly at: Instant
  readonly registry: string
  readonly image: string
  /** null: it does not say, or names only one of several. */
  readonly tag: string | null
  /** Stages for which it was worth a look. */
  readonly matched: number
  /** Which process took it. */
  readonly by: string
}

export interface FollowOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly logger: Logger
  /** Told again of those after which it threw. */
  readonly onEvent: (event: Taken) => void
}

export interface HookFollowing {
  /** Resolves once nothing is missed from here on. Nobody needs what was taken before: all is looked at at start. */
  start(): Promise<void>
  stop(): Promise<void>
}

export function followHookEvents({ journal, clock, logger, onEvent }: FollowOptions): HookFollowing {
  const following = createFollowing({
    journal,
    clock,
    logger,
    type: takenEvent,
    take(events) {
      for (const { at, data } of events) onEvent(takenOf(at, data))
      return Promise.resolve()
    },
  })
  return {
    async start() {
      following.start((await journal.head()).seq)
    },
    stop: following.stop,
  }
}

/** We alone write these events. */
export function takenOf(at: Instant, data: Json | undefined): Taken {
  return { ...(data as unknown as Omit<Taken, 'at'>), at }
}
