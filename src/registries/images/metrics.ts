/**
 * Looks, requests, webhooks and deploys, and how stages stand, as metrics. Registries, deployers and hooks are the
 * config's, everything else is one of a few words: a bounded number of series.
 */
import type { ObservedRequest } from '../../connectors/http/client.ts'
import type { Journal } from '../../engine/journal.ts'
import { deliveries } from '../../engine/tables.ts'
import type { Clock, Ms } from '../../kernel/clock.ts'
import type { Logger } from '../../kernel/logger.ts'
import type { Metrics } from '../../kernel/metrics.ts'
import { results, type Result } from './model.ts'
import type { Book } from './stages/book.ts'
import { stageStates, stateOf } from './stage-state.ts'
import type { Watch } from './watch/watch.ts'

const quick = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const slow = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800]

export interface CheckMeasures {
  /** What looking for the newest version of one stage came to. */
  checked(registry: string, result: Result): void
  /** One look at a repository, with all requests of it. */
  looked(registry: string, took: Ms): void
}

export function measureChecks(metrics: Metrics): CheckMeasures {
  const about = 'Looks for the newest version of a stage, by what they came to'
  const checks = metrics.counter('regista_images_checks_total', about, ['registry', 'result'])
  const length = 'Time that a look at a repository took, for all of its stages'
  const seconds = metrics.histogram('regista_images_check_seconds', length, ['registry'], quick)
  return {
    checked: (registry, result) => checks.inc({ registry, result }),
    looked: (registry, took) => seconds.observe({ registry }, took / 1000),
  }
}

/** What the HTTP client of one registry tells of. Not by host: token servers and storage are its own affair. */
export function measureRequests(metrics: Metrics): (registry: string) => (request: ObservedRequest) => void {
  const help = 'Time that requests to registries took, by method and status; 0: no answer'
  const name = 'regista_images_request_duration_seconds'
  const duration = metrics.histogram(name, help, ['registry', 'method', 'status'], quick)
  return (registry) =>
    ({ method, status, seconds }) =>
      duration.observe({ registry, method, status: String(status) }, seconds)
}

/**
 * accepted     taken; a look follows
 * repeated     its id was known already
 * unmatched    true, and of nothing that a stage follows
 * ignored      says nothing to us: a pull, a deletion, another kind of package
 * refused      it does not prove that it comes from its sender
 * invalid      proven, and nothing of this sender's
 * too-many     more than the hook may send, or the queue is full
 */
export type HookOutcome = 'accepted' | 'repeated' | 'unmatched' | 'ignored' | 'refused' | 'invalid' | 'too-many'

/** `hook` is one of the config's; what is sent to another address is counted nowhere by name. */
export function measureHooks(metrics: Metrics): (hook: string, outcome: HookOutcome, count?: number) => void {
  const help = 'Webhooks and what they told of, by what became of it'
  const events = metrics.counter('regista_images_hook_events_total', help, ['hook', 'outcome'])
  return (hook, outcome, count = 1) => {
    if (count > 0) events.inc({ hook, outcome }, count)
  }
}

/** As `DeployResult.is`, but for `pending`, which is no end. */
export type DeployOutcome = 'deployed' | 'rolled-back' | 'refused' | 'failed'

export function measureDeploys(metrics: Metrics): (deployer: string, outcome: DeployOutcome, took: Ms) => void {
  const about = 'Deploys that came to their end, by what they came to'
  const total = metrics.counter('regista_images_deploys_total', about, ['deployer', 'outcome'])
  const length = 'Time from the beginning of a deploy to its end'
  const seconds = metrics.histogram('regista_images_deploy_seconds', length, ['deployer'], slow)
  return (deployer, outcome, took) => {
    total.inc({ deployer, outcome })
    seconds.observe({ deployer }, took / 1000)
  }
}

export interface MetricsParts {
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly journal: () => Journal
  readonly book: Pick<Book, 'stages' | 'state'>
  readonly watch: Pick<Watch, 'places'>
  /** Names of the syncs, which are those of the deployers. */
  readonly deployers: readonly string[]
}

export function registerMetrics({ metrics, logger, clock, journal, book, watch, deployers }: MetricsParts): void {
  if (deployers.length === 0) return
  metrics.gauge('regista_images_stages', 'Stages, by how their deploy stands', ['state'], async (gauge) => {
    gauge.reset()
    const counts = await deliveryStates()
    if (counts === null) return
    for (const state of stageStates) gauge.set({ state }, counts.get(state) ?? 0)
  })
  const last = 'Stages, by what the last look for their newest version came to'
  metrics.gauge('regista_images_stage_results', last, ['result'], (gauge) => {
    gauge.reset()
    for (const result of results) gauge.set({ result }, 0)
    for (const { key } of book.stages()) {
      const { result } = book.state(key)
      if (result !== null) gauge.inc({ result })
    }
  })
  const lag = 'How long the repository that has waited longest is over its time to be looked at'
  metrics.gauge('regista_images_poll_lag_seconds', lag, ['registry'], (gauge) => {
    gauge.reset()
    const now = clock.now()
    for (const [registry, places] of Map.groupBy(watch.places(), (place) => place.registry)) {
      const late = places.map(({ nextAt, looking }) => (nextAt === null || looking ? 0 : now - nextAt))
      gauge.set({ registry }, late.reduce((most, one) => Math.max(most, one), 0) / 1000)
    }
  })

  /** The other metrics matter the more when the ledger does not answer. */
  async function deliveryStates(): Promise<ReadonlyMap<string, number> | null> {
    try {
      const tallies = await journal().count(deliveries, { sync: { in: deployers } }, ['state'])
      const counts = new Map<string, number>()
      let known = 0
      for (const { by, count } of tallies) {
        const state = stateOf(by[0] as Parameters<typeof stateOf>[0])
        counts.set(state, (counts.get(state) ?? 0) + count)
        known += count
      }
      const none = stateOf(null)
      return counts.set(none, Math.max(0, book.stages().length - known))
    } catch (thrown) {
      logger.debug({ err: thrown }, 'stages cannot be counted')
      return null
    }
  }
}
