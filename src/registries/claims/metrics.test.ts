import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryJournal } from '../../database/memory/journal.ts'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { delivery } from '../../engine/testing/journal-rows.ts'
import { put } from '../../engine/journal.ts'
import { deliveries, engineTables } from '../../engine/tables.ts'
import { silentLogger as logger } from '../../kernel/logger.ts'
import { createMetrics } from '../../kernel/metrics.ts'
import type { Table } from '../../kernel/table.ts'
import { measureRequests, registerMetrics } from './metrics.ts'
import { createStatuses } from './statuses/statuses.ts'
import { claimClusters, claimStatuses } from './tables.ts'

const sync = 'platform'
const tables = [...engineTables, claimStatuses, claimClusters] as unknown as readonly Table[]

test('claims that wait by reason, clusters by their last word, requests by their status', async () => {
  const clock = createFakeClock()
  const journal = createMemoryJournal({ tables, clock, logger })
  const limits = { claims: 10, clusters: 10, message: 100 }
  const statuses = createStatuses({ sync, journal, limits, since: 0 })
  const told = { cluster: 'east', claimRef: 'a/b', object: null, message: 'm', health: null }
  await statuses.tell([{ ...told, observedAt: null, generation: null }], 'me', 5_000)
  const facts = ['one', 'two', 'three'].map((key, index) => {
    const more = index === 2 ? {} : ({ state: 'waiting', reason: 'unmatched' } as const)
    return put(deliveries, delivery(sync, 'file', key, more), { type: 'delivery.waiting', sync, key })
  })
  await journal.commit(facts)
  const metrics = createMetrics()
  registerMetrics({ metrics, logger, journal: () => journal, syncs: [sync], taken: { sync, statuses } })
  measureRequests(metrics)({ host: 'forge', method: 'GET', status: 304, seconds: 0.2 })
  const text = await metrics.text()
  assert.match(text, /^regista_claims_waiting\{sync="platform",target="file",reason="unmatched"\} 2$/m)
  assert.match(text, /^regista_claims_cluster_heard_timestamp_seconds\{sync="platform",cluster="east"\} 5$/m)
  assert.match(text, /^regista_claims_request_duration_seconds_count\{host="forge",method="GET",status="304"\} 1$/m)
})

test('a ledger that does not answer takes no other metric with it', async () => {
  const metrics = createMetrics()
  const down = () => Promise.reject(new Error('down'))
  const journal = () => ({ count: down }) as never
  registerMetrics({ metrics, logger, journal, syncs: [sync], taken: { sync, statuses: { clusters: down } } })
  metrics.gauge('regista_other', 'Another', [], (gauge) => gauge.set(1))
  assert.match(await metrics.text(), /^regista_other 1$/m)
})
