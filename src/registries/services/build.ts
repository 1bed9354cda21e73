/** Puts the parts of the registry together. */
import { randomUUID } from 'node:crypto'
import { giveMemoryBack } from '../../kernel/memory.ts'
import type { Built, Parts } from '../registry.ts'
import { createQuarantine } from './beats/quarantine.ts'
import { createBeats } from './beats/take.ts'
import { createTold } from './beats/told.ts'
import type { ServicesConfig } from './config.ts'
import { createJobs } from './jobs/create.ts'
import { createKnownCheck } from './known.ts'
import { createLiveness } from './liveness/create.ts'
import { createPreservation } from './liveness/preservation.ts'
import { createRegistrations } from './registration/create.ts'
import { createRoster } from './roster/create.ts'
import type { Slot } from './roster/roster.ts'
import { reportRoute } from './routes/beats-report.ts'
import { beatRoutes } from './routes/beats.ts'
import { statsRoutes } from './routes/jobs-stats.ts'
import { jobRoutes } from './routes/jobs.ts'
import { serviceRoutes } from './routes/routes.ts'
import { createCounters } from './stats/counters.ts'
import { registerMetrics } from './stats/metrics.ts'
import { createSurvey } from './stats/survey.ts'
import { preservations } from './tables.ts'

/** From so many on it pays to tidy up after they were read. */
const many = 50_000

export function buildServices(config: ServicesConfig, parts: Parts): Promise<Built> {
  const { journal, clock, logger } = parts
  const counters = createCounters()
  const roster = createRoster()
  const liveness = createLiveness({ ...parts, roster, config, writer: randomUUID() })
  const registrations = createRegistrations({
    journal,
    roster,
    liveness,
    config,
    clock,
    logger,
    transited: counters.transitioned,
  })
  const quarantine = createQuarantine({ ...parts, registrations, config })
  const told = createTold({ journal, roster, logger })
  const shared = { ...parts, config, roster, liveness, registrations, quarantine, told, counters }
  const beats = createBeats(shared)
  const known = counters.counting(createKnownCheck({ roster, config }))

  let reading: Promise<void> | null = null
  const read = async () => {
    await registrations.load()
    await Promise.all([liveness.load(), quarantine.load()])
    // What was read on the way leaves 130 MB of room behind among a million, of which 27 are in use (2026-11-21).
    if (roster.size > many) giveMemoryBack()
  }
  /** A failure is forgotten: the next request tries again. */
  const ready = () => {
    reading ??= read().catch((thrown: unknown) => {
      reading = null
      throw thrown
    })
    return reading
  }
  const { group_by: site } = config.preservation
  const siteOf = site === undefined ? null : (poller: Slot) => roster.metadataOf(poller, site) || null
  const preservation = createPreservation({ ...shared, ...(siteOf && { siteOf }) })
  const jobs = createJobs({ ...shared, preservation, holder: randomUUID(), ready })
  const survey = createSurvey(shared)
  const seen = {
    survey,
    preserved: () => journal.select(preservations),
    quarantined: () => quarantine.size(),
    succeeded: jobs.succeeded,
    mostIds: config.metrics.most_ids,
    stuckAfter: config.jobs.stuck_pending.after,
  }
  registerMetrics({ ...shared, ...seen })
  const asked = { ...shared, ...seen, preservation, beats, known, ready }

  return Promise.resolve({
    syncs: [],
    servesFromMemory: true,
    routes: [
      ...beatRoutes(asked),
      reportRoute(asked),
      ...serviceRoutes(asked),
      ...jobRoutes({ runner: jobs }),
      ...statsRoutes(asked),
    ],
    async start() {
      await ready()
      registrations.start()
      liveness.start()
      jobs.start()
    },
    async close() {
      await jobs.stop()
      await Promise.allSettled([registrations.stop(), liveness.stop(), quarantine.stop(), told.stop()])
    },
  })
}
