/** What the ledger knows of modules, and what was asked of registries and builders, as metrics. */
import type { BuilderCall } from '../../connectors/docs-builder/client.ts'
import type { ObservedRequest } from '../../connectors/oci/registry.ts'
import type { Journal } from '../../engine/journal.ts'
import { entries } from '../../engine/tables.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Metrics } from '../../kernel/metrics.ts'
import type { ModuleDocument } from './model.ts'
import type { ReleaseNote } from './release.ts'

export interface MetricsParts {
  readonly metrics: Metrics
  readonly logger: Logger
  readonly journal: () => Journal
  readonly syncs: readonly string[]
}

type Kind = 'shadowed' | 'unsigned' | 'undescribed' | 'critical'

export function registerMetrics({ metrics, logger, journal, syncs }: MetricsParts): void {
  if (syncs.length === 0) return
  const help = 'Channels of modules that registries release'
  metrics.gauge('regista_modules_channels', help, ['sync', 'registry', 'channel'], async (gauge) => {
    gauge.reset()
    for (const { sync, registry, channel } of await channelsOf()) gauge.inc({ sync, registry, channel })
  })
  const kinds =
    'Channels of modules that need somebody to look: shadowed by another registry, not signed, without module.yaml; or critical'
  metrics.gauge('regista_modules_remarks', kinds, ['sync', 'kind'], async (gauge) => {
    gauge.reset()
    const found = await channelsOf()
    for (const sync of syncs)
      for (const kind of ['shadowed', 'unsigned', 'undescribed', 'critical'] as const)
        gauge.set({ sync, kind }, count(found, sync, kind))
  })

  /** The other metrics matter the more when the ledger does not answer. */
  async function channelsOf(): Promise<readonly Channel[]> {
    try {
      const rows = await Promise.all(
        syncs.map((sync) => journal().select(entries, { where: { sync, state: 'live' }, without: ['stamp'] })),
      )
      return rows.flatMap((of) => {
        const times = Map.groupBy(of, (row) => row.key)
        return of.map(({ sync, key, item, note }) => {
          const { registry, channel } = item as unknown as ModuleDocument
          const remarks = note as Partial<ReleaseNote> | null
          return { sync, registry, channel, note: remarks, doubled: times.get(key)!.length - 1 }
        })
      })
    } catch (thrown) {
      logger.debug({ err: thrown }, 'modules cannot be counted')
      return []
    }
  }
}

interface Channel {
  readonly sync: string
  readonly registry: string
  readonly channel: string
  readonly note: Partial<ReleaseNote> | null
  readonly doubled: number
}

function count(found: readonly Channel[], sync: string, kind: Kind): number {
  const of = found.filter((channel) => channel.sync === sync)
  switch (kind) {
    case 'shadowed':
      // Of two rows with one key one is shadowed, of three two.
      return of.reduce((sum, { doubled }) => sum + doubled / (doubled + 1), 0)
    case 'unsigned':
      return of.filter(({ note }) => note?.signed === false).length
    case 'undescribed':
      return of.filter(({ note }) => note?.described === false).length
    case 'critical':
      return of.filter(({ note }) => note?.critical === true).length
  }
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Hosts are the config's and those they send to, statuses are HTTP's: a bounded number of series. */
export function measureRegistries(metrics: Metrics): (request: ObservedRequest) => void {
  const help = 'Time that requests to registries took, by host, method and status; 0: no answer'
  const duration = metrics.histogram(
    'regista_oci_request_duration_seconds',
    help,
    ['host', 'method', 'status'],
    buckets,
  )
  return ({ host, method, status, seconds }) => duration.observe({ host, method, status: String(status) }, seconds)
}

/** Builders come and go under ever new addresses: they are not told apart here, their states are in `regista_target_up`. */
export function measureBuilders(metrics: Metrics): (call: BuilderCall) => void {
  const help = 'Time that requests to documentation builders took, by what was asked and status; 0: no answer'
  const name = 'regista_docs_builder_request_duration_seconds'
  const duration = metrics.histogram(name, help, ['operation', 'status'], [...buckets, 60, 300, 900])
  return ({ operation, status, seconds }) => duration.observe({ operation, status: String(status ?? 0) }, seconds)
}
