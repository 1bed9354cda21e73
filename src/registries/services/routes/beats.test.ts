/** The hot routes, as the server calls them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import type { Caller, Direct, DirectReply } from '../../../kernel/route.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { anyone, beatOf, beatsOn, type Given } from '../beats/testing/ground.ts'
import { reportRoute } from './beats-report.ts'
import { beatRoutes } from './beats.ts'

function routesOn(given: Given = {}) {
  const ground = beatsOn(given)
  let loads = 0
  const ready = () => {
    loads += 1
    return Promise.resolve()
  }
  const routes = [...beatRoutes({ ...ground, ready }), reportRoute({ ...ground, ready, logger: silentLogger })]
  const directOf = (path: string) => routes.find((route) => route.path === `/api/services/${path}`)?.direct as Direct
  const ask = async (path: string, body: unknown, caller: Caller = anyone, contentType = 'application/json') => {
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    return answerOf(() => directOf(path)({ body: bytes, params: {}, contentType, caller, headers: {} }))
  }
  return {
    ...ground,
    loads: () => loads,
    single: (body: unknown, caller?: Caller) => ask('heartbeat', body, caller),
    batch: (body: unknown, contentType?: string) => ask('heartbeats', body, anyone, contentType),
    report: (body: unknown, caller?: Caller) => ask('report', body, caller),
    askKnown: (id: string) =>
      answerOf(() =>
        directOf('known/:poller')({
          body: Buffer.alloc(0),
          params: { poller: id },
          contentType: '',
          caller: anyone,
          headers: {},
        }),
      ),
  }
}

/** Status and body; of what is thrown status, code and reason. */
async function answerOf(does: () => DirectReply | Promise<DirectReply>): Promise<unknown[]> {
  try {
    const { status, body } = await does()
    return [status, JSON.parse(body)]
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown
    return [thrown.status, thrown.code, thrown.data['reason']]
  }
}

const poller = (id: string, more: object = {}) => ({ service_type: 'poller', poller_id: id, ...more })
const agent = (id: string, parent: string) => ({ service_type: 'agent', agent_id: id, poller_id: parent })

describe('POST /api/services/heartbeat', () => {
  it('answers what came of it', async () => {
    const { single, register, turn } = routesOn()
    assert.deepEqual(await single(poller('p')), [200, { result: 'registered' }])
    assert.deepEqual(await single(poller('p')), [200, { result: 'ok' }])
    await register('poller/q')
    assert.deepEqual(await single(poller('q')), [200, { result: 'activated' }])
    await turn('poller/q', 'deactivate')
    assert.deepEqual(await single(poller('q')), [200, { result: 'reactivated' }])
    const counted = poller('q', { boot_id: 'b', sequence: 1 })
    await single(counted)
    assert.deepEqual(await single(counted), [200, { result: 'repeated' }])
    assert.deepEqual(await single(poller('q', { boot_id: 'c' })), [200, { result: 'restarted' }])
  })

  it('refuses by a problem whose code and reason say why', async () => {
    const { single, turn } = routesOn()
    await single(poller('p'))
    await single(poller('q'))
    await single(agent('a', 'p'))
    assert.deepEqual(await single(agent('a', 'q')), [409, 'services.parent', 'service-parent'])
    assert.deepEqual(await single(agent('b', 'x')), [409, 'services.parent', 'service-parent'])
    await turn('poller/p', 'revoke')
    assert.deepEqual(await single(poller('p')), [403, 'services.revoked', 'service-revoked'])
    await turn('poller/p', 'delete')
    assert.deepEqual(await single(poller('p')), [410, 'services.deleted', 'service-deleted'])
    const other = { ...anyone, subject: 'poller/other' }
    assert.deepEqual(await single(poller('q'), other), [403, 'request.forbidden', 'service-subject'])
    assert.deepEqual(await single({ service_type: 'poller' }), [400, 'request.invalid', 'service-invalid'])
    assert.deepEqual(await single('{'), [400, 'request.invalid', undefined])
    const strict = routesOn({ implicit: { policy: 'deny' } })
    assert.deepEqual(await strict.single(poller('p')), [403, 'services.unknown', 'service-unknown'])
  })

  it('says 202 to whom a person has to approve', async () => {
    const { single } = routesOn({ implicit: { policy: 'quarantine' } })
    const answer = [
      202,
      { result: 'quarantined', detail: 'It is not registered: it waits for a person to approve it.' },
    ]
    assert.deepEqual(await single(poller('p')), answer)
    assert.deepEqual(await single(poller('p')), answer)
  })

  it('says 503 where it cannot be recorded, and the usual to those known', async () => {
    const ground = routesOn()
    await ground.single(poller('p'))
    await ground.journal.close()
    assert.deepEqual(await ground.single(poller('q')), [503, 'journal.unavailable', 'service-unavailable'])
    assert.deepEqual(await ground.single(poller('p')), [200, { result: 'ok' }])
  })

  it('waits once for what is kept in memory, and then answers without a promise', async () => {
    const ground = routesOn()
    for (let n = 0; n < 3; n += 1) await ground.single(poller('p'))
    assert.equal(ground.loads(), 1)
  })
})

