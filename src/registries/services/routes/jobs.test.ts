import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { Caller, Route } from '../../../kernel/route.ts'
import { createJobs } from '../jobs/create.ts'
import { day, hour, minute, openHouse } from '../jobs/testing/house.ts'
import { createPreservation } from '../liveness/preservation.ts'
import { createSurvey } from '../stats/survey.ts'
import { preservations } from '../tables.ts'
import { statsRoutes } from './jobs-stats.ts'
import { jobRoutes } from './jobs.ts'

const caller: Caller = { name: 'token:ops', role: 'admin', scopes: null, subject: null }

async function ground(t: TestContext) {
  const house = await openHouse()
  const state = await mkdtemp(join(tmpdir(), 'regista-jobs-'))
  t.after(() => rm(state, { recursive: true, force: true }))
  const ready = () => Promise.resolve()
  const preservation = createPreservation(house)
  const parts = {
    ...house,
    preservation,
    random: () => 0.5,
    holder: 'one',
    base: state,
    state,
    retention: { events: 90 * 86_400_000 },
    ready,
  }
  const runner = createJobs(parts)
  const survey = createSurvey(house)
  const stats = {
    ...house,
    ready,
    survey,
    preserved: () => house.journal.select(preservations),
    quarantined: () => 0,
    stuckAfter: hour,
  }
  const routes = [...jobRoutes({ runner }), ...statsRoutes(stats)]

  async function ask(method: Route['method'], path: string, given: { params?: object; query?: object; body?: object }) {
    const route = routes.find((one) => one.method === method && one.path === `/api/admin/services/${path}`)!
    const { params, query, body } = route
    const asked = {
      params: params?.parse(given.params ?? {}),
      query: query?.parse(given.query ?? {}),
      body: body?.parse(given.body ?? {}),
      bytes: Buffer.alloc(0),
      caller,
      headers: {},
      signal: new AbortController().signal,
    }
    const reply = await route.handle(asked as never)
    // What the documentation says of it is true.
    return { status: reply.status ?? 200, body: route.response!.parse(reply.body) as Record<string, unknown> }
  }
  return { house, runner, ask }
}

describe('the routes of jobs', () => {
  it('show each job with its schedule, its last run and its next', async (t) => {
    const { house, runner, ask } = await ground(t)
    runner.start()
    await house.clock.advance(6 * minute)
    const { body } = await ask('GET', 'jobs', {})
    const items = body['items'] as Record<string, unknown>[]
    assert.deepEqual(
      items.map(({ job, enabled, every_seconds: every, cron }) => [job, enabled, every, cron]),
      [
        ['mark-inactive', true, 300, null],
        ['stuck-pending', true, 300, null],
        ['archive', true, 604_800, null],
        ['purge', false, 86_400, null],
        ['sample', true, null, '* * * * *'],
        ['event-retention', true, 3_600, null],
      ],
    )
    const { body: one } = await ask('GET', 'jobs/:job', { params: { job: 'mark-inactive' } })
    assert.equal((one['last'] as Record<string, unknown>)['by'], 'job:mark-inactive')
    assert.equal((one['result'] as Record<string, unknown>)['inactive'], 0)
    assert.ok(Date.parse(String(one['next_at'])) > house.clock.now())
    await assert.rejects(ask('GET', 'jobs/:job', { params: { job: 'other' } }), { code: 'request.not-found' })
    await runner.stop()
  })

  it('run a job now, or say what it would do', async (t) => {
    const { house, runner, ask } = await ground(t)
    await house.register('poller/p')
    await house.clock.advance(31 * day)
    const dry = await ask('POST', 'jobs/:job/run', { params: { job: 'purge' }, body: { dry_run: true } })
    assert.deepEqual([dry.status, (dry.body['result'] as Record<string, unknown>)['due']], [200, 1])
    assert.equal(house.statusOf('poller/p'), 'pending')
    const real = await ask('POST', 'jobs/:job/run', { params: { job: 'purge' } })
    assert.equal((real.body['result'] as Record<string, unknown>)['purged'], 1)
    assert.equal((await house.told('purged'))[0]?.actor, 'token:ops')
    const { body } = await ask('GET', 'jobs/:job', { params: { job: 'purge' } })
    assert.equal((body['last'] as Record<string, unknown>)['by'], 'token:ops')
    assert.equal(body['next_at'], null)
    await house.journal.lease('services.jobs', 'elsewhere', hour)
    const asked = await ask('POST', 'jobs/:job/run', { params: { job: 'purge' } })
    assert.deepEqual([asked.status, asked.body['status']], [202, 'asked'])
    await runner.stop()
  })

  it('show how the registry stands, and how it stood', async (t) => {
    const { house, runner, ask } = await ground(t)
    await house.register('poller/p', 'agent/a < p')
    runner.start()
    await house.clock.advance(2 * hour)
    await runner.stop()
    const { body: stats } = await ask('GET', 'stats', {})
    assert.deepEqual([stats['total'], (stats['stuck_pending'] as Record<string, unknown>)['count']], [2, 2])
    const { body: hours } = await ask('GET', 'stats/history', {})
    assert.deepEqual([hours['span'], hours['step_seconds'], (hours['items'] as []).length], ['hour', 3_600, 2])
    const since = new Date(house.clock.now() - 10 * minute).toISOString()
    const query = { span: 'minute', since, type: ['agent'], status: ['pending', 'active'] }
    const { body: minutes } = await ask('GET', 'stats/history', { query })
    const items = minutes['items'] as { at: string; counts: unknown }[]
    assert.deepEqual(items[0]?.counts, { agent: { pending: 1, active: 0 } })
    assert.equal(items.length, 10)
    const backwards = { since, until: new Date(0).toISOString() }
    await assert.rejects(ask('GET', 'stats/history', { query: backwards }), { code: 'request.invalid' })
  })
})
