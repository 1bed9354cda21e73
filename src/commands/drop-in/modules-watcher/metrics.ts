/** The metrics of the original under the names that it puts on the wire; types, labels, buckets and help are its own. */
import type { Clock } from '../../../kernel/clock.ts'
import type { Metrics } from '../../../kernel/metrics.ts'
import type { BuilderCall, ObservedRequest, Pull } from '../../../registries/modules/drop-in.ts'
import type { Known } from './known.ts'

export interface WatcherMetrics {
  /** Of a registry: pings, tokens, manifests, layers, each hop. */
  request(request: ObservedRequest): void
  pulled(pull: Pull): void
  call(call: BuilderCall): void
  backends(count: number): void
  newBackends(count: number): void
  /** Sets what is read from the ledger; before each scrape. */
  known(known: Known): void
}

const buckets = [0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500]

export function createWatcherMetrics(metrics: Metrics, prefix: string, clock: Clock): WatcherMetrics {
  const asked = registryMetrics(metrics, prefix)
  const sent = senderMetrics(metrics, prefix)
  const known = knownMetrics(metrics, prefix)
  const process = processMetrics(metrics, clock)
  const backends = metrics.gauge(`${prefix}registry_watcher_backends_total`, 'Count of watcher backends')
  const newBackends = metrics.counter(`${prefix}registry_watcher_new_backends_total`, 'Count of new watcher backends')
  return {
    ...asked,
    ...sent,
    backends: (count) => backends.set(count),
    newBackends: (count) => newBackends.inc(count),
    known(found) {
      process()
      known(found)
    },
  }
}

function registryMetrics(metrics: Metrics, prefix: string): Pick<WatcherMetrics, 'request' | 'pulled'> {
  const labels = ['status_code'] as const
  const timeHelp = 'Request time to the registry in seconds'
  const time = metrics.histogram(`${prefix}registry_request_seconds`, timeHelp, labels, buckets)
  const count = metrics.counter(`${prefix}registry_requests_count`, 'Number of requests to the registry', labels)
  const pullHelp = 'Image pull time from registry in seconds'
  const pull = metrics.histogram(`${prefix}registry_pull_seconds`, pullHelp, [], buckets)
  return {
    request({ status, seconds }) {
      // No answer has no code. The original ends there.
      if (status === 0) return
      const labelled = { status_code: String(status) }
      time.observe(labelled, seconds)
      count.inc(labelled)
    },
    pulled: ({ seconds }) => pull.observe(seconds),
  }
}

function senderMetrics(metrics: Metrics, prefix: string): Pick<WatcherMetrics, 'call'> {
  const labels = ['backend', 'status_code'] as const
  const of = (operation: 'upload' | 'build' | 'delete', purpose: string) => ({
    count: metrics.counter(
      `${prefix}sender_${operation}_requests_count`,
      `Number of the sender requests for ${purpose}`,
      labels,
    ),
    time: metrics.histogram(
      `${prefix}sender_${operation}_requests_seconds`,
      `Sender ${operation} request time in seconds`,
      labels,
      buckets,
    ),
  })
  const operations = new Map<string, ReturnType<typeof of>>([
    ['upload', of('upload', 'uploading')],
    ['build', of('build', 'build')],
    ['delete', of('delete', 'delete')],
  ])
  const late = metrics.counter(`${prefix}sender_timeout_requests_total`, 'Number of the sender requests timed out')
  return {
    call({ operation, host, status, timedOut, seconds }) {
      const measured = operations.get(operation)
      if (measured === undefined) return
      if (timedOut) late.inc()
      if (status === null) return
      const labelled = { backend: host, status_code: String(status) }
      measured.count.inc(labelled)
      measured.time.observe(labelled, seconds)
    },
  }
}

function knownMetrics(metrics: Metrics, prefix: string): WatcherMetrics['known'] {
  const lengthHelp = 'Checks length of cache by registry'
  const length = metrics.gauge(`${prefix}registry_scanner_cache_length`, lengthHelp, ['registry'])
  const remark = (name: string, help: string) =>
    metrics.gauge(`d8_telemetry_module_validations_${name}`, help, ['module'])
  const remarks = {
    undescribed: remark('no_module_yaml_in_release_image', 'Modules without module.yaml in release image'),
    unsigned: remark('no_module_sign_in_release_image', 'Modules without sign in release image'),
    critical: remark('critical_set', 'Modules with critical flag set in module.yaml'),
  }
  const untagged = metrics.gauge(
    'd8_telemetry_registry_scanner_module_without_tags',
    'Modules listed in registry catalog but without tags in registry',
    ['module', 'registry'],
  )
  const unavailable = metrics.gauge(
    'd8_telemetry_registry_scanner_registry_unavailable',
    'Registries that are unavailable during scanning',
    ['registry'],
  )
  return ({ registries }) => {
    for (const gauge of [length, untagged, unavailable, ...Object.values(remarks)]) gauge.reset()
    const found = new Map<string, Set<keyof typeof remarks>>()
    for (const { registry, state, modules } of registries) {
      unavailable.set({ registry }, state === 'unavailable' ? 1 : 0)
      length.set({ registry }, modules.filter(({ channels }) => channels.length > 0).length)
      for (const { module, empty, channels } of modules) {
        if (empty) untagged.set({ module, registry }, 1)
        const of = found.get(module) ?? new Set()
        if (channels.length > 0) found.set(module, of)
        for (const channel of channels) for (const name of channel.remarks) of.add(name)
      }
    }
    for (const [module, of] of found) {
      for (const name of ['undescribed', 'unsigned', 'critical'] as const) {
        remarks[name].set({ module }, of.has(name) ? 1 : 0)
      }
    }
  }
}

/** What every Prometheus client says of its process, as far as people chart it. */
function processMetrics(metrics: Metrics, clock: Clock): () => void {
  const started = metrics.gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.')
  const resident = metrics.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.')
  const cpu = metrics.counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.')
  const since = clock.now() / 1000 - process.uptime()
  let counted = 0
  return () => {
    started.set(since)
    resident.set(process.memoryUsage.rss())
    const { user, system } = process.cpuUsage()
    cpu.inc((user + system) / 1e6 - counted)
    counted = (user + system) / 1e6
  }
}
