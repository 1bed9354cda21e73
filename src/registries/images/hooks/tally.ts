/** What became of the webhooks of each hook since this process began, and what was told of last. */
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { HookOutcome } from '../metrics.ts'
import type { Taken } from './follow.ts'

export interface HookTally {
  readonly counts: Readonly<Record<HookOutcome, number>>
  /** When it last sent something true. */
  readonly lastAt: Instant | null
  readonly last: Taken | null
  readonly lastError: { readonly at: Instant; readonly why: HookOutcome; readonly detail: string } | null
}

export interface Tally {
  of(hook: string): HookTally
  /** It proved itself. */
  heard(hook: string): void
  count(hook: string, outcome: HookOutcome, count?: number): void
  /** `detail` must hold nothing of what was sent. */
  failed(hook: string, why: 'refused' | 'invalid' | 'too-many', detail: string): void
  taken(event: Taken): void
  /** The newest first. */
  recent(): readonly Taken[]
}

export interface TallyOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly measure: (hook: string, outcome: HookOutcome, count?: number) => void
}

/** Pushes that are kept to be shown. */
export const mostRecent = 200
/** A sender that is set up wrongly sends on and on. */
const warnEvery: Ms = 60_000

type Kept = { -readonly [K in keyof HookTally]: HookTally[K] } & {
  readonly counts: Record<HookOutcome, number>
  warnedAt: Instant
}

const none = (): Kept => ({
  counts: { 'accepted': 0, 'repeated': 0, 'unmatched': 0, 'ignored': 0, 'refused': 0, 'invalid': 0, 'too-many': 0 },
  lastAt: null,
  last: null,
  lastError: null,
  warnedAt: Number.NEGATIVE_INFINITY,
})

export function createTally({ clock, logger, measure }: TallyOptions): Tally {
  const byHook = new Map<string, Kept>()
  const newest: Taken[] = []

  function ofHook(hook: string): Kept {
    const found = byHook.get(hook) ?? none()
    byHook.set(hook, found)
    return found
  }

  function count(hook: string, outcome: HookOutcome, more = 1): void {
    ofHook(hook).counts[outcome] += more
    measure(hook, outcome, more)
  }

  return {
    of(hook) {
      const { counts, lastAt, last, lastError } = byHook.get(hook) ?? none()
      return { counts: { ...counts }, lastAt, last, lastError }
    },
    heard(hook) {
      ofHook(hook).lastAt = clock.now()
    },
    count,
    failed(hook, why, detail) {
      count(hook, why)
      const own = ofHook(hook)
      own.lastError = { at: clock.now(), why, detail }
      if (clock.now() - own.warnedAt < warnEvery) return
      own.warnedAt = clock.now()
      logger.warn({ hook, why, detail }, 'a webhook was not taken')
    },
    taken(event) {
      ofHook(event.hook).last = event
      newest.push(event)
      if (newest.length > mostRecent) newest.splice(0, newest.length - mostRecent)
    },
    recent: () => newest.toReversed(),
  }
}
