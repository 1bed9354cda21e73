/**
 * Tells of services that began anew, and of ids that two senders share. Nobody waits for it: the heartbeat that showed
 * it is answered at once. Bounded for each and for all: a sender that makes up a boot id for every heartbeat, or a site
 * that restarts as a whole, must not fill the disk.
 */
import { put, type Fact, type Journal } from '../../../engine/journal.ts'
import type { Instant, Ms } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Heard } from '../liveness/liveness.ts'
import { aboutSlot, draft, eventData, pollerAbove } from '../registration/facts.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import { senders } from '../tables.ts'

type Oddity = 'restarted' | 'duplicated'

export interface Told {
  /** Tells of it where there is something to tell. */
  note(slot: Slot, heard: Heard, now: Instant): void
  /** Waits for what is on its way. */
  stop(): Promise<void>
}

export interface ToldParts {
  readonly journal: Journal
  readonly roster: Roster
  readonly logger: Logger
}

/** Of one service not more often; and of so many in this time, and not of more. */
const apart: Readonly<Record<Oddity, Ms>> = { restarted: 60_000, duplicated: 3_600_000 }
export const mostTold = 10_000
const mostAtOnce = 500
const by = { actor: 'system' }

export function createTold({ journal, roster, logger }: ToldParts): Told {
  const lately = { restarted: createLately(apart.restarted), duplicated: createLately(apart.duplicated) }
  const waiting: { slot: Slot; what: Oddity; at: Instant }[] = []
  let writing: Promise<void> | null = null

  const factOf = ({ slot, what, at }: (typeof waiting)[number]): Fact => {
    const about = aboutSlot(roster, slot)
    const data = eventData(about, pollerAbove(roster, slot), by)
    const event = draft(what, about, { ...by, rule: `service-${what}` }, data)
    return put(senders, { type: about.type, id: about.id, what, at }, event)
  }

  const write = async () => {
    let failed = false
    while (waiting.length > 0) {
      const facts = waiting.splice(0, mostAtOnce).map(factOf)
      try {
        await journal.commit(facts)
      } catch (thrown) {
        if (!failed) logger.warn({ err: thrown }, 'restarts and shared ids of services could not be recorded')
        failed = true
      }
    }
    writing = null
  }

  return {
    note(slot, heard, now) {
      if (heard !== 'restarted' && heard !== 'duplicate') return
      const what = heard === 'restarted' ? heard : 'duplicated'
      if (!lately[what].add(slot, now)) return
      waiting.push({ slot, what, at: now })
      writing ??= write()
    },
    async stop() {
      await writing
    },
  }
}

/** Of whom was told within the time. */
function createLately(length: Ms) {
  /** The latest last. */
  const lately = new Map<Slot, Instant>()
  const isOver = (at: Instant, now: Instant) => Math.abs(now - at) >= length
  return {
    /** false: it, or too many others. */
    add(slot: Slot, now: Instant): boolean {
      for (const [oldest, at] of lately) {
        if (!isOver(at, now)) break
        lately.delete(oldest)
      }
      if (lately.has(slot) || lately.size >= mostTold) return false
      lately.set(slot, now)
      return true
    },
  }
}
