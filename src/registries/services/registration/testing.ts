/** Registrations on a journal, with what they need beside it, for tests. */
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import type { Journal } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createKnownCheck } from '../known.ts'
import type { Metadata, Registration, ServiceRef, ServiceStatus } from '../model.ts'
import { createRoster } from '../roster/create.ts'
import type { Slot } from '../roster/roster.ts'
import { services } from '../tables.ts'
import { createRegistrations } from './create.ts'
import type { Asked, Registered } from './registrations.ts'

export const day = 86_400_000
export const admin = { actor: 'token:admin' }

export function registrationsOn(journal: Journal) {
  const clock = createFakeClock({ start: 1_000_000 })
  const roster = createRoster()
  const changed: Slot[] = []
  const transitions: string[] = []
  const registrations = createRegistrations({
    journal,
    roster,
    liveness: { changed: (slot) => void changed.push(slot), seen: () => ({ lastSeen: 5_000 }) },
    config: { jobs: { purge: { deleted_after: 7 * day } } },
    clock,
    logger: silentLogger,
    transited: (type, from, to) => void transitions.push(`${type} ${from} ${to}`),
  })
  const known = createKnownCheck({ roster, config: { known: { list: [], mode: 'enforce' } } })
  const slotOf = ({ type, id }: ServiceRef) => roster.find(type, id)
  return {
    clock,
    roster,
    changed,
    transitions,
    registrations,
    slotOf,
    isKnown: known.isKnown,
    statusOf: (ref: ServiceRef): ServiceStatus | null => {
      const slot = slotOf(ref)
      return slot === -1 ? null : roster.statusOf(slot)
    },
    /** One explicit registration; throws its error. */
    async register(asked: Asked): Promise<Registered> {
      const [result] = await registrations.register([asked], admin, clock.now())
      if (result instanceof AppError) throw result
      return result!
    },
    /** Lets it in by its heartbeat. */
    async meet(asked: Asked): Promise<Registered> {
      const by = { actor: 'system', from: '10.0.0.9' }
      const [result] = await registrations.register([{ ...asked, source: 'implicit' }], by, clock.now(), clock.now())
      if (result instanceof AppError) throw result
      return result!
    },
    row: (ref: ServiceRef) => journal.get(services, { type: ref.type, id: ref.id }),
    async events(key?: string) {
      const events = await journal.events({ type: 'service.', ...(key !== undefined && { key }) })
      return events.map(({ type, key: of, actor, reason, data, seq }) => ({
        what: type.slice('service.'.length),
        key: of!,
        actor,
        reason,
        seq,
        data: data as Record<string, unknown>,
      }))
    },
  }
}

export type RegistrationsUnderTest = ReturnType<typeof registrationsOn>

const plain = {
  source: 'config',
  kind: null,
  metadata: {} as Metadata,
  spiffe: null,
  interval: null,
  inactiveAfter: null,
  createdBy: 'token:admin',
} as const

export function poller(id: string, more: Partial<Registration> = {}): Asked {
  return { ...plain, type: 'poller', id, component: id, parent: '', ...more }
}

export function agent(id: string, parent: string, more: Partial<Registration> = {}): Asked {
  return { ...plain, type: 'agent', id, component: id, parent, ...more }
}

export function checker(id: string, parent: string, more: Partial<Asked> = {}): Asked {
  return { ...plain, type: 'checker', id, component: id, parent, kind: 'snmp', ...more }
}
