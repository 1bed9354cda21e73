import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import type { EngineContainer } from '../../../connectors/docker/client.ts'
import { createHttp } from '../../../connectors/http/client.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { freePorts } from '../../../../tests/parts/ports.ts'
import { dockerDeployer } from './docker-config.ts'
import { whyUnhealthy, type ProbeParts } from './docker-probe.ts'

const well: EngineContainer = {
  id: 'c1',
  name: 'shop-prod-new-0123456789ab',
  labels: {},
  image: { id: 'sha256:1', name: 'shop' },
  running: true,
  restarting: false,
  paused: false,
  begun: true,
  startedAt: '2026-01-01T00:00:01Z',
  exitCode: 0,
  killedForMemory: false,
  error: '',
  restarts: 0,
  restartPolicy: 'unless-stopped',
  health: 'none',
  healthSaid: '',
  networkMode: 'bridge',
  networks: {},
}

type Look = Partial<EngineContainer> | null

/** Each look finds the next; the last one stays. */
function engineOf(
  looks: readonly Look[],
  exec: ProbeParts['engine']['exec'] = () => Promise.reject(new Error('none')),
) {
  let at = 0
  return {
    looks: () => at,
    exec,
    container: () => {
      const look = looks[Math.min(at, looks.length - 1)]
      at += 1
      return Promise.resolve(look === null ? null : { ...well, ...look })
    },
  }
}

const noHttp = { request: () => Promise.reject(new Error('no request is expected')) }

async function probed(looks: readonly Look[], probe: object, exec?: ProbeParts['engine']['exec']) {
  const clock = createFakeClock()
  const engine = engineOf(looks, exec)
  const settings = dockerDeployer.parse({ probe }).probe
  const { signal } = new AbortController()
  const from = clock.now()
  const why = await clock.drive(
    whyUnhealthy({ engine, clock, http: noHttp }, 'c1', settings, () => {}, signal),
    600_000,
  )
  return { why, took: clock.now() - from, looks: engine.looks() }
}

suite('docker probe', () => {
  test('without a probe it has to go on running', async () => {
    assert.deepEqual(await probed([{}], { successes: 3, interval: '1s' }), { why: null, took: 2000, looks: 4 })
    assert.equal((await probed([{}], { start_delay: '30s', successes: 1 })).took, 30_000)
  })

  test('one that ended after it answered is not healthy', async () => {
    const { why } = await probed([{}, {}, { running: false, exitCode: 1, restartPolicy: 'no' }], { successes: 2 })
    assert.match(why!, /ended with exit code 1/)
  })

  test('a restart begins the count anew', async () => {
    const again = { restarts: 1, startedAt: '2026-01-01T00:00:05Z' }
    const { why, took } = await probed([{}, {}, again], { successes: 3, interval: '1s' })
    assert.equal(why, null)
    // Two that count for nothing, the restart, and three.
    assert.equal(took, 5000)
  })

  test('one that is being started again is not healthy, though the engine calls it running', async () => {
    const looks = [0, 1, 2, 3, 4].map((restarts) => ({
      restarting: true,
      restarts,
      exitCode: 137,
      killedForMemory: true,
    }))
    const { why } = await probed(looks, { successes: 1 })
    assert.equal(why, 'it ended with exit code 137, for it took too much memory; it was started again 4 times')
  })

  test('the end of one that runs again is waited for, to tell its exit code', async () => {
    const looks = [{ restarts: 5 }, { restarts: 5 }, { restarts: 5, running: false, exitCode: 3 }]
    assert.match((await probed(looks, {})).why!, /^it ended with exit code 3; it was started again 5 times$/)
  })

  test('one that stays as it ended is given up at the second look, one that must not start again at the first', async () => {
    const ended = { running: false, exitCode: 2 }
    assert.equal((await probed([ended], {})).looks, 2)
    assert.equal((await probed([{ ...ended, restartPolicy: 'no' }], {})).looks, 1)
    assert.match((await probed([null], {})).why!, /somebody removed it/)
    assert.match((await probed([{ running: false, error: 'no such device' }], {})).why!, /no such device/)
  })

  test('one that is never healthy is given up in time, with what was last wrong', async () => {
    const failing = () => Promise.resolve({ code: 7, output: 'connection refused\n' })
    const { why, took } = await probed([{}], { exec: ['/bin/check'], within: '30s', interval: '2s' }, failing)
    assert.equal(why, 'it was not healthy within 30s: /bin/check ended with 7: connection refused')
    assert.equal(took, 30_000)
  })

  test('successes have to come in a row', async () => {
    const codes = [0, 0, 1, 0, 0, 0]
    let at = 0
    const exec = () => Promise.resolve({ code: codes[Math.min(at++, 5)]!, output: '' })
    const { why, took } = await probed([{}], { exec: ['/bin/check'], successes: 3, interval: '1s' }, exec)
    assert.deepEqual([why, took, at], [null, 5000, 6])
  })

  test('a command that cannot be run is no success; an engine that is gone is no answer', async () => {
    const failing = (why: string) => () => {
      return Promise.reject(new AppError('target.unavailable', 'gone', { data: { where: 'unix:x', why } }))
    }
    const exec = ['/bin/check']
    assert.match((await probed([{}], { exec, within: '5s' }, failing('timed-out'))).why!, /not healthy within 5s: gone/)
    await assert.rejects(probed([{}], { exec }, failing('network')), /gone/)
  })

  test('its own health check is waited for', async () => {
    const health = true
    const looks = [{ health: 'starting' }, { health: 'starting' }, { health: 'healthy' }] as const
    assert.equal((await probed(looks, { health, successes: 1, interval: '1s' })).why, null)
    const sick = [{ health: 'starting' }, { health: 'unhealthy', healthSaid: 'no database' }] as const
    const { why, looks: asked } = await probed(sick, { health })
    assert.deepEqual([why, asked], ['its health check failed: no database', 2])
    assert.match((await probed([{}], { health })).why!, /no HEALTHCHECK/)
  })

  test('it is asked over HTTP and TCP', async () => {
    let status = 503
    const server = createServer((request, response) => {
      assert.equal(request.url, '/ready')
      response.writeHead(status).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const [closed] = (await freePorts(1)) as [number]
    const http = createHttp({ clock: systemClock, userAgent: 'test' })
    const ask = (probe: object, networks: EngineContainer['networks'] = {}) => {
      const settings = dockerDeployer.parse({ probe: { interval: '10ms', within: '1s', successes: 1, ...probe } }).probe
      const parts = { engine: engineOf([{ networks }]), clock: systemClock, http }
      return whyUnhealthy(parts, 'c1', settings, () => {}, AbortSignal.timeout(20_000))
    }
    try {
      const web = { port, path: '/ready' }
      assert.match((await ask({ http: web }))!, /HTTP 503/)
      assert.equal(await ask({ http: { ...web, status: 503 } }), null)
      status = 204
      assert.equal(await ask({ http: web, tcp: { port } }), null)
      assert.equal(
        await ask({ http: web }, { none: { address: '', aliases: [] }, web: { address: '127.0.0.1', aliases: [] } }),
        null,
      )
      assert.match((await ask({ tcp: { port: closed } }))!, /ECONNREFUSED/)
      assert.match((await ask({ http: { port: closed }, tcp: { port } }))!, /ECONNREFUSED/)
      status = 500
      assert.match((await ask({ http: web, tcp: { port } }))!, /HTTP 500/)
    } finally {
      server.closeAllConnections()
      server.close()
      await http.close()
    }
  })
})
