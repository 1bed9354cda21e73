import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTls } from 'node:https'
import { connect, createServer as createNet, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { after, test } from 'node:test'
import { makeCertificates } from '../../../tests/parts/certificates.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createHttp, HttpFailure, type HttpOptions, type ObservedRequest } from './client.ts'

const signal = AbortSignal.timeout(60_000)
const open: (() => Promise<void> | void)[] = []
after(async () => {
  for (const close of open) await close()
})

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

async function serve(listener: RequestListener) {
  let connections = 0
  const server = createServer(listener).on('connection', () => (connections += 1))
  server.keepAliveTimeout = 60_000
  const port = await listen(server)
  return { origin: `http://127.0.0.1:${port}`, port, connections: () => connections }
}

function client(options: Partial<HttpOptions> = {}) {
  const http = createHttp({ clock: systemClock, userAgent: 'regista/test', ...options })
  open.push(http.close)
  return http
}

const why = (expected: string) => (thrown: unknown) => {
  assert.ok(thrown instanceof HttpFailure, String(thrown))
  assert.equal(thrown.why, expected, thrown.code)
  return true
}

test('keeps its connections over HEAD, 304, and bodies that nobody reads', async () => {
  const { origin, connections } = await serve((request, response) => {
    if (request.url === '/304') response.writeHead(304).end()
    else response.end(request.method === 'HEAD' ? undefined : 'x'.repeat(10_000))
  })
  const http = client()
  for (let count = 0; count < 10; count++) {
    for (const [method, path] of [
      ['HEAD', '/'],
      ['GET', '/304'],
      ['HEAD', '/304'],
    ] as const) {
      const answer = await http.request({ method, origin, path }, signal)
      answer.dump()
    }
  }
  // The pool hears that a connection is free a moment after whoever asked: two take turns.
  assert.ok(connections() <= 2, `${connections()} connections`)
  // Nobody waits for the end of these, so that the next one may come while the connection is taken; not more.
  for (let count = 0; count < 20; count++) {
    const answer = await http.request({ method: 'GET', origin, path: '/' }, signal)
    answer.dump()
  }
  assert.ok(connections() <= 5, `${connections()} connections`)
})

test('a long body that nobody reads costs its connection, not its bytes', async () => {
  let sent = 0
  const closed = Promise.withResolvers<void>()
  const { origin } = await serve((_request, response) => {
    const body = Readable.from(endless((size) => (sent += size)))
    response.on('close', closed.resolve)
    body.pipe(response).on('error', () => {})
  })
  const answer = await client().request({ method: 'GET', origin, path: '/' }, signal)
  answer.dump()
  await closed.promise
  assert.ok(sent < 64 << 20, `${sent}`)
})

function* endless(count: (size: number) => void) {
  for (const chunk = Buffer.alloc(64 << 10); ;) {
    count(chunk.length)
    yield chunk
  }
}

test('a body comes no faster than it is taken, and leaving it closes the connection', async () => {
  let sent = 0
  const closed = Promise.withResolvers<void>()
  const { origin } = await serve((_request, response) => {
    response.on('close', closed.resolve)
    Readable.from(endless((size) => (sent += size)))
      .pipe(response)
      .on('error', () => {})
  })
  const answer = await client().request({ method: 'GET', origin, path: '/', idle: 3000 }, signal)
  let chunks = 0
  for await (const chunk of answer.chunks()) {
    assert.ok(chunk.length > 0)
    // Longer than the bound between two chunks: it counts only while somebody waits.
    if (chunks === 1) await new Promise((resolve) => setTimeout(resolve, 5000))
    if (++chunks === 3) break
  }
  await closed.promise
  // What fits into the buffers of both ends, and far from what the loop-back carries in that time.
  assert.ok(sent < 64 << 20, `${sent}`)
})

test('headers and bodies that do not come are waited for no longer than asked', async () => {
  const { origin } = await serve((request, response) => {
    if (request.url === '/half') response.writeHead(200, { 'content-length': '10' }).write('half ')
    if (request.url === '/drip') drip(request, response)
  })
  const http = client()
  await assert.rejects(http.request({ method: 'GET', origin, path: '/none', timeout: 300 }, signal), why('timed-out'))
  const half = await http.request({ method: 'GET', origin, path: '/half', idle: 300 }, signal)
  await assert.rejects(half.bytes(100), why('timed-out'))
  const dripping = await http.request({ method: 'GET', origin, path: '/drip', idle: 5000 }, signal)
  await assert.rejects(dripping.bytes(1 << 20, 300), why('timed-out'))
})

function drip(_request: IncomingMessage, response: ServerResponse) {
  const timer = setInterval(() => response.write('.'), 20)
  response.on('close', () => clearInterval(timer))
}

test('larger bodies than asked for end early, told or not', async () => {
  const { origin } = await serve((request, response) => {
    if (request.url === '/told') response.writeHead(200, { 'content-length': '1000000' })
    response.write('x'.repeat(2000))
  })
  for (const path of ['/told', '/untold']) {
    const answer = await client().request({ method: 'GET', origin, path }, signal)
    await assert.rejects(answer.bytes(1000), why('too-large'))
  }
})

test('an abort ends a request and a body, and says so', async () => {
  const { origin } = await serve((request, response) => {
    if (request.url === '/body') response.write('x')
  })
  const http = client()
  const isAborted = (thrown: unknown) => thrown instanceof AppError && thrown.code === 'aborted'
  const first = new AbortController()
  const asked = http.request({ method: 'GET', origin, path: '/' }, first.signal)
  first.abort()
  await assert.rejects(asked, isAborted)
  await assert.rejects(http.request({ method: 'GET', origin, path: '/' }, first.signal), isAborted)
  const second = new AbortController()
  const answer = await http.request({ method: 'GET', origin, path: '/body' }, second.signal)
  const read = answer.bytes(100)
  second.abort()
  await assert.rejects(read, isAborted)
})

test('what is no answer has a reason: nobody listens, cut off, no HTTP, closed', async () => {
  const http = client()
  const cut = await listen(createNet((socket) => socket.destroy()))
  const odd = await listen(createNet((socket) => void socket.end('220 mail.example.io ESMTP\r\n')))
  const half = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '10' }).write('half ', () => response.destroy())
  })
  const gone = createNet()
  const port = await listen(gone)
  await new Promise((resolve) => gone.close(resolve))
  const get = (to: number) => http.request({ method: 'GET', origin: `http://127.0.0.1:${to}`, path: '/' }, signal)
  await assert.rejects(get(port), why('network'))
  await assert.rejects(get(cut), why('network'))
  await assert.rejects(get(odd), why('malformed'))
  await assert.rejects((await get(half.port)).bytes(100), why('network'))
  await http.close()
  await assert.rejects(get(half.port), why('network'))
})

