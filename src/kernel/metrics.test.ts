import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from './metrics.ts'

test('computed metrics are asked for at each scrape, and one that fails takes no other with it', async () => {
  const metrics = createMetrics()
  let asked = 0
  metrics.computed('app_things_total', 'Things', 'untyped', () => [{ labels: { is: 'a"b' }, value: (asked += 1) }])
  metrics.computed('app_age_seconds', 'Ages', 'histogram', () =>
    Promise.resolve([
      { suffix: '_bucket', labels: { le: '+Inf' }, value: 2 },
      { suffix: '_sum', labels: {}, value: 1.5 },
      { suffix: '_count', labels: {}, value: 2 },
    ]),
  )
  metrics.computed('app_broken', 'Broken', 'gauge', () => {
    throw new Error('away')
  })
  await metrics.text()
  const text = await metrics.text()
  assert.match(text, /^# TYPE app_things_total untyped$/m)
  assert.match(text, /^app_things_total\{is="a\\"b"\} 2$/m)
  assert.match(
    text,
    /^# TYPE app_age_seconds histogram\napp_age_seconds_bucket\{le="\+Inf"\} 2\napp_age_seconds_sum 1.5$/m,
  )
  assert.match(text, /^# TYPE app_broken gauge\n/m)
  assert.throws(() => metrics.gauge('app_broken', 'Again'), /already been registered/)
})
