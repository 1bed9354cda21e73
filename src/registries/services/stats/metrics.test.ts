import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { findPart, skipWithout } from '../../../../tests/parts/find.ts'
import { createMetrics } from '../../../kernel/metrics.ts'
import { minute, openHouse, second, type House } from '../jobs/testing/house.ts'
import { createKnownCheck } from '../known.ts'
import { registerMetrics } from './metrics.ts'
import { readStats, Stats } from './stats.ts'
import { createSurvey } from './survey.ts'

function measured(house: House, mostIds = 10) {
  const metrics = createMetrics()
  const survey = createSurvey(house)
  const held = { group: 'poller/p', since: 0, until: 5_000, silent: 4, active: 5 }
  const succeeded = () => new Map([['sweep', 5_000]])
  registerMetrics({
    ...house,
    metrics,
    survey,
    preserved: () => Promise.resolve([held]),
    quarantined: () => 2,
    succeeded,
    mostIds,
  })
  const stuckAfter = house.config.jobs.stuck_pending.after
  const stats = () =>
    readStats({ ...house, survey, preserved: () => Promise.resolve([held]), quarantined: () => 2, stuckAfter })
  return { metrics, stats }
}

async function populated() {
  const house = await openHouse()
  await house.liveness.load()
  house.liveness.start()
  await house.register('poller/p', 'agent/a < p', 'agent/b < p', 'poller/new')
  await house.hear('poller/p', 'agent/a', 'agent/b')
  await house.clock.advance(100 * second)
  await house.hear('poller/p')
  await house.clock.advance(20 * second)
  const known = house.counters.counting(createKnownCheck(house))
  known.isKnown('p')
  known.explain('nobody')
  return house
}

describe('metrics', () => {
  test('tell of counts, ages, transitions and all that is counted', async () => {
    const house = await populated()
    const text = await measured(house).metrics.text()
    for (const line of [
      'service_registry_total{type="poller",status="pending"} 1',
      'service_registry_total{type="agent",status="active"} 2',
      'service_registry_total{type="checker",status="revoked"} 0',
      'service_registry_heartbeat_age_seconds{type="poller",id="p"} 20',
      'service_registry_heartbeat_age_seconds{type="agent",id="b"} 120',
      'service_registry_heartbeat_age_distribution_seconds_bucket{le="90",type="agent"} 0',
      'service_registry_heartbeat_age_distribution_seconds_bucket{le="150",type="agent"} 2',
      'service_registry_heartbeat_age_distribution_seconds_bucket{le="+Inf",type="agent"} 2',
      'service_registry_heartbeat_age_distribution_seconds_sum{type="agent"} 240',
      'service_registry_heartbeat_age_distribution_seconds_count{type="agent"} 2',
      'service_registry_state_transitions_total{type="agent",from="pending",to="active"} 2',
      'service_registry_known_total{known="true"} 1',
      'service_registry_known_total{known="false"} 1',
      'service_registry_late{type="agent"} 2',
      'service_registry_late{type="poller"} 0',
      'service_registry_preservation_active 1',
      'service_registry_quarantined 2',
      'service_registry_job_last_success_timestamp_seconds{job="sweep"} 5',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line}\n\n${text}`)
    }
    assert.match(text, /^service_registry_flush_lag_seconds \d/m)
    await house.liveness.stop()
  })

  test('leave ages by id out where there are many', async () => {
    const house = await populated()
    const text = await measured(house, 3).metrics.text()
    assert.ok(!text.includes('age_seconds{'))
    assert.ok(text.includes('age_distribution_seconds_count{type="agent"} 2'))
    await house.liveness.stop()
  })

  test('are what Prometheus wants', { skip: skipWithout('promtool') }, async () => {
    const house = await populated()
    const input = await measured(house).metrics.text()
    execFileSync(findPart('promtool')!, ['check', 'metrics'], { input, stdio: ['pipe', 'pipe', 'pipe'] })
    await house.liveness.stop()
  })
})

test('statistics: by type, status and source; who is late, stuck, held, and waits', async () => {
  const house = await populated()
  await house.clock.advance(31 * minute)
  const stats = await measured(house).stats()
  assert.deepEqual(Stats.parse(stats), stats)
  assert.equal(stats.total, 4)
  assert.deepEqual([stats.counts.poller.pending, stats.counts.agent.active], [1, 2])
  assert.deepEqual(stats.by, [
    { service_type: 'poller', status: 'pending', registration_source: 'config', count: 1 },
    { service_type: 'poller', status: 'active', registration_source: 'config', count: 1 },
    { service_type: 'agent', status: 'active', registration_source: 'config', count: 2 },
  ])
  assert.deepEqual(stats.late, { poller: 1, agent: 2, checker: 0 })
  assert.equal(stats.oldest_pending?.service_id, 'new')
  assert.equal(stats.stuck_pending.count, 1)
  assert.equal(stats.stuck_pending.services[0]?.why, 'service-never-seen')
  assert.deepEqual([stats.preservation[0]?.group, stats.quarantined], ['poller/p', 2])
  await house.liveness.stop()
})
