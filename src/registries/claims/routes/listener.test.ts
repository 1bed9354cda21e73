/** Every answer of the original, byte for byte: from captures of the original program. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { engineTables } from '../../../engine/tables.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger as logger } from '../../../kernel/logger.ts'
import type { Table } from '../../../kernel/table.ts'
import { createOriginalListener, type ListenerOptions, type RequestLine } from './listener.ts'
import { createStatuses } from '../statuses/statuses.ts'
import { claimStatuses } from '../tables.ts'

const lines: RequestLine[] = []
const clock = createFakeClock({ start: Date.UTC(2026, 10, 21, 5, 0, 36, 789) })

function ground(more: Partial<ListenerOptions> = {}) {
  const journal = createMemoryJournal({
    tables: [...engineTables, claimStatuses] as unknown as readonly Table[],
    clock,
    logger,
  })
  const limits = { claims: 100, clusters: 10, message: 1 << 20 }
  const statuses = createStatuses({ sync: 's', journal, limits, since: 0 })
  const listener = createOriginalListener({
    statuses,
    clock,
    randomBytes: (size) => new Uint8Array(size).fill(0xab),
    version: { commit: 'none', version: 'dev' },
    mostBytes: 1 << 20,
    log: (line) => void lines.push(line),
    ...more,
  })
  return createServer(listener)
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Status line, headers without the date, body. */
async function ask(
  port: number,
  method: string,
  path: string,
  body?: string | Buffer,
): Promise<[string, Record<string, string>, string]> {
  const socket = connect(port, '127.0.0.1')
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => void parts.push(part))
  const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${length}\r\n`)
  if (body !== undefined) socket.write(body)
  await once(socket, 'close')
  const [head = '', ...rest] = Buffer.concat(parts).toString('utf8').split('\r\n\r\n')
  const [status = '', ...fields] = head.split('\r\n')
  const headers = Object.fromEntries(fields.map((field) => field.split(/: (.*)/s).slice(0, 2))) as Record<
    string,
    string
  >
  delete headers['Date']
  delete headers['Connection']
  assert.equal(
    headers['Content-Length'],
    String(method === 'HEAD' ? headers['Content-Length'] : Buffer.byteLength(rest.join(''))),
  )
  delete headers['Content-Length']
  return [status, headers, rest.join('\r\n\r\n')]
}

const id = { 'X-Request-Id': 'abababab-abab-abab-abab-abababababab' }
const json = { 'Content-Type': 'application/json', ...id }
const text = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff', ...id }
const created = ['HTTP/1.1 201 Created', json, '{"status":"created"}\n']
const status = (cluster: string, claimRef: string, statusMessage: string) =>
  JSON.stringify({ cluster, claimRef, statusMessage })

describe('the answers of the original', () => {
  const server = ground()
  let port = 0
  before(async () => {
    port = await listening(server)
  })
  after(() => server.close())

  it('to probes', async () => {
    assert.deepEqual(await ask(port, 'GET', '/healthz'), ['HTTP/1.1 200 OK', json, '{"status":"ok"}\n'])
    for (const escaped of ['/%68ealthz', 'http://collector/healthz', 'HTTP://c:1/healthz?x']) {
      assert.deepEqual(await ask(port, 'GET', escaped), ['HTTP/1.1 200 OK', json, '{"status":"ok"}\n'], escaped)
    }
    assert.deepEqual(await ask(port, 'GET', '/version?x=1'), [
      'HTTP/1.1 200 OK',
      json,
      '{"commit":"none","version":"dev"}\n',
    ])
    assert.deepEqual(await ask(port, 'HEAD', '/healthz'), ['HTTP/1.1 200 OK', json, ''])
  })

  it('to statuses, and what it then has', async () => {
    assert.deepEqual(await ask(port, 'GET', '/api/v1/status'), ['HTTP/1.1 200 OK', json, '[]\n'])
    assert.deepEqual(
      await ask(port, 'POST', '/api/v1/status', status('b', 'ns/x', '<a> & \u2028 "é" \u{1f600}\t')),
      created,
    )
    assert.deepEqual(await ask(port, 'POST', '/api/v1/status', `${status('a/b', 'r', ' ')}trailing`), created)
    assert.deepEqual(await ask(port, 'POST', '/api/v1/status', status('a/b', 'r', ' ')), created)
    const other =
      '{"cluster":"b","claimRef":"ns/x","statusMessage":"\\u003ca\\u003e \\u0026 \\u2028 \\"é\\" \u{1f600}\\t","receivedAt":"2026-11-21T05:00:36Z"}'
    const first = '{"cluster":"a/b","claimRef":"r","statusMessage":" ","receivedAt":"2026-11-21T05:00:36Z"}'
    assert.deepEqual(await ask(port, 'GET', '/api/v1/status'), ['HTTP/1.1 200 OK', json, `[${first},${other}]\n`])
    assert.deepEqual(await ask(port, 'GET', '/api/v1/status/a%2Fb?x'), ['HTTP/1.1 200 OK', json, `[${first}]\n`])
    assert.deepEqual(await ask(port, 'GET', '/api/v1/st%61tus/a%2Fb'), ['HTTP/1.1 200 OK', json, `[${first}]\n`])
    assert.deepEqual(await ask(port, 'GET', '/api/v1/status/batch'), ['HTTP/1.1 200 OK', json, '[]\n'])
    assert.deepEqual(await ask(port, 'GET', '/api/v1/status/none'), ['HTTP/1.1 200 OK', json, '[]\n'])
  })

  it('to what it cannot take', async () => {
    const invalid = ['HTTP/1.1 400 Bad Request', text, '{"error":"invalid JSON"}\n']
    const required = [
      'HTTP/1.1 400 Bad Request',
      text,
      '{"error":"cluster, claimRef, and statusMessage are required"}\n',
    ]
    for (const body of ['', '[]', '{"cluster":1}', '{'])
      assert.deepEqual(await ask(port, 'POST', '/api/v1/status', body), invalid, body)
    assert.deepEqual(await ask(port, 'POST', '/api/v1/status'), invalid)
    for (const body of ['null', '{}', status('a', '', 'x'), '{"cluster":null}']) {
      assert.deepEqual(await ask(port, 'POST', '/api/v1/status', body), required, body)
    }
    const long = await ask(port, 'POST', '/api/v1/status', Buffer.alloc((1 << 20) + 1, ' '))
    assert.deepEqual([long[0], long[2]], ['HTTP/1.1 413 Payload Too Large', '{"error":"request body is too large"}\n'])
  })

  it('to what it does not know', async () => {
    const missing = ['HTTP/1.1 404 Not Found', text, '404 page not found\n']
    for (const path of [
      '/',
      '/api/v1/status/',
      '/readyz',
      '/metrics',
      '/api/v1/status/a/b',
      '/healthz/',
      '/API/v1/status',
    ]) {
      assert.deepEqual(await ask(port, 'GET', path), missing, path)
      assert.deepEqual((await ask(port, 'POST', path, ''))[0], 'HTTP/1.1 404 Not Found', path)
    }
    const refused = (Allow: string) => ['HTTP/1.1 405 Method Not Allowed', { Allow, ...text }, 'Method Not Allowed\n']
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      assert.deepEqual(await ask(port, method, '/api/v1/status'), refused('GET, HEAD, POST'))
      for (const path of ['/healthz', '/version', '/api/v1/status/c']) {
        assert.deepEqual(await ask(port, method, path), refused('GET, HEAD'))
      }
    }
    assert.deepEqual(await ask(port, 'POST', '/api/v1/status/c', ''), refused('GET, HEAD'))
    assert.deepEqual((await ask(port, 'GET', '/api/%zz'))[2], '400 Bad Request')
  })

  it('to paths that are not clean', async () => {
    const moved = async (method: string, path: string) => {
      const [line, headers, body] = await ask(port, method, path, method === 'POST' ? '' : undefined)
      assert.equal(line, 'HTTP/1.1 301 Moved Permanently')
      return [headers['Location'], headers['Content-Type'], body]
    }
    const html = 'text/html; charset=utf-8'
    const link = (to: string) => `<a href="${to}">Moved Permanently</a>.\n\n`
    assert.deepEqual(await moved('GET', '//api/v1/status'), ['/api/v1/status', html, link('/api/v1/status')])
    assert.deepEqual(await moved('POST', '//api/v1/status'), ['/api/v1/status', undefined, ''])
    assert.deepEqual(await moved('GET', '/api/./v1/../v1/status/?a=<b>&c'), [
      '/api/v1/status/?a=<b>&c',
      html,
      link('/api/v1/status/?a=&lt;b&gt;&amp;c'),
    ])
    assert.deepEqual(await moved('HEAD', '/..'), ['/', html, ''])
  })

  it('have no headers that the original has not, on a connection that is kept', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    const names = [...answer.toString().matchAll(/^([A-Za-z-]+): /gm)].map(([, name]) => name)
    assert.deepEqual(new Set(names), new Set(['Content-Length', 'Content-Type', 'Date', 'X-Request-Id']))
  })

  it('are logged, with the decoded path', async () => {
    lines.length = 0
    await ask(port, 'GET', '/api/v1/status/a%20b?secret')
    assert.deepEqual(lines, [{ method: 'GET', path: '/api/v1/status/a b', status: 200, took: 0 }])
  })
})

describe('beyond the original', () => {
  it('hands on what it does not know', async (context) => {
    const other: ListenerOptions['other'] = (_request, response, path) => {
      if (path !== '/livez' && path !== '/api/v1/status/batch') return false
      response.writeHead(200, { 'Content-Length': 4 }).end('ours')
      return true
    }
    const server = ground({ other })
    context.after(() => server.close())
    const port = await listening(server)
    assert.equal((await ask(port, 'GET', '/livez?x'))[2], 'ours')
    assert.equal((await ask(port, 'GET', '/readyz'))[0], 'HTTP/1.1 404 Not Found')
  })

  it('keeps speakers to their cluster', async (context) => {
    const admit: ListenerOptions['admit'] = ({ headers }) => {
      if (headers.host === 'x') return { name: 'a', cluster: 'c' }
      throw new AppError('request.unauthenticated', 'Who?')
    }
    const server = ground({ admit })
    context.after(() => server.close())
    const port = await listening(server)
    assert.equal((await ask(port, 'POST', '/api/v1/status', status('c', 'r', 'm')))[0], 'HTTP/1.1 201 Created')
    const refused = await ask(port, 'POST', '/api/v1/status', status('d', 'r', 'm'))
    assert.deepEqual(
      [refused[0], refused[2]],
      ['HTTP/1.1 403 Forbidden', '{"error":"The credential may tell of another cluster only."}\n'],
    )
    assert.equal((await ask(port, 'GET', '/api/v1/status/c'))[0], 'HTTP/1.1 200 OK')
    assert.equal((await ask(port, 'GET', '/api/v1/status/d'))[0], 'HTTP/1.1 403 Forbidden')
    assert.equal((await ask(port, 'GET', '/api/v1/status'))[0], 'HTTP/1.1 403 Forbidden')
  })
})
