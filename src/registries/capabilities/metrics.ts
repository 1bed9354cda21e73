/** What the catalogue holds, as metrics: read when they are asked for. */
import type { Logger } from '../../kernel/logger.ts'
import type { Metrics } from '../../kernel/metrics.ts'
import type { ObservedCall } from '../../connectors/etcd/client.ts'
import type { Catalogue, CatalogueView } from './catalogue/catalogue.ts'
import { findingCounts } from './catalogue/catalogue-graph.ts'

export interface MetricsParts {
  readonly metrics: Metrics
  readonly logger: Logger
  readonly catalogue: Catalogue
}

export function registerMetrics({ metrics, logger, catalogue }: MetricsParts): void {
  const findings = new WeakMap<CatalogueView, ReturnType<typeof findingCounts>>()
  // The other metrics matter the more when the ledger does not answer.
  const current = async () => {
    try {
      return (await catalogue.current()).view
    } catch (thrown) {
      logger.debug({ err: thrown }, 'capabilities cannot be counted')
      return null
    }
  }
  metrics.gauge('regista_capabilities', 'Capabilities that sources say exist', ['sync', 'type'], async (gauge) => {
    const view = await current()
    gauge.reset()
    for (const { sync, type } of view?.items ?? []) gauge.inc({ sync, type })
  })
  const help = 'What the rules find between capabilities; rules as in regista capabilities validate'
  metrics.gauge('regista_capability_findings', help, ['sync', 'rule'], async (gauge) => {
    const view = await current()
    gauge.reset()
    if (view === null) return
    const found = findings.get(view) ?? findingCounts(view)
    findings.set(view, found)
    for (const { sync, rule, count } of found) gauge.set({ sync, rule }, count)
  })
}

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Answers where calls to etcd are counted. Endpoints are the config's, codes are gRPC's: a bounded number of series. */
export function measureEtcd(metrics: Metrics): (call: ObservedCall) => void {
  const help = 'Time that calls to etcd took, by method, endpoint and how they ended'
  const labels = ['method', 'endpoint', 'code'] as const
  const duration = metrics.histogram('regista_etcd_request_duration_seconds', help, labels, buckets)
  return ({ method, endpoint, ms, code }) => duration.observe({ method, endpoint, code }, ms / 1000)
}
