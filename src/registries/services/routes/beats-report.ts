/** Status reports, in the shape of the original. Its pollers learned nothing when they were refused; here they do. */
import { z } from 'zod'
import { AppError } from '../../../kernel/errors.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { Metrics } from '../../../kernel/metrics.ts'
import { directRoute, type DirectReply, type Route } from '../../../kernel/route.ts'
import { itemText, refusalError, wireResults } from '../beats/answers.ts'
import { mostBatchBytes, parseJson } from '../beats/batch.ts'
import type { BeatOutcome, Heartbeat } from '../beats/beats.ts'
import { outcomes, refusal } from '../beats/outcomes.ts'
import { decodeReport, mostServices, type Report } from '../beats/report.ts'
import type { ServicesConfig } from '../config.ts'
import type { KnownCheck } from '../known.ts'
import { serviceTypes } from '../model.ts'
import { whenReady, type BeatRouteParts } from './beats.ts'

export interface ReportParts extends Omit<BeatRouteParts, 'clock'> {
  readonly config: Pick<ServicesConfig, 'known'>
  readonly metrics: Metrics
  readonly logger: Logger
}

const text = z.string().optional()
const service = z.object({
  service_name: text,
  available: z.boolean().optional(),
  message: z.unknown().meta({ description: 'Left alone' }),
  service_type: text.meta({
    description: 'Of snmp, sysmon, rperf and mapper a checker service_name@agent_id is heard of',
  }),
  response_time: z.unknown(),
  agent_id: text,
  poller_id: text,
  partition: text,
  source: text,
  kv_store_id: text,
})
const reported = z.object({
  services: z.array(service).max(mostServices).optional(),
  poller_id: z.string().min(1),
  agent_id: text,
  timestamp: z.int().optional().meta({ description: 'Seconds since 1970' }),
  partition: text,
  source_ip: text,
  kv_store_id: text,
})
const item = z.object({
  index: z.int().optional().meta({ description: 'Place among services, of one that cannot be read' }),
  id: z.string().optional(),
  service_type: z.enum(serviceTypes).optional(),
  result: z.enum(wireResults),
  reason: text,
  detail: text,
})
const answer = z.object({
  received: z.boolean(),
  items: z.array(item).optional().meta({ description: 'Who is not ok; left out where all are' }),
  warnings: z.array(z.string()).optional(),
})

export function reportRoute({ beats, known, config, metrics, logger, ready }: ReportParts): Route {
  const shadow = createShadow(known, metrics, logger)
  const { mode } = config.known
  return directRoute({
    tag: 'services',
    within: { services: 'beat', own: true },
    method: 'POST',
    path: '/api/services/report',
    role: 'operator',
    summary: 'Take a status report of a poller, as heartbeats of it, of its agents and of their checkers',
    rawBody: reported,
    mostBytes: mostBatchBytes,
    response: answer,
    direct: whenReady(ready, async ({ body, caller }) => {
      const report = decodeReport(parseJson(body))
      if (typeof report === 'string') throw new AppError('request.invalid', report)
      const { poller } = report
      if (mode === 'shadow') shadow(poller.id)
      else if (mode === 'off' && !known.isKnown(poller.id)) throw notListed()
      const [outcome] = await beats.take([poller], caller)
      if (outcome === undefined) throw new AppError('internal', 'a heartbeat had no outcome')
      // The heartbeat of the poller is what decides: one code path, whatever heartbeats come in.
      if (mode === 'enforce' && outcome.why !== undefined) throw refusalError(outcome)
      // Nothing of it is taken before a person agrees.
      if (mode === 'enforce' && outcome === outcomes.quarantined) return reply(202, false, report, [[poller, outcome]])
      const taken = await beats.take(report.below, caller)
      const told = report.below.map((beat, at): Told => [beat, taken[at]!])
      return reply(200, true, report, [[poller, outcome], ...told])
    }),
  })
}

const notListed = () => refusalError(refusal('service-unknown', 'It is not on the list of known pollers.'))

type Told = readonly [Heartbeat, BeatOutcome]

function reply(status: number, received: boolean, report: Report, all: readonly Told[]): DirectReply {
  const faults = report.faults.map(({ index, detail }) => itemText(index, {}, refusal('service-invalid', detail)))
  const told = all.filter(([, outcome]) => outcome !== outcomes.taken)
  const items = [...told.map(([beat, outcome]) => itemText(null, beat, outcome)), ...faults]
  const more = items.length === 0 ? '' : `,"items":[${items.join(',')}]`
  const warned = report.warnings.length === 0 ? '' : `,"warnings":${JSON.stringify(report.warnings)}`
  return { status, body: `{"received":${received}${more}${warned}}` }
}

/** For those who migrate: what would become of reports if the registry decided. */
function createShadow(known: KnownCheck, metrics: Metrics, logger: Logger): (poller: string) => void {
  const counts = { known: 0, unknown: 0 }
  metrics.computed(
    'service_registry_shadow_lookups_total',
    'Reports in mode shadow by what the registry would have said of their poller',
    'counter',
    () => Object.entries(counts).map(([result, value]) => ({ labels: { result }, value })),
  )
  return (poller) => {
    const { known: would, status } = known.explain(poller)
    counts[would ? 'known' : 'unknown'] += 1
    if (!would) logger.debug({ poller, status }, 'a poller would be refused in mode enforce')
  }
}
