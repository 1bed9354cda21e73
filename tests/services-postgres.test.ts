/** Two replicas on one PostgreSQL: each takes registrations and heartbeats, both know the same, one runs the jobs. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { skipWithout } from './parts/find.ts'
import { until } from './parts/gitops-sync.ts'
import { startPostgres } from './parts/postgres.ts'
import { scratch } from './parts/scratch.ts'
import { serveServices } from './parts/services.ts'

test('two replicas of one registry', { skip: skipWithout('postgres', 'initdb') }, async () => {
  const postgres = await startPostgres()
  try {
    const database = await postgres.createDatabase()
    using at = scratch('')
    for (const name of ['a', 'b']) {
      mkdirSync(at.path(name))
      const services = { implicit: { policy: 'deny' }, interval: '1s', inactive_after: { poller: '4s' } }
      const jobs = { mark_inactive: { every: '1s' } }
      const config = { server: { port: 0 }, database, state: 'state', services: { ...services, jobs } }
      at.write(`${name}/regista.yaml`, JSON.stringify(config))
    }
    await using a = await serveServices(at.path('a'))
    await using b = await serveServices(at.path('b'))

    // The same id at both at once: one of them registers it.
    const both = await Promise.all([a, b].map((server) => server.register('edge-1')))
    assert.deepEqual(both.map(({ body }) => body.result as string).toSorted(), ['registered', 'unchanged'])
    await until('both know it', async () => {
      const known = await Promise.all([a, b].map((server) => server.ask('GET', '/api/services/known/edge-1')))
      return known.every(({ body }) => body.known === true)
    })
    assert.equal((await b.beat('edge-1')).body.result, 'activated')
    await until('a knows that it reported at b', async () => (await a.statusOf('edge-1')) === 'active')
    // It reports at b alone: the job, whoever runs it, must not take it for silent.
    const ended = performance.now() + 8_000
    while (performance.now() < ended) {
      assert.equal((await b.beat('edge-1')).body.result, 'ok')
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    assert.deepEqual(await Promise.all([a, b].map((server) => server.statusOf('edge-1'))), ['active', 'active'])
    const jobs = await a.ask('GET', '/api/admin/services/jobs/mark-inactive')
    assert.ok(jobs.body.last, 'the job has run')

    await until('silence makes it inactive at both', async () => {
      const statuses = await Promise.all([a, b].map((server) => server.statusOf('edge-1')))
      return statuses.every((status) => status === 'inactive')
    })
    const revoked = await a.ask('POST', '/api/admin/services/pollers/edge-1/status', {
      status: 'revoked',
      reason: 'the site is closed',
    })
    assert.equal(revoked.status, 200)
    await until('b refuses it', async () => (await b.beat('edge-1')).status === 403)
    const { body } = await a.ask('GET', '/api/admin/services/events?service=poller/edge-1')
    const types = (body.items as { event_type: string }[]).map(({ event_type }) => event_type).toSorted()
    assert.deepEqual(types, ['activated', 'deactivated', 'registered', 'revoked'])
  } finally {
    await postgres.stop()
  }
})
