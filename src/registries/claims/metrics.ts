/** How claims stand, when clusters were last heard of, and what was asked of forges and collectors, as metrics. */
import type { ObservedRequest } from '../../connectors/http/client.ts'
import type { Journal } from '../../engine/journal.ts'
import { deliveries } from '../../engine/tables.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Metrics } from '../../kernel/metrics.ts'
import type { Statuses } from './statuses/statuses.ts'

export interface MetricsParts {
  readonly metrics: Metrics
  readonly logger: Logger
  readonly journal: () => Journal
  readonly syncs: readonly string[]
  /** Of the sync that takes statuses; null: none does. */
  readonly taken: { readonly sync: string; readonly statuses: Pick<Statuses, 'clusters'> } | null
}

export function registerMetrics({ metrics, logger, journal, syncs, taken }: MetricsParts): void {
  if (syncs.length === 0) return
  const waiting =
    'Claims that the registry does not say yet, by reason: change-request, branch, unmatched, ambiguous, …'
  metrics.gauge('regista_claims_waiting', waiting, ['sync', 'target', 'reason'], async (gauge) => {
    gauge.reset()
    for (const sync of syncs) {
      const where = { sync, state: 'waiting' } as const
      for (const { by, count } of await known(() => journal().count(deliveries, where, ['target', 'reason']))) {
        gauge.set({ sync, target: String(by[0]), reason: String(by[1] ?? '') }, count)
      }
    }
  })
  if (taken === null) return
  const { sync, statuses } = taken
  const heard = 'Last word of a cluster, as far as this process knows'
  metrics.gauge('regista_claims_cluster_heard_timestamp_seconds', heard, ['sync', 'cluster'], async (gauge) => {
    gauge.reset()
    for (const { name, heardAt } of await known(async () => [...(await statuses.clusters()).values()])) {
      gauge.set({ sync, cluster: name }, heardAt / 1000)
    }
  })

  /** The other metrics matter the more when the ledger does not answer. */
  async function known<T>(read: () => Promise<readonly T[]>): Promise<readonly T[]> {
    try {
      return await read()
    } catch (thrown) {
      logger.debug({ err: thrown }, 'claims cannot be counted')
      return []
    }
  }
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Hosts are the config's, statuses are HTTP's: a bounded number of series. Plain Git is not seen here. */
export function measureRequests(metrics: Metrics): (request: ObservedRequest) => void {
  const help = 'Time that requests to forges and collectors took, by host, method and status; 0: no answer'
  const name = 'regista_claims_request_duration_seconds'
  const duration = metrics.histogram(name, help, ['host', 'method', 'status'], buckets)
  return ({ host, method, status, seconds }) => duration.observe({ host, method, status: String(status) }, seconds)
}
