/** Every route × every kind of caller. A route without a row fails, so that none is let in by oversight. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { z } from 'zod'
import { everyRoute } from '../scripts/openapi.ts'
import type { Journal } from '../src/engine/journal.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import { directRoute, route, serviceRights, type Route, type ServiceRight } from '../src/kernel/route.ts'
import { registries } from '../src/registries/index.ts'
import type { Parts } from '../src/registries/registry.ts'
import { memoryJournal, serve, type Served } from '../src/server/testing/serve.ts'
import { addToken, bearer } from '../src/server/testing/tokens.ts'

/**
 * Columns: a caller without a token on this machine; viewer, operator, admin without limits; an admin
 * limited to sync `one` and keys under `a/` asking for those, then for others; an admin credential of
 * the subject `s1`. A dot: let in.
 */
const table: Readonly<Record<string, string>> = {
  //                                         nobody viewer operator admin within outside subject
  'GET /livez': '                            .      .      .        .     .      .       .  ',
  'GET /readyz': '                           .      .      .        .     .      .       .  ',
  'GET /healthz': '                          .      .      .        .     .      .       .  ',
  'GET /metrics': '                          .      .      .        .     403    403     403',
  'GET /openapi.json': '                     .      .      .        .     .      .       .  ',
  'GET /docs': '                             .      .      .        .     .      .       .  ',
  'GET /api/v1/caller': '                    401    .      .        .     .      .       403',
  'GET /api/v1/syncs': '                     401    .      .        .     .      .       403',
  'GET /api/v1/syncs/:sync': '               401    .      .        .     .      403     403',
  'POST /api/v1/syncs/:sync/sync': '         401    403    .        .     .      403     403',
  'POST /api/v1/syncs/:sync/plan': '         401    403    .        .     .      403     403',
  'POST /api/v1/syncs/:sync/pause': '        401    403    .        .     .      403     403',
  'POST /api/v1/syncs/:sync/resume': '       401    403    .        .     .      403     403',
  'POST /api/v1/syncs/:sync/forget': '       401    403    403      .     .      403     403',
  'GET /api/v1/entries?sync=:sync': '        401    .      .        .     .      403     403',
  'GET /api/v1/scopes?sync=:sync': '         401    .      .        .     .      403     403',
  'GET /api/v1/targets?sync=:sync': '        401    .      .        .     .      403     403',
  'GET /api/v1/deliveries?sync=:sync': '     401    .      .        .     .      403     403',
  'GET /api/v1/holds?sync=:sync': '          401    .      .        .     .      403     403',
  'GET /api/v1/holds/:hold': '               401    .      .        .     .      .       403',
  'POST /api/v1/holds/:hold/release': '      401    403    .        .     .      .       403',
  'POST /api/v1/holds/release': '            401    403    .        .     .      .       403',
  'GET /api/v1/events?sync=:sync': '         401    .      .        .     .      403     403',
  'GET /api/v1/events/stream?sync=:sync': '  401    .      .        .     .      403     403',
  'GET /api/v1/explain?key=k&sync=:sync': '  401    .      .        .     .      403     403',
  'GET /api/v1/kv?prefix=:key': '            401    .      .        .     .      403     403',
  'GET /api/v1/kv/*': '                      401    .      .        .     .      403     403',
  'PUT /api/v1/kv/*': '                      401    403    .        .     .      403     403',
  'DELETE /api/v1/kv/*': '                   401    403    .        .     .      403     403',
  'GET /api/v1/tokens': '                    401    403    403      .     403    403     403',
  'POST /api/v1/tokens': '                   401    403    403      .     403    403     403',
  'DELETE /api/v1/tokens/:token': '          401    403    403      .     403    403     403',
  'POST /api/v1/journal/verify': '           401    403    403      .     403    403     403',
  'POST /api/v1/journal/backup': '           401    403    403      403   403    403     403',
  'GET /api/v1/capabilities?sync=:sync': '   401    .      .        .     .      403     403',
  'GET /api/v1/capabilities/graph?sync=:sync': ' 401    .      .        .     .      403     403',
  'GET /api/v1/capabilities/:id?sync=:sync': ' 401    .      .        .     .      403     403',
  'GET /api/v1/capabilities/:id/dependents?sync=:sync': ' 401    .      .        .     .      403     403',
  'POST /api/v1/capabilities::batch': '      401    403    .        .     .      403     403',
  'GET /api/v1/syncs/:sync/submissions': '   401    .      .        .     .      403     403',
  'GET /api/v1/modules?sync=:sync': '        401    .      .        .     .      403     403',
  'GET /api/v1/modules/builders?sync=:sync': ' 401    .      .        .     .      403     403',
  'POST /api/v1/syncs/:sync/notifications': ' 401    403    .        .     .      403     403',
  'POST /api/v1/status': '                   401    403    .        .     .      .       403',
  'GET /api/v1/status': '                    401    .      .        .     .      .       .  ',
  'GET /api/v1/status/:cluster': '           401    .      .        .     .      .       403',
  'GET /api/v1/status/batch': '              401    .      .        .     .      .       403',
  'POST /api/v1/status/batch': '             401    403    .        .     .      .       .  ',
  'PUT /api/v1/clusters/:cluster/snapshot': ' 401    403    .        .     .      .       403',
  'GET /api/v1/clusters/:cluster/snapshot': ' 401    .      .        .     .      .       403',
  'GET /api/v1/status/:cluster/*': '         401    .      .        .     .      .       403',
  'DELETE /api/v1/status/:cluster/*': '      401    403    .        .     .      .       403',
  'GET /api/v1/preview': '                   401    .      .        .     .      .       403',
  'POST /api/v1/reconcile': '                401    403    .        .     .      .       403',
  'GET /api/v1/clusters': '                  401    .      .        .     .      .       .  ',
  'GET /api/v1/unmatched': '                 401    .      .        .     .      .       .  ',
  'GET /api/v1/images/stages?deployer=:sync': ' 401    .      .        .     .      403     403',
  'GET /api/v1/images/projects': ' 401    .      .        .     .      .       403',
  'GET /api/v1/images/stages/:project/:stage': ' 401    .      .        .     .      .       403',
  'PUT /api/v1/images/stages/:project/:stage': ' 401    403    403      .     .      403     403',
  'DELETE /api/v1/images/stages/:project/:stage': ' 401    403    403      .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/check': ' 401    403    .        .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/approve': ' 401    403    .        .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/deploy': ' 401    403    .        .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/rollback': ' 401    403    .        .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/unpin': ' 401    403    .        .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/redeploy': ' 401    403    .        .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/pause': ' 401    403    .        .     .      .       403',
  'POST /api/v1/images/stages/:project/:stage/resume': ' 401    403    .        .     .      .       403',
  'GET /api/v1/images/stages/:project/:stage/history': ' 401    .      .        .     .      .       403',
  'GET /api/v1/images/deployers': ' 401    .      .        .     .      .       403',
  'GET /api/v1/images/places': ' 401    .      .        .     .      .       403',
  'GET /api/v1/images/registries': ' 401    .      .        .     403    403     403',
  'GET /api/v1/images/hooks': ' 401    .      .        .     403    403     403',
  'GET /api/v1/images/settings': ' 401    .      .        .     403    403     403',
  'GET /api/v1/images/tags?registry=r&image=i': ' 401    403    .        .     403    403     403',
  'PUT /api/v1/images/settings': ' 401    403    403      .     403    403     403',
  'POST /api/v1/images/test-pattern': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/:type': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/:type/:id/agents': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/:type/:id/checkers': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/:type/:id': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/:type/:id/explain': ' 401    .      .        .     403    403     403',
  'POST /api/admin/services/:type': ' 401    403    .        .     403    403     403',
  'PATCH /api/admin/services/:type/:id': ' 401    403    .        .     403    403     403',
  'POST /api/admin/services/:type/:id/status': ' 401    403    403      .     403    403     403',
  'PUT /api/admin/services/:type/:id/status': ' 401    403    403      .     403    403     403',
  'PUT /api/admin/services/:id/status': ' 401    403    403      .     403    403     403',
  'POST /api/admin/services/:type/:id/undelete': ' 401    403    403      .     403    403     403',
  'DELETE /api/admin/services/:type/:id': ' 401    403    403      .     403    403     403',
  'POST /api/admin/services/purge': ' 401    403    403      .     403    403     403',
  'GET /api/admin/services/tree': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/events': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/events/stream': ' 401    .      .        .     403    403     403',
  'POST /api/admin/services/audit/verify': ' 401    403    403      .     403    403     403',
  'GET /api/admin/services/audit/export': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/quarantine': ' 401    .      .        .     403    403     403',
  'POST /api/admin/services/quarantine/:type/:id/approve': ' 401    403    .        .     403    403     403',
  'POST /api/admin/services/quarantine/:type/:id/dismiss': ' 401    403    .        .     403    403     403',
  'GET /api/admin/services/preservation': ' 401    .      .        .     403    403     403',
  'POST /api/admin/services/preservation/:group/release': ' 401    403    403      .     403    403     403',
  'GET /api/admin/services/jobs': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/jobs/:job': ' 401    .      .        .     403    403     403',
  'POST /api/admin/services/jobs/:job/run': ' 401    403    403      .     403    403     403',
  'GET /api/admin/services/stats': ' 401    .      .        .     403    403     403',
  'GET /api/admin/services/stats/history': ' 401    .      .        .     403    403     403',
  'POST /api/services/heartbeat': ' 401    403    .        .     403    403     .  ',
  'POST /api/services/heartbeats': ' 401    403    .        .     403    403     .  ',
  'POST /api/services/report': ' 401    403    .        .     403    403     .  ',
  'GET /api/services/known/:poller': ' 401    403    .        .     403    403     .  ',
  'POST /webhooks/:hook': '                  .      .      .        .     .      .       .  ',
  // Routes as registries may declare them.
  'POST /test/agents/:agent': '              401    403    .        .     403    403     .  ',
  'POST /test/others/:agent': '              401    403    .        .     403    403     403',
  'POST /test/services/beat': '              401    403    .        .     403    403     .  ',
  'POST /test/services/read': '              401    403    .        .     403    403     403',
  'POST /test/services/purge': '             401    403    .        .     403    403     403',
}

