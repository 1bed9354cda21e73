/** Heartbeats on a journal in memory, with the real parts below them, for tests. */
import { createMemoryJournal } from '../../../../database/memory/journal.ts'
import type { Journal } from '../../../../engine/journal.ts'
import { createFakeClock } from '../../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../../kernel/errors.ts'
import { silentLogger as logger } from '../../../../kernel/logger.ts'
import { createMetrics } from '../../../../kernel/metrics.ts'
import type { Caller } from '../../../../kernel/route.ts'
import { ServicesConfig } from '../../config.ts'
import { createKnownCheck } from '../../known.ts'
import { createLiveness } from '../../liveness/create.ts'
import { refOf, type ServiceRef, type ServiceStatus, type ServiceType } from '../../model.ts'
import { createRegistrations } from '../../registration/create.ts'
import { createRoster } from '../../roster/create.ts'
import { services as registry } from '../../index.ts'
import { services } from '../../tables.ts'
import type { Heartbeat } from '../beats.ts'
import { createBeats } from '../take.ts'
import { createQuarantine } from '../quarantine.ts'
import { createTold } from '../told.ts'

export type Given = Parameters<typeof ServicesConfig.parse>[0]

export const anyone: Caller = { name: 'token:edge', role: 'operator', scopes: null, subject: null }

export function beatsOn(given: Given = {}, wrap: (journal: Journal) => Journal = (journal) => journal) {
  const clock = createFakeClock({ start: 1_000_000_000 })
  const metrics = createMetrics()
  const journal = wrap(createMemoryJournal({ clock, tables: registry.tables }))
  const config = ServicesConfig.parse(given)
  const roster = createRoster()
  const liveness = createLiveness({ roster, config, journal, clock, logger, writer: 'a' })
  const registrations = createRegistrations({ journal, roster, liveness, config, clock, logger })
  const quarantine = createQuarantine({ journal, registrations, config, clock, logger })
  const told = createTold({ journal, roster, logger })
  const common = { journal, roster, liveness, registrations, quarantine, config, clock, metrics, logger, told }
  const beats = createBeats(common)
  const slotOf = ({ type, id }: ServiceRef) => roster.find(type, id)
  const statusOf = (text: string): ServiceStatus | null => {
    const slot = slotOf(refOf(text)!)
    return slot === -1 ? null : roster.statusOf(slot)
  }

  return {
    ...common,
    beats,
    known: createKnownCheck({ roster, config }),
    slotOf: (text: string) => slotOf(refOf(text)!),
    statusOf,
    row: (text: string) => journal.get(services, refOf(text)!),
    async events(prefix = 'service.'): Promise<string[]> {
      const events = await journal.events({ type: prefix })
      return events.map(({ type, key }) => `${type.slice(prefix.length)} ${key}`)
    },
    take: async (some: readonly Heartbeat[], caller = anyone) => (await beats.take(some, caller)).map(said),
    /** A person registers it, so that it is pending. */
    async register(text: string, parent = ''): Promise<void> {
      const { type, id } = refOf(text)!
      const plain = { source: 'config', component: id, metadata: {}, spiffe: null, createdBy: 'token:admin' } as const
      const lengths = { interval: null, inactiveAfter: null }
      const asked = { ...plain, ...lengths, type, id, parent, kind: type === 'checker' ? 'snmp' : null }
      const [result] = await registrations.register([asked], { actor: 'token:admin' }, clock.now())
      if (result instanceof AppError) throw result
    },
    async turn(text: string, ...triggers: ('deactivate' | 'activate' | 'revoke' | 'delete' | 'undelete')[]) {
      for (const trigger of triggers) {
        const options = { actor: 'token:admin', reason: 'a test', at: clock.now(), force: true }
        await registrations.transit(slotOf(refOf(text)!), trigger, options)
      }
    },
  }
}

export type BeatsUnderTest = ReturnType<typeof beatsOn>

/** `poller/p`, `agent/a` below `p`. */
export function beatOf(text: string, parent = '', more: Partial<Heartbeat> = {}): Heartbeat {
  const { type, id }: { type: ServiceType; id: string } = refOf(text)!
  return { type, id, parent, kind: null, from: '', interval: 0, at: 0, healthy: null, boot: '', sequence: -1, ...more }
}

/** `result`, or `why` of a refusal. */
export function said({ result, why }: { result: string; why?: string }): string {
  return why ?? result
}
