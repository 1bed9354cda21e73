/**
 * Tells of services that began anew, and of ids that two senders share. Nobody waits for it: the heartbeat that showed
 * it is answered at once. Bounded: a site that restarts as a whole must not fill the disk.
 */
import { put, type Journal } from '../../../engine/journal.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { aboutSlot, draft, eventData, pollerAbove } from '../registration/facts.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import { senders } from '../tables.ts'

export type Oddity = 'restarted' | 'duplicated'

export interface Told {
  tell(slot: Slot, what: Oddity, now: Instant): void
  /** Waits for what is on its way. */
  stop(): Promise<void>
}

export interface ToldParts {
  readonly journal: Journal
  readonly roster: Roster
  readonly logger: Logger
}

const hour = 3_600_000
const mostWaiting = 10_000
const mostAtOnce = 500
const by = { actor: 'system' }

export function createTold({ journal, roster, logger }: ToldParts): Told {
  const waiting: { slot: Slot; what: Oddity; at: Instant }[] = []
  /** When each was last told to share its id: as long as it does, once an hour. The latest last. */
  const shared = new Map<Slot, Instant>()
  let writing: Promise<void> | null = null

  const toldLately = (slot: Slot, now: Instant): boolean => {
    const last = shared.get(slot)
    if (last !== undefined && Math.abs(now - last) < hour) return true
    shared.delete(slot)
    shared.set(slot, now)
    for (const [oldest, at] of shared) {
      if (shared.size <= mostWaiting && Math.abs(now - at) < hour) break
      shared.delete(oldest)
    }
    return false
  }

  const write = async () => {
    let lost = 0
    while (waiting.length > 0) {
      const some = waiting.splice(0, mostAtOnce)
      const facts = some.map(({ slot, what, at }) => {
        const about = aboutSlot(roster, slot)
        const data = eventData(about, pollerAbove(roster, slot), by)
        const event = draft(what, about, { ...by, rule: `service-${what}` }, data)
        return put(senders, { type: about.type, id: about.id, what, at }, event)
      })
      try {
        await journal.commit(facts)
      } catch (thrown) {
        if (lost === 0) logger.warn({ err: thrown }, 'restarts and shared ids of services could not be recorded')
        lost += some.length
      }
    }
    writing = null
  }

  return {
    tell(slot, what, now) {
      if (waiting.length >= mostWaiting || (what === 'duplicated' && toldLately(slot, now))) return
      waiting.push({ slot, what, at: now })
      writing ??= write()
    },
    async stop() {
      await writing
    },
  }
}