const agents = (path: string) =>
  route({
    method: 'POST',
    path,
    role: 'operator',
    within: { subject: 'agent' },
    tag: 'test',
    summary: 'Act for one agent',
    params: z.object({ agent: z.string() }),
    handle: () => Promise.resolve({}),
  })

/** `own`: for those with a subject too. */
const services = (right: ServiceRight, own: { readonly own?: true } = {}) =>
  directRoute({
    method: 'POST',
    path: `/test/services/${right}`,
    role: 'operator',
    within: { services: right, ...own },
    tag: 'test',
    summary: 'Act on services',
    rawBody: z.unknown(),
    direct: () => ({ status: 200, body: '{}' }),
  })

/** Of every registry, with nothing configured, except where routes know of themselves which sync they are about. */
const sections: Readonly<Record<string, unknown>> = {
  claims: { one: { pushed: {}, targets: { file: { file: { git: { url: '/nowhere' }, path: 'registry.yaml' } } } } },
}

async function registryRoutes(journal: Journal): Promise<readonly Route[]> {
  const unused = {} as never
  const parts: Parts = {
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    metrics: createMetrics(),
    journal,
    keyValue: unused,
    base: '',
    state: '',
    retention: { events: 90 * 86_400_000 },
    engine: () => unused,
  }
  const built = await Promise.all(
    registries.map((registry) => registry.build(registry.config.parse(sections[registry.name] ?? {}), parts)),
  )
  return built.flatMap(({ routes }) => routes)
}

