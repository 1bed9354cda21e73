/** Callers whom registries know by credentials of their own. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { randomBytes } from 'node:crypto'
import { createFakeClock } from '../src/engine/testing/fake-clock.ts'
import { AppError } from '../src/kernel/errors.ts'
import { silentLogger as logger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import { route, type Identity } from '../src/kernel/route.ts'
import { createServer, ServerSettings } from '../src/server/index.ts'
import { createFakeEngine } from '../src/server/testing/fake-engine.ts'
import { memoryJournal } from '../src/server/testing/serve.ts'

const who = route({
  method: 'POST',
  path: '/api/v1/who',
  role: 'operator',
  within: 'own',
  tag: 'test',
  summary: 'Say who asks',
  handle: ({ caller }) => Promise.resolve({ body: { name: caller.name, subject: caller.subject } }),
})

async function served() {
  const clock = createFakeClock({ start: 1_000_000 })
  let asked = 0
  const identity: Identity = {
    verify(bearer) {
      asked += 1
      if (bearer === 'broken') return Promise.reject(new AppError('source.unavailable', 'the issuer is down'))
      if (bearer !== 'good') return Promise.resolve(null)
      const caller = { name: 'account:c/ns/n', role: 'operator', scopes: null, subject: 'c' } as const
      return Promise.resolve({ caller, until: clock.now() + 600_000 })
    },
  }
  const journal = memoryJournal(clock)
  const server = createServer({
    settings: ServerSettings.parse({ port: 0, auth: 'tokens' }),
    journal,
    engine: createFakeEngine([]),
    keyValue: {} as never,
    routes: [who],
    identities: [identity],
    metrics: createMetrics(),
    logger,
    clock,
    randomBytes,
    version: 'test',
    socket: null,
    backup: null as never,
    bootstrap: { print: () => {}, file: '/nonexistent' },
  })
  const { url } = await server.start()
  const call = async (path: string, bearer: string) => {
    const reply = await fetch(url + path, {
      method: path === who.path ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${bearer}` },
    })
    return [reply.status, reply.status === 200 ? await reply.json() : null]
  }
  return { call, clock, asked: () => asked, [Symbol.asyncDispose]: () => server.stop(0) }
}

suite('a credential of another kind', () => {
  test('names its caller, is asked about once a minute, and is good for what is its own alone', async () => {
    await using server = await served()
    const known = [200, { name: 'account:c/ns/n', subject: 'c' }]
    assert.deepEqual(await server.call('/api/v1/who', 'good'), known)
    assert.deepEqual(await server.call('/api/v1/who', 'good'), known)
    assert.equal(server.asked(), 1)
    await server.clock.advance(61_000)
    assert.deepEqual(await server.call('/api/v1/who', 'good'), known)
    assert.equal(server.asked(), 2)
    assert.equal((await server.call('/api/v1/syncs', 'good'))[0], 403)
  })

  test('that nobody knows, or that cannot be told now, lets nobody in', async () => {
    await using server = await served()
    assert.equal((await server.call('/api/v1/who', 'other'))[0], 401)
    assert.equal((await server.call('/api/v1/who', 'broken'))[0], 401)
    assert.equal((await server.call('/api/v1/who', 'x'.repeat(9000)))[0], 401)
  })
})
