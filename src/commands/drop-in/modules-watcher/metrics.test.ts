import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import type { BuilderCall } from '../../../registries/modules/drop-in.ts'
import type { KnownChannel } from './known.ts'
import { createWatcherMetrics } from './metrics.ts'

const P = 'registry_modules_watcher_'

/** Name, type, labels, help: of the original, literally. */
const originals = [
  [`${P}registry_request_seconds`, 'histogram', 'status_code', 'Request time to the registry in seconds'],
  [`${P}registry_requests_count`, 'counter', 'status_code', 'Number of requests to the registry'],
  [`${P}registry_pull_seconds`, 'histogram', '', 'Image pull time from registry in seconds'],
  [`${P}registry_scanner_cache_length`, 'gauge', 'registry', 'Checks length of cache by registry'],
  [`${P}registry_watcher_backends_total`, 'gauge', '', 'Count of watcher backends'],
  [`${P}registry_watcher_new_backends_total`, 'counter', '', 'Count of new watcher backends'],
  [`${P}sender_upload_requests_count`, 'counter', 'backend,status_code', 'Number of the sender requests for uploading'],
  [`${P}sender_build_requests_count`, 'counter', 'backend,status_code', 'Number of the sender requests for build'],
  [`${P}sender_delete_requests_count`, 'counter', 'backend,status_code', 'Number of the sender requests for delete'],
  [`${P}sender_upload_requests_seconds`, 'histogram', 'backend,status_code', 'Sender upload request time in seconds'],
  [`${P}sender_build_requests_seconds`, 'histogram', 'backend,status_code', 'Sender build request time in seconds'],
  [`${P}sender_delete_requests_seconds`, 'histogram', 'backend,status_code', 'Sender delete request time in seconds'],
  [`${P}sender_timeout_requests_total`, 'counter', '', 'Number of the sender requests timed out'],
  [
    'd8_telemetry_module_validations_no_module_yaml_in_release_image',
    'gauge',
    'module',
    'Modules without module.yaml in release image',
  ],
  [
    'd8_telemetry_module_validations_no_module_sign_in_release_image',
    'gauge',
    'module',
    'Modules without sign in release image',
  ],
  ['d8_telemetry_module_validations_critical_set', 'gauge', 'module', 'Modules with critical flag set in module.yaml'],
  [
    'd8_telemetry_registry_scanner_module_without_tags',
    'gauge',
    'module,registry',
    'Modules listed in registry catalog but without tags in registry',
  ],
  [
    'd8_telemetry_registry_scanner_registry_unavailable',
    'gauge',
    'registry',
    'Registries that are unavailable during scanning',
  ],
] as const

const channel = (...remarks: KnownChannel['remarks']): KnownChannel => ({
  channel: 'alpha',
  version: 'v1',
  archive: 'sha256:0',
  size: 1,
  remarks,
})
const module = (name: string, ...channels: KnownChannel[]) => ({
  ...({ module: name, state: 'ok', channels, empty: channels.length === 0, troubles: [] } as const),
})

async function textOf(prefix = P): Promise<string> {
  const metrics = createMetrics()
  const counted = createWatcherMetrics(metrics, prefix, createFakeClock())
  counted.request({ host: 'r', method: 'GET', status: 200, seconds: 0.03 })
  counted.request({ host: 'r', method: 'GET', status: 0, seconds: 9 })
  counted.pulled({ bytes: 1, seconds: 3 })
  const call: BuilderCall = {
    operation: 'upload',
    method: 'POST',
    host: 'b:1',
    status: 201,
    timedOut: false,
    seconds: 300,
  }
  for (const operation of ['upload', 'build', 'delete', 'documents'] as const) counted.call({ ...call, operation })
  counted.call({ ...call, status: null, timedOut: true })
  counted.backends(2)
  counted.newBackends(3)
  const [one, two] = [module('one', channel('unsigned'), channel()), module('two', channel('critical', 'undescribed'))]
  counted.known({
    registries: [
      { registry: 'r/a', state: 'ok', modules: [one, two, module('bare')] },
      { registry: 'r/b', state: 'unavailable', detail: 'x', modules: [module('one', channel())] },
    ],
  })
  return metrics.text()
}

test('names, types, labels and help of the original', async () => {
  const text = await textOf()
  for (const [name, type, labels, help] of originals) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name)
    const sample = new RegExp(`^${name}${type === 'histogram' ? '_count' : ''}(?:{([^}]*)})? [\\d.]+$`, 'm').exec(text)
    const found = (sample?.[1] ?? '').split(',').map((pair) => pair.split('=')[0])
    assert.deepEqual([sample !== null, found.join(',')], [true, labels], name)
  }
  const bounds = [...text.matchAll(/registry_pull_seconds_bucket{le="([^"]+)"}/g)].map((found) => found[1]).join(' ')
  assert.equal(bounds, '0 0.02 0.05 0.1 0.2 0.5 1 2 5 10 20 50 100 200 500 +Inf')
})

test('what is counted', async () => {
  const lines = (await textOf('')).split('\n')
  for (const line of [
    'registry_requests_count{status_code="200"} 1',
    'registry_watcher_backends_total 2',
    'registry_watcher_new_backends_total 3',
    'sender_upload_requests_count{backend="b:1",status_code="201"} 1',
    'sender_timeout_requests_total 1',
    'registry_scanner_cache_length{registry="r/a"} 2',
    'registry_scanner_cache_length{registry="r/b"} 1',
    'd8_telemetry_module_validations_no_module_sign_in_release_image{module="one"} 1',
    'd8_telemetry_module_validations_no_module_sign_in_release_image{module="two"} 0',
    'd8_telemetry_module_validations_no_module_yaml_in_release_image{module="two"} 1',
    'd8_telemetry_module_validations_critical_set{module="two"} 1',
    'd8_telemetry_registry_scanner_module_without_tags{module="bare",registry="r/a"} 1',
    'd8_telemetry_registry_scanner_registry_unavailable{registry="r/a"} 0',
    'd8_telemetry_registry_scanner_registry_unavailable{registry="r/b"} 1',
  ]) {
    assert.ok(lines.includes(line), line)
  }
  assert.ok(!lines.some((line) => line.includes('status_code="0"') || /module="bare"} /.test(line)))
})