describe('POST /api/services/heartbeats', () => {
  it('tells of those alone that are not ok, in order, and counts those that count', async () => {
    const { batch, turn } = routesOn()
    await batch([poller('p'), poller('revoked'), agent('a', 'p')])
    await turn('poller/revoked', 'revoke')
    const items = [poller('p'), poller('revoked'), 'x', agent('a', 'p'), poller('new'), { ...poller('p'), healthy: 1 }]
    const detail = 'Its registration was revoked: an admin can activate it again.'
    assert.deepEqual(await batch(items), [
      200,
      {
        accepted: 3,
        items: [
          { index: 1, id: 'revoked', service_type: 'poller', result: 'refused', reason: 'service-revoked', detail },
          { index: 2, result: 'refused', reason: 'service-invalid', detail: 'A heartbeat is a JSON object.' },
          { index: 4, id: 'new', service_type: 'poller', result: 'registered' },
          {
            index: 5,
            id: 'p',
            service_type: 'poller',
            result: 'refused',
            reason: 'service-invalid',
            detail: 'healthy must be true or false.',
          },
        ],
      },
    ])
    assert.deepEqual(await batch({ heartbeats: [poller('p')] }), [200, { accepted: 1, items: [] }])
  })

  it('takes lines, and a bad one is the fault of that item alone', async () => {
    const { batch } = routesOn()
    await batch([poller('p')])
    const lines = `${JSON.stringify(poller('p'))}\n{"service_type"\n${JSON.stringify(poller('p'))}\n`
    assert.deepEqual(await batch(lines, 'application/x-ndjson'), [
      200,
      {
        accepted: 2,
        items: [{ index: 1, result: 'refused', reason: 'service-invalid', detail: 'The line is not JSON.' }],
      },
    ])
    assert.deepEqual(await batch(lines), [400, 'request.invalid', undefined])
  })
})

describe('GET /api/services/known/:poller', () => {
  it('tells the status with it, right after each change', async () => {
    const { askKnown, single, turn } = routesOn({ known: { list: ['p', 'listed'] } })
    assert.deepEqual(await askKnown('x'), [200, { known: false, status: null, by: 'registry' }])
    assert.deepEqual(await askKnown('listed'), [200, { known: true, status: null, by: 'list' }])
    await single(poller('p'))
    assert.deepEqual(await askKnown('p'), [200, { known: true, status: 'active', by: 'registry' }])
    await turn('poller/p', 'revoke')
    assert.deepEqual(await askKnown('p'), [200, { known: false, status: 'revoked', by: 'registry' }])
  })
})

const report = {
  poller_id: 'p',
  timestamp: '1700000000',
  partition: 'default',
  source_ip: '10.0.0.9',
  services: [
    { service_name: 'ping', service_type: 'icmp', agent_id: 'a', available: true, message: 'AAAA' },
    { service_name: 'snmp', service_type: 'snmp', agent_id: 'a', available: true },
    { service_name: 'sysmon', service_type: 'sysmon', agent_id: 'b' },
    { service_name: 'local', service_type: 'process', available: true },
  ],
}
const everybody = ['poller/p', 'agent/a', 'agent/b', 'checker/snmp@a', 'checker/sysmon@b']