test('follows no redirect, sends its name, and tells each request to whoever observes', async () => {
  const seen: ObservedRequest[] = []
  const { origin, port } = await serve((request, response) => {
    assert.equal(request.headers['user-agent'], 'regista/test')
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  const http = client({ observe: (request) => seen.push(request) })
  const answer = await http.request({ method: 'GET', origin, path: '/?secret=1' }, signal)
  answer.dump()
  assert.equal(answer.status, 307)
  await assert.rejects(http.request({ method: 'HEAD', origin: 'http://127.0.0.1:1', path: '/' }, signal))
  assert.deepEqual(
    seen.map(({ seconds, ...rest }) => ({ ...rest, timed: seconds >= 0 && seconds < 60 })),
    [
      { host: `127.0.0.1:${port}`, method: 'GET', status: 307, timed: true },
      { host: '127.0.0.1:1', method: 'HEAD', status: 0, timed: true },
    ],
  )
})

test('guarded requests go to no loopback or link-local address, by name or by number', async () => {
  const { port } = await serve((_request, response) => void response.end('inside'))
  const http = client()
  const ask = (host: string, guard: 'inside' | 'here') =>
    http.request({ method: 'GET', origin: `http://${host}:${port}`, path: '/', guard }, signal)
  const refused = (thrown: unknown) => thrown instanceof HttpFailure && thrown.code === 'EREFUSED'
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254', '0.0.0.0']) {
    await assert.rejects(ask(host, 'here'), refused, host)
  }
  await assert.rejects(ask('169.254.169.254', 'inside'), refused)
  for (const host of ['127.0.0.1', 'localhost']) {
    assert.equal(String(await (await ask(host, 'inside')).bytes(100)), 'inside')
  }
})

test('trusts the authority it is given, and shows its certificate', { skip: skipWithout('openssl') }, async () => {
  const { http, origin } = await overTls()
  const answer = await http.request({ method: 'GET', origin, path: '/' }, signal)
  assert.equal(String(await answer.bytes(100)), 'client')
  const foreign = await http.request({ method: 'GET', origin, path: '/', guard: 'inside' }, signal)
  assert.equal(String(await foreign.bytes(100)), 'nobody')
  await assert.rejects(client().request({ method: 'GET', origin, path: '/' }, signal), why('network'))
})

test('goes through a proxy: a tunnel for https, the whole URL for http', { skip: skipWithout('openssl') }, async () => {
  const asked: string[] = []
  const plain = await serve((_request, response) => void response.end('not through the proxy'))
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    response.end('from the proxy')
  })
  const secured = await overTls()
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    if (request.url?.startsWith('silent')) return
    // The name is one that only the proxy knows.
    const to = connect(Number(new URL(secured.origin).port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      to.pipe(socket).pipe(to)
    })
    for (const end of [to, socket]) end.on('error', () => {})
  })
  const at = `http://me:secret@127.0.0.1:${await listen(proxy)}`
  const { tls } = secured
  const proxied = { tls, proxy: { http: at, https: at, no: '10.0.0.0/8' } }
  const http = client(proxied)
  const through = await http.request({ method: 'GET', origin: 'http://registry.example.io', path: '/v2/?n=1' }, signal)
  assert.equal(String(await through.bytes(100)), 'from the proxy')
  // Certificates of this test are for localhost and 127.0.0.1; another name is refused, behind the tunnel.
  const named = http.request({ method: 'GET', origin: 'https://registry.example.io:8443', path: '/' }, signal)
  await assert.rejects(named, (thrown: unknown) => thrown instanceof HttpFailure && thrown.code.includes('ALTNAME'))
  const impatient = client({ ...proxied, connectTimeout: 1000 })
  const silent = impatient.request({ method: 'GET', origin: 'https://silent.example.io', path: '/' }, signal)
  await assert.rejects(silent, why('timed-out'))
  const direct = await http.request({ method: 'GET', origin: plain.origin, path: '/' }, signal)
  assert.equal(String(await direct.bytes(100)), 'not through the proxy')
  const user = `Basic ${Buffer.from('me:secret').toString('base64')}`
  assert.deepEqual(asked, [
    `GET http://registry.example.io/v2/?n=1 ${user}`,
    `CONNECT registry.example.io:8443 ${user}`,
    `CONNECT silent.example.io:443 ${user}`,
  ])
})

async function overTls() {
  const folder = mkdtempSync(join(tmpdir(), 'regista-http-'))
  open.push(() => rmSync(folder, { recursive: true }))
  const files = makeCertificates(folder)
  const read = ({ cert, key }: { cert: string; key: string }) => ({
    cert: readFileSync(cert, 'utf8'),
    key: readFileSync(key, 'utf8'),
  })
  const ca = readFileSync(files.ca, 'utf8')
  const server = createTls(
    { ...read(files.server), ca, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {}
      response.end(CN ?? 'nobody')
    },
  )
  const tls = { ca, ...read(files.client) }
  return { origin: `https://127.0.0.1:${await listen(server)}`, tls, http: client({ tls }) }
}
