/** Direct routes over the wire: the same answers as by the HTTP library, and nothing that the library would not read so. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { memoryJournal, serve, type Served } from '../src/server/testing/serve.ts'
import {
  createGround,
  request,
  talk,
  type Asking,
  type Ground,
  type Line,
  type Reply,
} from '../src/server/testing/direct-ground.ts'
import { addToken, bearer } from '../src/server/testing/tokens.ts'
import { makeCertificates } from './parts/certificates.ts'
import { skipWithout } from './parts/find.ts'

const portOf = (served: Served) => Number(new URL(served.addresses.url).port)
const line = (served: Served): Line => talk({ port: portOf(served), host: '127.0.0.1' })

/** By the order of headers: the library’s answers never begin with this one. */
function isDirect({ headers }: Reply): boolean {
  return [...headers.keys()][0] === 'cache-control'
}

/** Sent so, it is never direct. */
const throughLibrary = { TE: 'trailers' }

async function once(served: Served, asking: Asking): Promise<Reply> {
  const to = line(served)
  to.send(request(asking))
  const reply = await to.reply()
  to.socket.destroy()
  return reply
}

function comparable({ status, headers, body }: Reply): object {
  // The library closes after JSON that it cannot read, though it has all of it.
  const told = new Map([...headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name)))
  // Each fault of ours has an id of its own.
  return { status, headers: Object.fromEntries(told), body: body.replace(/"id":"[^"]+"/, '"id":""') }
}

