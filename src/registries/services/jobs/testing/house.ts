/** The registry in memory with its own parts, for tests of jobs and of what they count. */
import { createMemoryJournal } from '../../../../database/memory/journal.ts'
import { createFakeClock, type FakeClock } from '../../../../engine/testing/fake-clock.ts'
import type { Journal } from '../../../../engine/journal.ts'
import { AppError } from '../../../../kernel/errors.ts'
import { silentLogger as logger } from '../../../../kernel/logger.ts'
import type { Table } from '../../../../kernel/table.ts'
import { ServicesConfig } from '../../config.ts'
import { createLiveness } from '../../liveness/create.ts'
import { refOf, type Registration } from '../../model.ts'
import { createRegistrations } from '../../registration/create.ts'
import { createRoster } from '../../roster/create.ts'
import { noSlot, type Slot } from '../../roster/roster.ts'
import { createCounters } from '../../stats/counters.ts'
import { jobRuns, livenessLog, preservations, quarantine, samples, services } from '../../tables.ts'
import type { Job, JobContext } from '../job.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

const tables = [services, livenessLog, quarantine, preservations, jobRuns, samples] as unknown as readonly Table[]
const beat = { at: 0, healthy: null, boot: '', sequence: -1 }

export interface HouseOptions {
  readonly clock?: FakeClock
  readonly journal?: Journal
  readonly config?: unknown
  readonly writer?: string
}

/** All loaded; liveness ticks only after `liveness.start()`. */
export async function openHouse(options: HouseOptions = {}) {
  const clock = options.clock ?? createFakeClock()
  const journal = options.journal ?? createMemoryJournal({ clock, tables, logger })
  const config = ServicesConfig.parse(options.config ?? {})
  const roster = createRoster()
  const counters = createCounters()
  const liveness = createLiveness({ roster, config, journal, clock, logger, writer: options.writer ?? 'one' })
  const { transitioned: transited } = counters
  const registrations = createRegistrations({ journal, roster, liveness, config, clock, logger, transited })
  await registrations.load()
  await liveness.load()

  const slotOf = (name: string): Slot => {
    const ref = refOf(name)!
    return roster.find(ref.type, ref.id)
  }
  const asked = (name: string, parent: string): Omit<Registration, 'parent'> & { parent: string } => {
    const { type, id } = refOf(name)!
    const plain = { metadata: {}, spiffe: null, interval: null, inactiveAfter: null, createdBy: 'token:admin' }
    return { type, id, parent, source: 'config', component: id, kind: type === 'checker' ? 'snmp' : null, ...plain }
  }
  return {
    clock,
    journal,
    config,
    roster,
    counters,
    liveness,
    registrations,
    logger,
    slotOf,
    /** `poller/p`, `agent/a < p`. */
    async register(...lines: readonly string[]) {
      const all = lines.map((line) => {
        const [name = '', parent = ''] = line.split(' < ')
        return asked(name, parent)
      })
      const results = await registrations.register(all, { actor: 'token:admin' }, clock.now())
      for (const result of results) if (result instanceof AppError) throw result
    },
    /** Heartbeats as they come: active by the first. */
    async hear(...names: readonly string[]) {
      const slots = names.map(slotOf)
      await registrations.transitAll(slots, 'heartbeat', { actor: 'system', at: clock.now() })
      for (const slot of slots) liveness.heard(slot, beat, clock.now())
    },
    async transit(name: string, trigger: 'revoke' | 'delete' | 'undelete' | 'deactivate' | 'activate') {
      await registrations.transit(slotOf(name), trigger, { actor: 'token:admin', at: clock.now() })
    },
    statusOf(name: string) {
      const slot = slotOf(name)
      return slot === noSlot ? null : roster.statusOf(slot)
    },
    /** What the events of a job say of each service. */
    async told(type: string) {
      const events = await journal.events({ type: `service.${type}` })
      return events.map(({ key, actor, reason, data }) => ({
        key,
        actor,
        reason,
        data: data as Record<string, unknown>,
      }))
    },
    async run(job: Job, over: Partial<JobContext> = {}) {
      const lease = await journal.lease('services.jobs', 'test', hour)
      const signal = new AbortController().signal
      const context = { dryRun: false, signal, by: `job:${job.name}`, succeededAt: null, fence: () => lease! }
      return await job.run({ ...context, ...over })
    },
  }
}

export type House = Awaited<ReturnType<typeof openHouse>>
