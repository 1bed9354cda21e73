/** Routes that take bodies as they come. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { z } from 'zod'
import { route } from '../src/kernel/route.ts'
import { serve, type Served } from '../src/server/testing/serve.ts'

const echo = route({
  method: 'POST',
  path: '/api/v1/echo',
  role: 'operator',
  within: 'own',
  tag: 'test',
  summary: 'Say what came',
  rawBody: z.object({ a: z.string() }),
  handle: ({ bytes, headers, caller }) => {
    const type = headers['content-type']
    return Promise.resolve({ body: { hex: bytes.toString('hex'), type, subject: caller.subject } })
  },
})

suite('a route with a raw body', () => {
  let served: Served
  before(async () => {
    served = await serve({ routes: [echo] })
  })
  after(() => served[Symbol.asyncDispose]())

  const post = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
    served.call('/api/v1/echo', { method: 'POST', body, headers })

  test('gets the bytes, whatever their content type', async () => {
    const bytes = Uint8Array.from([0, 255, 123, 10])
    for (const type of ['application/json', 'text/plain; charset=utf-8', 'application/x-www-form-urlencoded']) {
      const reply = await post(bytes, { 'content-type': type })
      assert.deepEqual(await reply.json(), { hex: '00ff7b0a', type, subject: null })
    }
    for (const type of ['nonsense', ';', 'a/b; c', '']) {
      const reply = await post(bytes, { 'content-type': type })
      assert.equal(((await reply.json()) as { hex: string }).hex, '00ff7b0a', type)
    }
    const none = await post(new Uint8Array(), {})
    assert.equal(((await none.json()) as { hex: string }).hex, '')
  })

  test('keeps the limit of the server, and its other refusals', async () => {
    const long = await post(new Uint8Array(1_048_577), {})
    assert.equal(long.status, 413)
    const foreign = await post(new Uint8Array(1), { origin: 'http://elsewhere.example' })
    assert.equal(foreign.status, 403)
    assert.equal((await served.call('/api/v1/echo', { method: 'PUT' })).status, 405)
  })

  test('leaves other routes as they are', async () => {
    const reply = await served.call('/api/v1/tokens', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'text/plain' },
    })
    assert.equal(reply.status, 415)
  })
})

suite('a route that keeps callers to what is their own', () => {
  test('takes tokens with a subject, and hands it over', async () => {
    await using served = await serve({ routes: [echo], settings: { auth: 'tokens' } })
    const made = await served.server.request({
      method: 'POST',
      path: '/api/v1/tokens',
      body: { name: 'c', role: 'operator', subject: 'prod-1' },
    })
    let text = ''
    for await (const part of made.body) text += String(part)
    const { token } = JSON.parse(text) as { token: string }
    const headers = { 'authorization': `Bearer ${token}`, 'content-type': 'a/b' }
    const reply = await served.call('/api/v1/echo', { method: 'POST', body: 'x', headers })
    assert.deepEqual(await reply.json(), { hex: '78', type: 'a/b', subject: 'prod-1' })
    assert.equal((await served.call('/api/v1/syncs', { headers })).status, 403)
    assert.equal((await served.call('/api/v1/echo', { method: 'POST', body: 'x' })).status, 401)
  })
})