suite('direct answers', () => {
  let ground: Ground
  let served: Served
  let tokens: Record<string, { authorization: string }>

  before(async () => {
    ground = createGround()
    const journal = memoryJournal()
    const limited = async (scopes: object) => bearer(await addToken(journal, { scopes }))
    tokens = {
      operator: bearer(await addToken(journal, { role: 'operator' })),
      viewer: bearer(await addToken(journal, { role: 'viewer' })),
      subject: bearer(await addToken(journal, { subject: 'service/poller/edge-1' })),
      beats: await limited({ services: ['beat'] }),
      reads: await limited({ services: ['read', 'write', 'purge'] }),
      keys: await limited({ kv: ['a/'] }),
      unknown: bearer(`regista_0123456789ab_${'x'.repeat(43)}`),
      basic: { authorization: 'Basic eDp5' },
    }
    served = await serve({ journal, settings: { auth: 'tokens' }, routes: ground.routes, socket: true })
  })
  after(() => served[Symbol.asyncDispose]())

  const body = '{"text":"Grüße, 世界"}'
  const asked: Readonly<Record<string, Asking & { as?: string }>> = {
    'an answer': { body },
    'no body': {},
    'an empty body': { body: '' },
    'another content type': { body: 'a=b', headers: { 'Content-Type': 'Application/X-NDJSON; charset=utf-8' } },
    'no content type': { body, headers: { 'Content-Type': '-' } },
    'an error by name': { body: 'no such' },
    'a fault of ours': { body: 'bug' },
    'nobody': { body, as: 'nobody' },
    'an unknown token': { body, as: 'unknown' },
    'another scheme': { body, as: 'basic' },
    'too low a role': { body, as: 'viewer' },
    'a right to beats': { body, as: 'beats' },
    'rights to all but beats': { body, as: 'reads' },
    'limits of another kind': { body, as: 'keys' },
    'a subject': { body, as: 'subject' },
    'a page of another site': { body, headers: { Origin: 'http://evil.example' } },
    'a page of our own': { body, headers: { 'Sec-Fetch-Site': 'same-origin' } },
    'a parameter': { method: 'GET', path: '/test/known/edge-1' },
    'a parameter that does not fit': { method: 'GET', path: `/test/known/${'x'.repeat(41)}` },
    'json by the same handler': {
      method: 'PUT',
      path: '/test/kv/a/b',
      body: '{"value":"v"}',
      headers: { 'If-Match': '"7"' },
    },
    'json with all faults': { method: 'PUT', path: `/test/kv/${'k'.repeat(41)}`, body: '{"times":"x","more":1}' },
    'json that is none': { method: 'PUT', path: '/test/kv/a', body: '{"value":' },
    'json that would poison': { method: 'PUT', path: '/test/kv/a', body: '{"value":"v","__proto__":{}}' },
    'json without a body': { method: 'PUT', path: '/test/kv/a' },
    'a key of theirs': { method: 'PUT', path: '/test/kv/a/1', body: '{"value":"v"}', as: 'keys' },
    'a key of others': { method: 'PUT', path: '/test/kv/b/1', body: '{"value":"v"}', as: 'keys' },
    'nothing to say': { method: 'DELETE', path: '/test/kv/a' },
  }

  for (const [name, { as = 'operator', ...asking }] of Object.entries(asked)) {
    test(`the same as by the library: ${name}`, async () => {
      const headers = { ...tokens[as], ...asking.headers }
      const direct = await once(served, { ...asking, headers })
      const ordinary = await once(served, { ...asking, headers: { ...headers, ...throughLibrary } })
      assert.ok(isDirect(direct) || direct.status === 204, 'was not answered directly')
      if (direct.status === 200) assert.ok(!isDirect(ordinary), 'was not answered by the library')
      assert.deepEqual(comparable(direct), comparable(ordinary))
    })
  }

  test('what is not plain goes to the library, and what was direct before it stays answered', async () => {
    const plain = request({ body, headers: tokens['operator']! })
    const odd: Record<string, [string, number]> = {
      'another path': [request({ method: 'GET', path: '/livez' }), 200],
      'a route of its own': [request({ method: 'GET', path: '/test/known/all', headers: tokens['operator']! }), 200],
      'escapes': [request({ method: 'GET', path: '/test/known/%65dge', headers: tokens['operator']! }), 200],
      'a query': [request({ method: 'GET', path: '/test/known/edge?x=1', headers: tokens['operator']! }), 400],
      'two lengths': [plain.replace('\r\n\r\n', '\r\nContent-Length: 1\r\n\r\n'), 400],
      'length and chunks': [plain.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n'), 400],
      'a line feed alone': [plain.replace('\r\n', '\n'), 400],
      'folded': [plain.replace('\r\nContent-Type: ', '\r\nContent-Type:\r\n '), 400],
      'a blank before the colon': [plain.replace('Host:', 'Host :'), 400],
      'NUL': [plain.replace('localhost', 'local\0host'), 400],
      'no host': [plain.replace('Host: localhost\r\n', ''), 200],
      'another version': [plain.replace('HTTP/1.1', 'HTTP/1.0'), 200],
    }
    for (const [name, [text, status]] of Object.entries(odd)) {
      const to = line(served)
      to.send(plain + text)
      const first = await to.reply()
      assert.deepEqual([first.status, isDirect(first)], [200, true], name)
      assert.equal((await to.reply()).status, status, name)
      to.socket.destroy()
    }
  })

  test('chunked bodies and Expect are the library’s', async () => {
    const to = line(served)
    const head = request({ headers: { ...tokens['operator']!, 'Transfer-Encoding': 'chunked' } })
    to.send(`${head}3\r\nabc\r\n0\r\n\r\n`)
    assert.deepEqual(JSON.parse((await to.reply()).body).got, 'abc')
    const expects = line(served)
    expects.send(request({ headers: { ...tokens['operator']!, 'Expect': '100-continue', 'Content-Length': '3' } }))
    assert.equal((await expects.reply()).status, 100)
    expects.send('abc')
    assert.deepEqual(JSON.parse((await expects.reply()).body).got, 'abc')
    to.socket.destroy()
    expects.socket.destroy()
  })

  test('a large body in many pieces; a larger one than the route takes is refused', async () => {
    const large = 'x'.repeat(2_500_000)
    const reply = await once(served, { body: large, headers: tokens['operator']! })
    assert.equal(isDirect(reply), true)
    assert.equal(JSON.parse(reply.body).got, large)
    const refused = await once(served, { body: 'x'.repeat(3_000_001), headers: tokens['operator']! })
    assert.equal(refused.status, 413)
    const stranger = line(served)
    stranger.send(request({ headers: { 'Content-Length': '2000000' } }))
    assert.equal((await stranger.reply()).status, 401, 'nobody waits for the body of a stranger')
    stranger.socket.destroy()
  })

  test('answers keep the order of the requests, also when an earlier one takes long', async () => {
    const to = line(served)
    const headers = tokens['operator']!
    ground.gates.length = 0
    ground.arrived = Promise.withResolvers()
    const livez = request({ method: 'GET', path: '/livez' })
    to.send(
      request({ path: '/test/slow', body: 'first', headers }) +
        request({ body: 'second', headers }) +
        request({ path: '/test/slow', body: 'full', headers }) +
        livez,
    )
    await ground.arrived.promise
    while (ground.gates.length < 2) await new Promise(setImmediate)
    ground.gates[1]!.resolve()
    ground.gates[0]!.resolve()
    const replies = [await to.reply(), await to.reply(), await to.reply(), await to.reply()]
    assert.deepEqual(
      replies.map(({ status, body: text }) => [status, JSON.parse(text).got ?? JSON.parse(text).code ?? text]),
      [
        [201, 'first'],
        [200, 'second'],
        [503, 'journal.full'],
        [200, replies[3]!.body],
      ],
    )
    assert.deepEqual(replies.map(isDirect), [true, true, true, false])
    assert.equal(replies[0]!.headers.get('retry-after'), '1')
    to.socket.destroy()
  })

  test('many at once wait in the kernel, and all are answered', async () => {
    const to = line(served)
    const headers = tokens['operator']!
    ground.gates.length = 0
    const count = 60
    to.send(
      Array.from({ length: count }, (_, index) => request({ path: '/test/slow', body: `n${index}`, headers })).join(''),
    )
    let most = 0
    for (let index = 0; index < count; index += 1) {
      while (ground.gates.length === 0) await new Promise(setImmediate)
      most = Math.max(most, ground.gates.length)
      ground.gates.shift()!.resolve()
      assert.equal(JSON.parse((await to.reply()).body).got, `n${index}`)
    }
    assert.ok(most <= 16, `${most} awaited at once`)
    to.socket.destroy()
  })

  test('a client that closes its side is answered; one that asks for it is closed', async () => {
    const to = line(served)
    const headers = tokens['operator']!
    ground.gates.length = 0
    ground.arrived = Promise.withResolvers()
    to.send(request({ path: '/test/slow', body: 'x', headers }))
    to.socket.end()
    await ground.arrived.promise
    ground.gates[0]!.resolve()
    assert.equal((await to.reply()).status, 201)
    assert.equal(await to.rest(), '')
    const closing = line(served)
    closing.send(request({ body: 'x', headers: { ...headers, Connection: 'close' } }) + request({ body: 'y', headers }))
    const reply = await closing.reply()
    assert.deepEqual([reply.status, reply.headers.get('connection')], [200, 'close'])
    assert.equal(await closing.rest(), '')
    const half = line(served)
    half.send(request({ body: 'whole', headers }).slice(0, -2))
    half.socket.end()
    assert.equal((await half.reply()).status, 400)
  })

  test('a client that is gone before its answer harms nobody', async () => {
    const to = line(served)
    ground.gates.length = 0
    ground.arrived = Promise.withResolvers()
    to.send(request({ path: '/test/slow', body: 'x', headers: tokens['operator']! }))
    await ground.arrived.promise
    to.socket.resetAndDestroy()
    ground.gates[0]!.resolve()
    assert.equal((await once(served, { body, headers: tokens['operator']! })).status, 200)
  })

  test('through the Unix socket everything is allowed', async () => {
    const to = talk({ path: served.addresses.socket! })
    to.send(request({ body }))
    const reply = await to.reply()
    assert.deepEqual([reply.status, JSON.parse(reply.body).name, isDirect(reply)], [200, 'socket', true])
    to.socket.destroy()
  })

  test('requests inside the process come to the same handler', async () => {
    const { status, body: stream } = await served.server.request({ method: 'POST', path: '/test/echo', body: { a: 1 } })
    assert.equal(status, 200)
    assert.equal(JSON.parse(Buffer.concat(await stream.toArray()).toString()).got, '{"a":1}')
  })

  test('they are counted like all others', async () => {
    await once(served, { path: '/test/known/metrics', method: 'GET', headers: tokens['viewer']! })
    const text = await served.metrics.text()
    assert.match(text, /_count\{method="GET",route="\/test\/known\/:id",status="2xx"\} [1-9]/)
    assert.match(text, /_bucket\{method="POST",route="\/test\/echo",status="4xx",le="\+Inf"\} [1-9]/)
  })
})

test('a token that is revoked ends at once, on connections that are open too', async () => {
  const journal = memoryJournal()
  const admin = bearer(await addToken(journal))
  const token = await addToken(journal, { role: 'operator' })
  await using served = await serve({ journal, settings: { auth: 'tokens' }, routes: createGround().routes })
  const to = line(served)
  const asks = request({ body: 'x', headers: bearer(token) })
  for (let count = 0; count < 3; count += 1) {
    to.send(asks)
    assert.equal((await to.reply()).status, 200)
  }
  const id = token.split('_')[1]!
  assert.equal((await served.send('DELETE', `/api/v1/tokens/${id}`, undefined, admin)).status, 200)
  to.send(asks)
  const refused = await to.reply()
  assert.deepEqual([refused.status, isDirect(refused)], [401, true])
  to.socket.destroy()
})

test('one connection, several callers and routes: each is judged by itself', async () => {
  const journal = memoryJournal()
  const [operator, viewer, keys] = [
    bearer(await addToken(journal, { role: 'operator' })),
    bearer(await addToken(journal, { role: 'viewer' })),
    bearer(await addToken(journal, { scopes: { kv: ['a/'] } })),
  ]
  await using served = await serve({ journal, settings: { auth: 'tokens' }, routes: createGround().routes })
  const to = line(served)
  const put = (path: string) => ({ method: 'PUT', path: `/test/kv/${path}`, body: '{"value":"v"}' })
  const known = { method: 'GET', path: '/test/known/x' }
  const steps: [Asking, Record<string, string>, number][] = [
    [{ body: 'x' }, operator!, 200],
    [{ body: 'x' }, viewer!, 403],
    [known, viewer!, 200],
    [{ body: 'x' }, viewer!, 403],
    [put('a/1'), keys!, 200],
    [put('b/1'), keys!, 403],
    [put('a/1'), keys!, 200],
    [put('b/1'), operator!, 200],
    [{ body: 'xyz' }, operator!, 200],
    [{ body: 'xyzxyzxyzxyz' }, operator!, 200],
    [{ body: 'xyzxyzxyzxyz' }, {}, 401],
  ]
  for (const [asking, headers, status] of steps) {
    to.send(request({ ...asking, headers }))
    const reply = await to.reply()
    assert.equal(reply.status, status, JSON.stringify(asking))
  }
  to.socket.destroy()
})

test('without tokens the Host counts, and a request takes of the allowance what it costs', async () => {
  const [echo, ...others] = createGround().routes
  const settings = { limits: { rate: 0.001, burst: 4 } }
  await using served = await serve({ settings, routes: [{ ...echo!, cost: 0.5 }, ...others] })
  const to = line(served)
  const ask = async (headers: Record<string, string> = {}) => {
    to.send(request({ body: 'x', headers }).replace('Host: localhost', `Host: ${headers['as'] ?? 'localhost'}`))
    return (await to.reply()).status
  }
  assert.equal(await ask({ as: 'evil.example' }), 421)
  for (let count = 0; count < 7; count += 1) assert.equal(await ask(), 200)
  to.send(request({ body: 'x' }))
  const refused = await to.reply()
  assert.deepEqual([refused.status, isDirect(refused)], [429, true])
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  to.socket.destroy()
})

test('a stop ends idle connections, and those with a request when it is answered', async () => {
  const ground = createGround()
  await using served = await serve({ routes: ground.routes })
  const [idle, busy, cut] = [line(served), line(served), line(served)]
  idle.send(request({ body: 'x' }))
  await idle.reply()
  busy.send(request({ path: '/test/slow', body: 'busy' }))
  await ground.arrived.promise
  ground.arrived = Promise.withResolvers()
  cut.send(request({ path: '/test/slow', body: 'cut' }))
  await ground.arrived.promise
  const stopped = served.server.stop(1000)
  assert.equal(await idle.rest(), '')
  ground.gates[0]!.resolve()
  assert.equal((await busy.reply()).status, 201)
  assert.equal(await busy.rest(), '')
  assert.equal(await cut.rest(), '')
  await stopped
})

test('connections are limited all together', async () => {
  await using served = await serve({ routes: createGround().routes, settings: { limits: { connections: 2 } } })
  const [one, two, three] = [line(served), line(served), line(served)]
  for (const open of [one, two]) {
    open.send(request({ body: 'x' }))
    assert.equal((await open.reply()).status, 200)
  }
  three.send(request({ body: 'x' }))
  await assert.rejects(three.reply())
  for (const open of [one, two]) open.socket.destroy()
})

test('over TLS', { skip: skipWithout('openssl') }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-direct-'))
  try {
    const { ca, server: tls } = makeCertificates(folder)
    await using served = await serve({ routes: createGround().routes, settings: { tls } })
    const to = talk(
      connectTls({ port: portOf(served), host: '127.0.0.1', servername: 'localhost', ca: readFileSync(ca) }),
    )
    const large = 'x'.repeat(200_000)
    to.send(request({ body: large }) + request({ body: 'small' }) + request({ method: 'GET', path: '/livez' }))
    const replies = [await to.reply(), await to.reply(), await to.reply()]
    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 200],
    )
    assert.deepEqual(replies.map(isDirect), [true, true, false])
    to.socket.destroy()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
