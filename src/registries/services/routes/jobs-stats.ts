/** How the registry stands, and how it stood: for charts. */
import { z } from 'zod'
import type { Journal } from '../../../engine/journal.ts'
import { isoTime, type Clock, type Instant, type Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Route } from '../../../kernel/route.ts'
import { serviceStatuses, serviceTypes } from '../model.ts'
import { readHistory, spanLength, type Span } from '../stats/samples.ts'
import { readStats, Stats, type StatsParts } from '../stats/stats.ts'
import { base, reads } from './parts.ts'

const time = z.iso.datetime({ offset: true })
const many = <T extends readonly [string, ...string[]]>(values: T) =>
  z.array(z.enum(values)).min(1).optional().meta({ description: 'May be given several times' })

const History = z.object({
  span: z.enum(['minute', 'hour']),
  step_seconds: z.int(),
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  items: z
    .array(
      z.object({
        at: z.iso.datetime(),
        counts: z.partialRecord(z.enum(serviceTypes), z.partialRecord(z.enum(serviceStatuses), z.int())),
      }),
    )
    .meta({ description: 'In order of time. Where nothing ran there is no item: a gap, not a zero' }),
})

/** What a chart shows where nobody says from when. */
const usually: Readonly<Record<Span, Ms>> = { minute: 6 * 3_600_000, hour: 30 * 86_400_000 }

export interface StatsRouteParts extends StatsParts {
  readonly journal: Journal
  readonly clock: Clock
  readonly ready: () => Promise<void>
}

export function statsRoutes(parts: StatsRouteParts): readonly Route[] {
  return [stats(parts), history(parts)]
}

function stats(parts: StatsRouteParts): Route {
  return route({
    ...reads,
    path: `${base}/stats`,
    summary: 'Count services by type, status and source, and show who is stuck, late or held',
    response: Stats,
    async handle() {
      await parts.ready()
      return { body: await readStats(parts) }
    },
  })
}

function history({ journal, clock }: StatsRouteParts): Route {
  return route({
    ...reads,
    path: `${base}/stats/history`,
    summary: 'Show counts by type and status over time, by the minute or the hour',
    query: z.object({
      span: z.enum(['minute', 'hour']).default('hour'),
      since: time.optional(),
      until: time.optional(),
      type: many(serviceTypes),
      status: many(serviceStatuses),
    }),
    response: History,
    async handle({ query }) {
      const { span, type = serviceTypes, status = serviceStatuses } = query
      const until: Instant = query.until === undefined ? clock.now() : Date.parse(query.until)
      const since: Instant = query.since === undefined ? until - usually[span] : Date.parse(query.since)
      if (since > until) throw new AppError('request.invalid', 'since is after until')
      const items = await readHistory(journal, { span, since, until, types: type, statuses: status })
      return {
        body: {
          span,
          step_seconds: spanLength[span] / 1000,
          since: isoTime(since),
          until: isoTime(until),
          items: items.map(({ at, counts }) => ({ at: isoTime(at), counts })),
        },
      }
    },
  })
}
