/** What becomes of those that are not registered: a policy, and a cap on how many one token may bring in a minute. */
import type { Instant } from '../../../kernel/clock.ts'
import { isoTime } from '../../../kernel/clock.ts'
import type { Caller } from '../../../kernel/route.ts'
import type { ServicesConfig } from '../config.ts'
import type { Registration } from '../model.ts'
import type { Heartbeat } from './beats.ts'

export type Entrance = 'allow' | 'quarantine' | 'deny'

export interface Newcomers {
  /** Counts who is let in: ask once for each that is about to be registered. */
  entrance(beat: Heartbeat, caller: Caller, now: Instant): Entrance
  /** One that was let in was not registered after all: what failed must not use up what is allowed. */
  giveBack(caller: Caller): void
  /** Without counting, and so without the cap. */
  policyFor(beat: Heartbeat): Entrance
}

const minute = 60_000

export function createNewcomers(config: Pick<ServicesConfig, 'implicit' | 'known'>): Newcomers {
  const listed = new Set(config.known.list)
  const { policy, most_per_minute: most } = config.implicit
  let window = 0
  const brought = new Map<string, number>()
  /** Pollers of the static list are known without being registered: their first report registers them. */
  const policyFor = (beat: Heartbeat): Entrance => (beat.type === 'poller' && listed.has(beat.id) ? 'allow' : policy)
  return {
    policyFor,
    entrance(beat, caller, now) {
      const asked = policyFor(beat)
      if (asked !== 'allow') return asked
      const current = Math.floor(now / minute)
      if (current !== window) {
        window = current
        brought.clear()
      }
      const count = brought.get(caller.name) ?? 0
      if (count >= most) return 'quarantine'
      brought.set(caller.name, count + 1)
      return 'allow'
    },
    giveBack({ name }) {
      const count = brought.get(name)
      if (count !== undefined && count > 0) brought.set(name, count - 1)
    },
  }
}

type Newcomer = Pick<Heartbeat, 'type' | 'id' | 'parent' | 'kind' | 'from' | 'interval'>

/** As the original registers who reports without being registered. */
export function implicitRegistration(beat: Newcomer, createdBy: string, now: Instant): Registration {
  const { type, id, parent, kind, from, interval } = beat
  return {
    type,
    id,
    source: 'implicit',
    component: id,
    parent,
    kind: type === 'checker' ? kind : null,
    metadata: { source_ip: from, auto_registered: 'true', registration_time: isoTime(now) },
    spiffe: null,
    interval: interval === 0 ? null : interval,
    inactiveAfter: null,
    createdBy,
  }
}
