/** The routes on a real server, over a journal in memory, for tests. */
import { systemClock } from '../../../../kernel/clock.ts'
import { silentLogger } from '../../../../kernel/logger.ts'
import { createMetrics } from '../../../../kernel/metrics.ts'
import type { Caller } from '../../../../kernel/route.ts'
import { memoryJournal, serve } from '../../../../server/testing/serve.ts'
import type { BeatOutcome, Heartbeat } from '../../beats/beats.ts'
import { createQuarantine } from '../../beats/quarantine.ts'
import { createBeats } from '../../beats/take.ts'
import { createTold } from '../../beats/told.ts'
import { ServicesConfig } from '../../config.ts'
import { services as registry } from '../../index.ts'
import { createLiveness } from '../../liveness/create.ts'
import { createPreservation } from '../../liveness/preservation.ts'
import type { ServiceType } from '../../model.ts'
import { createRegistrations } from '../../registration/create.ts'
import { createRoster } from '../../roster/create.ts'
import { serviceRoutes } from '../routes.ts'

type Given = Parameters<typeof ServicesConfig.parse>[0]

const everyone: Caller = { name: 'test', role: 'admin', scopes: null, subject: null }

export async function serveServices(given: Given = {}, settings: Parameters<typeof serve>[0] = {}) {
  const clock = settings.clock ?? systemClock
  const config = ServicesConfig.parse(given)
  const journal = settings.journal ?? memoryJournal(clock, registry.tables)
  const shared = { config, journal, clock, logger: silentLogger }
  const roster = createRoster()
  const liveness = createLiveness({ ...shared, roster, writer: 'w1' })
  const registrations = createRegistrations({ ...shared, roster, liveness })
  const quarantine = createQuarantine({ ...shared, registrations })
  const told = createTold({ ...shared, roster })
  const beats = createBeats({ ...shared, roster, liveness, registrations, quarantine, told, metrics: createMetrics() })
  const preservation = createPreservation({ ...shared, roster, liveness })
  const parts = { ...shared, roster, liveness, registrations, quarantine, beats, preservation }
  const routes = serviceRoutes({ ...parts, ready: () => Promise.resolve() })
  const served = await serve({ ...settings, journal, routes })
  const base = '/api/admin/services'
  return {
    ...served,
    ...parts,
    /** Of the API of services: its answer, parsed. */
    async ask(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
      const reply = await served.send(method, base + path, body, headers)
      const text = await reply.text()
      return { status: reply.status, headers: reply.headers, body: (text === '' ? null : JSON.parse(text)) as never }
    },
    async beat(type: ServiceType, id: string, about: Partial<Heartbeat> = {}): Promise<BeatOutcome> {
      const plain = {
        type,
        id,
        parent: '',
        kind: null,
        from: '',
        interval: 0,
        at: 0,
        healthy: null,
        boot: '',
        sequence: -1,
      }
      const [outcome] = await beats.take([{ ...plain, ...about }], everyone)
      return outcome!
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]()
    },
  }
}

export type ServedServices = Awaited<ReturnType<typeof serveServices>>