describe('POST /api/services/report', () => {
  it('is a heartbeat of the poller, of each agent once, and of each checker', async () => {
    const ground = routesOn()
    const registered = (type: string, id: string) => ({ id, service_type: type, result: 'registered' })
    assert.deepEqual(await ground.report(report), [
      200,
      {
        received: true,
        items: [
          registered('poller', 'p'),
          registered('agent', 'a'),
          registered('agent', 'b'),
          registered('checker', 'snmp@a'),
          registered('checker', 'sysmon@b'),
        ],
      },
    ])
    assert.deepEqual(
      everybody.map(ground.statusOf),
      Array.from(everybody, () => 'active'),
    )
    assert.equal(ground.roster.kindOf(ground.slotOf('checker/sysmon@b')), 'sysmon')
    const healthy = everybody.map((text) => ground.liveness.seen(ground.slotOf(text)).healthy)
    assert.deepEqual(healthy, [true, true, true, true, false])
    assert.deepEqual(await ground.report(report), [200, { received: true }])
    assert.match(await ground.metrics.text(), /^service_registry_heartbeats_total\{result="taken"\} 5$/m)
  })

  it('warns of what is missing, and tells of services that cannot be read', async () => {
    const { report: post, single } = routesOn()
    await single(poller('p'))
    const services = [{ agent_id: 7 }, { agent_id: 'a', service_type: 'snmp' }, { service_name: 'x' }]
    const fault = (index: number, detail: string) => ({
      index,
      result: 'refused',
      reason: 'service-invalid',
      detail,
    })
    assert.deepEqual(await post({ poller_id: 'p', services }), [
      200,
      {
        received: true,
        items: [
          fault(0, 'agent_id must be text of at most 256 characters.'),
          fault(1, 'service_name is missing: it names the checker.'),
        ],
        warnings: ['partition is missing.', 'source_ip is missing.'],
      },
    ])
    for (const body of [{}, { poller_id: '' }, { poller_id: 1 }, [], { poller_id: 'p', services: {} }]) {
      assert.deepEqual(await post(body), [400, 'request.invalid', undefined])
    }
    assert.deepEqual(await post({ poller_id: 'p', timestamp: -1 }), [400, 'request.invalid', undefined])
  })

  it('defect 18: decides first: of a poller that is refused nothing is taken, nor does it become known', async () => {
    const ground = routesOn({ implicit: { policy: 'deny' } })
    assert.deepEqual(await ground.report(report), [403, 'services.unknown', 'service-unknown'])
    assert.deepEqual(await ground.report(report), [403, 'services.unknown', 'service-unknown'])
    assert.equal(ground.roster.size, 0)
    assert.equal(ground.known.isKnown('p'), false)
    assert.equal((await ground.journal.head()).seq, 0)
    assert.equal(ground.beats.refusedOf({ type: 'poller', id: 'p' })?.count, 2)
  })

  it('of a revoked poller is refused, and its agents were not heard of by it', async () => {
    const ground = routesOn({ known: { list: ['p'] } })
    await ground.report(report)
    await ground.turn('poller/p', 'revoke')
    const seen = ground.liveness.lastSeen(ground.slotOf('agent/a'))
    await ground.clock.advance(60_000)
    assert.deepEqual(await ground.report(report), [403, 'services.revoked', 'service-revoked'])
    assert.equal(ground.liveness.lastSeen(ground.slotOf('agent/a')), seen)
    await ground.turn('poller/p', 'delete')
    assert.deepEqual(await ground.report(report), [410, 'services.deleted', 'service-deleted'])
  })

  it('of a poller that waits for a person takes nothing before that', async () => {
    const ground = routesOn({ implicit: { policy: 'quarantine' } })
    const [status, body] = (await ground.report(report)) as [number, { received: boolean; items: unknown[] }]
    assert.deepEqual([status, body.received, body.items.length], [202, false, 1])
    assert.equal(ground.quarantine.size(), 1)
    await ground.quarantine.approve({ type: 'poller', id: 'p' }, { actor: 'token:admin' })
    assert.equal((await ground.report(report))[0], 200)
  })

  it('lets everybody through in mode shadow, and counts whom the registry would refuse', async () => {
    const ground = routesOn({ implicit: { policy: 'deny' }, known: { mode: 'shadow' } })
    const [status, body] = (await ground.report({ ...report, services: [] })) as [number, { received: boolean }]
    assert.deepEqual([status, body.received], [200, true])
    assert.equal(ground.roster.size, 0)
    await ground.register('poller/p')
    await ground.report(report)
    const text = await ground.metrics.text()
    assert.match(text, /^service_registry_shadow_lookups_total\{result="unknown"\} 1$/m)
    assert.match(text, /^service_registry_shadow_lookups_total\{result="known"\} 1$/m)
  })

  it('in mode off goes by the list alone, and without one takes from everybody', async () => {
    const listed = routesOn({ known: { mode: 'off', list: ['other'] } })
    assert.deepEqual(await listed.report(report), [403, 'services.unknown', 'service-unknown'])
    const open = routesOn({ known: { mode: 'off' }, implicit: { policy: 'deny' } })
    assert.equal((await open.report(report))[0], 200)
    assert.equal(open.roster.size, 0)
  })

  it('by the credential of a service speaks for that poller alone', async () => {
    const ground = routesOn()
    await ground.take([beatOf('poller/other')])
    const caller = { ...anyone, subject: 'poller/other' }
    assert.deepEqual(await ground.report(report, caller), [403, 'request.forbidden', 'service-subject'])
    assert.equal((await ground.report({ ...report, poller_id: 'other' }, caller))[0], 200)
  })
})