const columns = ['nobody', 'viewer', 'operator', 'admin', 'within', 'outside', 'subject'] as const
const bodies: Readonly<Record<string, unknown>> = {
  'POST /api/v1/holds/release': { holds: ['h'] },
  'PUT /api/v1/kv/*': { value: 'v' },
  'POST /api/v1/journal/backup': { file: '/nowhere/backup' },
  'POST /api/v1/tokens': { name: 'n', role: 'viewer' },
  'POST /api/v1/capabilities::batch': { sync: ':sync', items: [] },
  'POST /api/v1/syncs/:sync/notifications': { events: [] },
  'POST /api/v1/status': { cluster: 's2', claimRef: 'a/b', statusMessage: 'm' },
  'POST /api/v1/status/batch': { items: [] },
  'PUT /api/v1/images/stages/:project/:stage': { registry: 'r', image: 'i', deployer: ':sync' },
  'PUT /api/v1/images/settings': { poll_interval: null },
  'POST /api/v1/images/test-pattern': { tags: ['v1'] },
  'PUT /api/v1/clusters/:cluster/snapshot': { items: [], complete: true },
}

function pathFor(path: string, column: string): string {
  const other = column === 'outside'
  return path
    .replace('::', ':')
    .replace(':sync', other ? 'two' : 'one')
    .replace(/\*|:key/, other ? 'b/1' : 'a/1')
    .replace('agents/:agent', 'agents/s1')
    .replace(':project/:stage', 'p/s')
    .replace(/:(agent|hold|token|cluster)/, 's2')
}

