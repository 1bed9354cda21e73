/** The registry as metrics. Names are those that the original's design gives its own, so that dashboards fit. */
import type { Clock } from '../../../kernel/clock.ts'
import type { Computed, Metrics } from '../../../kernel/metrics.ts'
import type { Liveness } from '../liveness/liveness.ts'
import { serviceStatuses, serviceTypes } from '../model.ts'
import type { Roster } from '../roster/roster.ts'
import type { Counters } from './counters.ts'
import { ageBounds, type Survey } from './survey.ts'

export interface MetricsParts {
  readonly metrics: Metrics
  readonly clock: Pick<Clock, 'now'>
  readonly roster: Roster
  readonly liveness: Pick<Liveness, 'lastSeen' | 'counts'>
  readonly counters: Counters
  readonly survey: () => Promise<Survey>
  /** Groups that are held now. */
  readonly preserved: () => Promise<readonly unknown[]>
  /** Who waits for a person to let it in. */
  readonly quarantined: () => number
  /** When jobs last succeeded. */
  readonly succeeded: () => ReadonlyMap<string, number>
  /** Above so many services, ages by id are left out. */
  readonly mostIds: number
}

export function registerMetrics(parts: MetricsParts): void {
  const { metrics, liveness, preserved, quarantined, survey, succeeded } = parts
  const one = (name: string, help: string, value: () => number | Promise<number>) =>
    metrics.computed(name, help, 'gauge', async () => [{ labels: {}, value: await value() }])

  // Not a gauge by name: its suffix is that of a counter.
  metrics.computed('service_registry_total', 'Services by type and status', 'untyped', () => totals(parts))
  metrics.computed(
    'service_registry_heartbeat_age_seconds',
    'Time since the last heartbeat of each service, while there are not many',
    'gauge',
    () => agesById(parts),
  )
  metrics.computed(
    'service_registry_heartbeat_age_distribution_seconds',
    'Time since the last heartbeats of services that are active or inactive, as it is now',
    'histogram',
    async () => agesOf(await survey()),
  )
  metrics.computed('service_registry_late', 'Active services that are late', 'gauge', async () => {
    const { late } = await survey()
    return serviceTypes.map((type, n) => ({ labels: { type }, value: late[n]! }))
  })
  counted(parts)
  one('service_registry_flush_lag_seconds', 'Age of the oldest heartbeat that is not in the ledger yet', () => {
    return liveness.counts().flushLag / 1000
  })
  one('service_registry_preservation_active', 'Groups of which nobody turns inactive for now', async () => {
    return (await preserved()).length
  })
  one('service_registry_quarantined', 'Unregistered senders that wait for a person', quarantined)
  metrics.computed(
    'service_registry_job_last_success_timestamp_seconds',
    'When jobs last succeeded, told by the process that runs them',
    'gauge',
    () => [...succeeded()].map(([job, at]) => ({ labels: { job }, value: at / 1000 })),
  )
}

function counted({ metrics, counters }: MetricsParts): void {
  metrics.computed(
    'service_registry_state_transitions_total',
    'Transitions that this process committed; to gone: it was purged',
    'counter',
    () =>
      [...counters.transitions()].map(({ type, from, to, count }) => ({ labels: { type, from, to }, value: count })),
  )
  metrics.computed('service_registry_known_total', 'Questions whether a poller is known, by answer', 'counter', () => {
    const { known, unknown } = counters.lookups()
    return [
      { labels: { known: 'true' }, value: known },
      { labels: { known: 'false' }, value: unknown },
    ]
  })
}

function totals({ roster }: MetricsParts): Computed[] {
  return serviceTypes.flatMap((type) =>
    serviceStatuses.map((status) => ({ labels: { type, status }, value: roster.count(type, status) })),
  )
}

function agesById({ roster, liveness, clock, mostIds }: MetricsParts): Computed[] {
  if (roster.size > mostIds) return []
  const now = clock.now()
  const ages: Computed[] = []
  for (let slot = 0; slot < roster.end; slot += 1) {
    const type = serviceTypes[roster.columns.type[slot]!]
    if (type === undefined) continue
    const status = roster.statusOf(slot)
    const seen = liveness.lastSeen(slot)
    if (seen === 0 || (status !== 'active' && status !== 'inactive')) continue
    ages.push({ labels: { type, id: roster.idOf(slot) }, value: Math.max(0, now - seen) / 1000 })
  }
  return ages
}

function agesOf({ ages, ageSums }: Survey): Computed[] {
  return serviceTypes.flatMap((type, n) => {
    let below = 0
    const buckets = [...ages[n]!].map((count, bucket): Computed => {
      below += count
      const le = ageBounds[bucket] === undefined ? '+Inf' : String(ageBounds[bucket])
      return { suffix: '_bucket', labels: { le, type }, value: below }
    })
    return [
      ...buckets,
      { suffix: '_sum' as const, labels: { type }, value: ageSums[n]! },
      { suffix: '_count' as const, labels: { type }, value: below },
    ]
  })
}
