import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../database/memory/journal.ts'
import { put } from '../../engine/journal.ts'
import { deliveries, engineTables } from '../../engine/tables.ts'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { delivery } from '../../engine/testing/journal-rows.ts'
import { silentLogger as logger } from '../../kernel/logger.ts'
import { createMetrics } from '../../kernel/metrics.ts'
import type { Table } from '../../kernel/table.ts'
import { measureChecks, measureDeploys, measureHooks, measureRequests, registerMetrics } from './metrics.ts'
import type { Stage } from './model.ts'
import type { StageState } from './stages/book.ts'
import type { PlaceStatus } from './watch/watch.ts'

const tables = engineTables as unknown as readonly Table[]

test('stages by how their deploys stand and what their looks came to, and how late repositories are', async () => {
  const clock = createFakeClock({ start: 100_000 })
  const journal = createMemoryJournal({ tables, clock, logger })
  const states = ['applied', 'applied', 'waiting', 'sending', 'held'] as const
  const facts = states.map((state, n) =>
    put(deliveries, delivery('local', 'local', `shop/s${n}`, { state }), { type: 'delivery.x', sync: 'local' }),
  )
  const other = delivery('elsewhere', 'x', 'shop/s9', { state: 'failed' })
  await journal.commit([...facts, put(deliveries, other, { type: 'delivery.x', sync: 'elsewhere' })])
  const keys = [...states.keys(), 5, 6].map((n) => `shop/s${n}`)
  const book = {
    stages: () => keys.map((key) => ({ key }) as Stage),
    state: (key: string) => ({ result: key === 'shop/s6' ? null : 'unchanged' }) as StageState,
  }
  const place = { stages: [], lookedAt: null, slowedDown: false, failures: 0, requests: 1, looking: false }
  const places: PlaceStatus[] = [
    { ...place, registry: 'hub', image: 'a', nextAt: 98_500 },
    { ...place, registry: 'hub', image: 'b', nextAt: 40_000, looking: true },
    { ...place, registry: 'own', image: 'c', nextAt: 200_000 },
    { ...place, registry: 'own', image: 'd', nextAt: null },
  ]
  const metrics = createMetrics()
  const watch = { places: () => places }
  registerMetrics({ metrics, logger, clock, journal: () => journal, book, watch, deployers: ['local'] })
  const text = await metrics.text()
  const expected = [
    'regista_images_stages{state="deployed"} 2',
    'regista_images_stages{state="deploying"} 2',
    'regista_images_stages{state="held"} 1',
    'regista_images_stages{state="failed"} 0',
    'regista_images_stages{state="nothing"} 2',
    'regista_images_stage_results{result="unchanged"} 6',
    'regista_images_stage_results{result="ambiguous"} 0',
    'regista_images_poll_lag_seconds{registry="hub"} 1.5',
    'regista_images_poll_lag_seconds{registry="own"} 0',
  ]
  for (const line of expected) assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
})

test('looks, requests, webhooks and deploys are counted by what became of them', async () => {
  const metrics = createMetrics()
  const checks = measureChecks(metrics)
  checks.checked('hub', 'rate_limited')
  checks.looked('hub', 120)
  measureRequests(metrics)('hub')({ host: 'auth', method: 'HEAD', status: 304, seconds: 0.2 })
  const hooked = measureHooks(metrics)
  hooked('gitea', 'accepted', 2)
  hooked('gitea', 'ignored', 0)
  measureDeploys(metrics)('local', 'rolled-back', 45_000)
  const text = await metrics.text()
  const expected = [
    'regista_images_checks_total{registry="hub",result="rate_limited"} 1',
    'regista_images_check_seconds_bucket{le="0.25",registry="hub"} 1',
    'regista_images_check_seconds_bucket{le="0.1",registry="hub"} 0',
    'regista_images_request_duration_seconds_count{registry="hub",method="HEAD",status="304"} 1',
    'regista_images_hook_events_total{hook="gitea",outcome="accepted"} 2',
    'regista_images_deploys_total{deployer="local",outcome="rolled-back"} 1',
    'regista_images_deploy_seconds_sum{deployer="local"} 45',
  ]
  for (const line of expected) assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
  assert.doesNotMatch(text, /outcome="ignored"/)
})

test('a ledger that does not answer takes no other metric with it', async () => {
  const metrics = createMetrics()
  const journal = () => ({ count: () => Promise.reject(new Error('down')) }) as never
  const book = { stages: () => [], state: () => ({}) as StageState }
  const watch = { places: () => [] }
  registerMetrics({ metrics, logger, clock: createFakeClock(), journal, book, watch, deployers: ['local'] })
  metrics.gauge('regista_other', 'Another', [], (gauge) => gauge.set(1))
  const text = await metrics.text()
  assert.match(text, /^regista_other 1$/m)
  assert.doesNotMatch(text, /^regista_images_stages\{/m)
})