suite('access', () => {
  let served: Served
  const headers: Record<string, Record<string, string>> = { nobody: {} }

  before(async () => {
    const journal = memoryJournal(
      systemClock,
      registries.flatMap(({ tables }) => tables),
    )
    const limited = { scopes: { syncs: ['one'], kv: ['a/'] } } as const
    const callers = {
      viewer: { role: 'viewer' },
      operator: { role: 'operator' },
      admin: {},
      within: limited,
      outside: limited,
      subject: { subject: 's1' },
      expired: { expiresAt: 1 },
      revoked: { revokedAt: 1 },
    } as const
    for (const right of serviceRights) {
      const changes = { role: 'operator', scopes: { services: [right] } } as const
      headers[right] = bearer(await addToken(journal, changes))
      headers[`s1 ${right}`] = bearer(await addToken(journal, { ...changes, subject: 's1' }))
    }
    for (const [name, changes] of Object.entries(callers)) headers[name] = bearer(await addToken(journal, changes))
    served = await serve({
      journal,
      // Tokens that are refused cost twenty of it each, and every route is asked with some.
      settings: { auth: 'tokens', limits: { burst: 20_000 } },
      routes: [
        agents('/test/agents/:agent'),
        agents('/test/others/:agent'),
        services('beat', { own: true }),
        services('read'),
        services('purge'),
        ...(await registryRoutes(journal)),
      ],
    })
  })
  after(() => served[Symbol.asyncDispose]())

  async function outcome(row: string, column: string): Promise<string> {
    const [method = '', path = ''] = row.split(' ')
    const body: unknown = bodies[row] && JSON.parse(pathFor(JSON.stringify(bodies[row]), column))
    const reply = await served.send(method, pathFor(path, column), body, headers[column])
    await reply.body?.cancel()
    return reply.status === 401 || reply.status === 403 ? String(reply.status) : '.'
  }

  test('every route has a row', async () => {
    const rows = Object.keys(table).map((row) => row.split('?')[0])
    const declared = (await everyRoute()).map(({ method, path }) => `${method} ${path}`)
    assert.ok(declared.length > 25, `only ${declared.length} routes seen`)
    assert.deepEqual(
      declared.filter((one) => !rows.includes(one)),
      [],
      'routes without a row',
    )
    assert.deepEqual(
      rows.filter((row) => !row!.includes('/test/') && !declared.includes(row!)),
      [],
      'rows without a route',
    )
  })

  for (const [row, cells] of Object.entries(table)) {
    test(row, async () => {
      const wanted = cells.trim().split(/\s+/)
      const got: string[] = []
      for (const column of columns) got.push(await outcome(row, column))
      assert.deepEqual(got, wanted, columns.join(' '))
    })
  }

  test('each right over services is listed by itself', async () => {
    for (const right of serviceRights) {
      for (const asked of ['beat', 'read', 'purge']) {
        const status = async (column: string) =>
          (await served.send('POST', `/test/services/${asked}`, undefined, headers[column])).status
        assert.equal(await status(right), asked === right ? 200 : 403, `${right} for ${asked}`)
        assert.equal(await status(`s1 ${right}`), asked === right && asked === 'beat' ? 200 : 403, `${right} of s1`)
      }
    }
  })

  test('expired and revoked tokens open nothing but what is public', async () => {
    for (const column of ['expired', 'revoked']) {
      for (const row of Object.keys(table)) {
        const isPublic = /livez|readyz|healthz|openapi|docs/.test(row)
        if (!isPublic) assert.equal(await outcome(row, column), '401', `${column} ${row}`)
      }
    }
  })
})
