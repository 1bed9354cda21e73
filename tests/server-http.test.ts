/** What the server says to requests that are wrong, and to pages that are not its own. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { z } from 'zod'
import type { Logger } from '../src/kernel/logger.ts'
import { route } from '../src/kernel/route.ts'
import { problemType } from '../src/server/problem.ts'
import { serve, type Served } from '../src/server/testing/serve.ts'

interface Problem {
  code: string
  status: number
  detail: string
  title: string
  type: string
  id?: string
  errors?: { in: string; pointer: string; detail: string }[]
}

async function problem(reply: Response, status: number, code: string): Promise<Problem> {
  assert.match(reply.headers.get('content-type') ?? '', new RegExp(`^${problemType.replace('+', '\\+')}`))
  const body = (await reply.json()) as Problem
  assert.deepEqual([reply.status, body.status, body.code], [status, status, code])
  assert.equal(body.type, `urn:regista:problem:${code}`)
  assert.ok(body.title.length > 0 && body.detail.length > 0)
  return body
}

/** Sends bytes as they are and reads until the other side closes. */
async function raw(served: Served, text: string): Promise<string> {
  const socket = connect(Number(new URL(served.addresses.url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
  // The server may close before everything is written; what counts is its answer.
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return answer
}

const secret = 'the-inner-secret'
const broken = route({
  method: 'GET',
  path: '/test/broken',
  role: 'viewer',
  tag: 'test',
  summary: 'Break',
  handle: () => Promise.reject(new Error(secret)),
})
const nested = route({
  method: 'POST',
  path: '/test/nested/:count',
  role: 'viewer',
  tag: 'test',
  summary: 'Take much',
  params: z.object({ count: z.int() }),
  query: z.object({ deep: z.boolean().optional(), tags: z.array(z.string()).optional() }),
  body: z.object({ 'a/b': z.object({ 'c~d': z.int() }), 'kind': z.enum(['x', 'y']).default('x') }),
  handle: ({ params, query, body }) => Promise.resolve({ body: { params, query, body } }),
})

const logged: { fields: Record<string, unknown>; message: string }[] = []
const logger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (fields, message) => void logged.push({ fields: fields as Record<string, unknown>, message }),
  child: () => logger,
}

suite('requests that are wrong', () => {
  let served: Served
  before(async () => {
    served = await serve({ logger, routes: [broken, nested], settings: { limits: { body: 2048 } } })
  })
  after(() => served[Symbol.asyncDispose]())

  test('an unknown path is 404, and its query is not repeated', async () => {
    const { detail } = await problem(await served.call('/nothing?token=hidden'), 404, 'request.not-found')
    assert.equal(detail, 'There is nothing at /nothing.')
  })

  test('an unknown method is 405 with what is allowed', async () => {
    const reply = await served.call('/api/v1/kv/k', { method: 'POST', body: 'not even json' })
    assert.equal(reply.headers.get('allow'), 'DELETE, GET, HEAD, PUT')
    await problem(reply, 405, 'request.method')
  })

  test('every fault of every part is named with a pointer', async () => {
    const body = { 'a/b': { 'c~d': 'text', 'more': 1 }, 'kind': 'z' }
    const reply = await served.send('POST', '/test/nested/many?deep=maybe&unknown=1', body)
    const { errors } = await problem(reply, 400, 'request.invalid')
    assert.deepEqual(
      errors!.map((one) => `${one.in}${one.pointer}: ${one.detail}`).toSorted((a, b) => (a < b ? -1 : 1)),
      [
        'body/a~1b/c~0d: must be integer',
        'body/a~1b/more: is not known',
        'body/kind: must be one of x, y',
        'params/count: must be integer',
        'query/deep: must be boolean',
        'query/unknown: is not known',
      ],
    )
  })

  test('text of paths and queries becomes what the schema says, bodies stay as they are', async () => {
    const good = await served.send('POST', '/test/nested/5?deep=true&tags=one', { 'a/b': { 'c~d': 1 } })
    assert.deepEqual(await good.json(), {
      params: { count: 5 },
      query: { deep: true, tags: ['one'] },
      body: { 'a/b': { 'c~d': 1 }, 'kind': 'x' },
    })
    const text = await served.send('POST', '/test/nested/5', { 'a/b': { 'c~d': '1' } })
    await problem(text, 400, 'request.invalid')
  })

  test('bodies: too large, no JSON, another type, a prototype, one where none is taken', async () => {
    const put = (body: string, type = 'application/json') =>
      served.call('/api/v1/kv/k', { method: 'PUT', body, headers: { 'content-type': type } })
    await problem(await put(`{"value":"${'x'.repeat(4000)}"}`), 413, 'request.too-large')
    await problem(await put('{"value":'), 400, 'request.invalid')
    await problem(await put(''), 400, 'request.invalid')
    await problem(await put('{"__proto__":{"value":"x"},"value":"y"}'), 400, 'request.invalid')
    await problem(await put('value=x', 'application/x-www-form-urlencoded'), 415, 'request.media-type')
    await problem(await put('{"value":"x"}', 'text/plain'), 415, 'request.media-type')
    await problem(await put('{"value":"x"}', 'application/jsonp'), 415, 'request.media-type')
    assert.ok((await put('{"value":"x"}', 'application/vnd.example.v1+json; charset=utf-8')).ok)
    await problem(await served.send('POST', '/api/v1/syncs/one/pause', { why: 'x' }), 400, 'request.invalid')
    const empty = { method: 'POST', headers: { 'content-type': 'application/json' } }
    assert.equal((await served.call('/api/v1/syncs/one/pause', empty)).status, 200)
  })

  test('a fault of ours tells an id and nothing else', async () => {
    const reply = await served.call('/test/broken')
    const body = await problem(reply, 500, 'internal')
    assert.ok(!JSON.stringify(body).includes(secret))
    const line = logged.find(({ fields }) => fields['id'] === body.id)
    assert.ok(line, 'the id is not in the log')
    assert.equal((line.fields['err'] as Error).message, secret)
    assert.equal(line.fields['route'], '/test/broken')
  })

  test('headers too large, no HTTP, no such path encoding', async () => {
    const large = await raw(served, `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
    assert.match(large, /^HTTP\/1\.1 431 .*"request\.headers"/s)
    assert.match(await raw(served, 'HELLO\r\n\r\n'), /^HTTP\/1\.1 400 .*"request\.invalid"/s)
    await problem(await served.call('/api/v1/kv/%zz'), 400, 'request.invalid')
  })

  test('a rate beyond the limit is 429 with the time to wait', async () => {
    await using slow = await serve({ settings: { limits: { rate: 0.5, burst: 3 } } })
    for (let each = 0; each < 3; each += 1) assert.equal((await slow.call('/livez')).status, 200)
    const reply = await slow.call('/livez')
    assert.match(reply.headers.get('retry-after') ?? '', /^[12]$/)
    await problem(reply, 429, 'request.too-many')
  })
})

suite('pages of other sites, where callers need no token', () => {
  let served: Served
  before(async () => {
    served = await serve({ settings: { hosts: ['regista.internal'] } })
  })
  after(() => served[Symbol.asyncDispose]())

  /** fetch does not let one set Host, Origin or Sec-Fetch-Site. */
  async function status(headers: Record<string, string>, method = 'POST'): Promise<number> {
    const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    const path = method === 'POST' ? '/api/v1/syncs/one/pause' : '/api/v1/syncs/one'
    const answer = await raw(served, `${method} ${path} HTTP/1.1\r\n${lines.join('')}Connection: close\r\n\r\n`)
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
  }

  test('a rebound name is refused, for reading too; addresses and listed names are not', async () => {
    for (const method of ['GET', 'POST']) {
      assert.equal(await status({ Host: 'evil.example' }, method), 421)
      assert.equal(await status({ Host: 'evil.example:8080' }, method), 421)
      assert.equal(await status({ Host: 'localhost.evil.example' }, method), 421)
      assert.equal(await status({ Host: '' }, method), 421)
      for (const Host of ['localhost:1', '127.0.0.1:8080', '[::1]:8080', 'Regista.Internal']) {
        assert.equal(await status({ Host }, method), 200, Host)
      }
    }
  })

  test('changes from pages of other origins are refused, reads are not', async () => {
    const foreign = [
      { Origin: 'http://evil.example' },
      { Origin: 'null' },
      { 'Origin': 'http://localhost', 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'http://localhost:3000' },
    ]
    for (const headers of foreign) {
      assert.equal(await status(headers), 403, JSON.stringify(headers))
      assert.equal(await status(headers, 'GET'), 200)
    }
    const own = [{}, { Origin: 'http://localhost' }, { 'Sec-Fetch-Site': 'same-origin' }, { 'Sec-Fetch-Site': 'none' }]
    for (const headers of own) assert.equal(await status(headers), 200, JSON.stringify(headers))
  })

  test('a form, the one change that old browsers send unasked, has the wrong type', async () => {
    const form = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '0' }
    assert.equal(await status(form), 415)
    assert.equal(await status({ ...form, 'Content-Type': 'text/plain' }), 415)
  })
})
