/** The ways in: loopback, other addresses, the Unix socket, the metrics port, the process itself. And the way out. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer as createPlain } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { AppError } from '../src/kernel/errors.ts'
import { route } from '../src/kernel/route.ts'
import { memoryJournal, serve } from '../src/server/testing/serve.ts'
import { addToken, bearer } from '../src/server/testing/tokens.ts'
import { findPart, skipWithout } from './parts/find.ts'

async function overSocket(path: string, method: string, url: string): Promise<{ status: number; body: string }> {
  const request = httpRequest({ socketPath: path, method, path: url, host: 'localhost' }).end()
  const [reply] = (await once(request, 'response')) as [IncomingMessage]
  return { status: reply.statusCode!, body: await text(reply) }
}

const refused = (code: string) => (thrown: unknown) => thrown instanceof AppError && thrown.code === code

test('an address that others can reach needs a word about access', async () => {
  for (const settings of [{ host: '0.0.0.0' }, { host: '::' }, { behind_proxy: true }]) {
    await assert.rejects(serve({ settings }), refused('config.invalid'))
  }
  await using open = await serve({ settings: { behind_proxy: true, auth: 'none' } })
  assert.equal((await open.call('/api/v1/syncs')).status, 200)
})

test('the Unix socket: only its owner can open it, and may do everything', async () => {
  await using served = await serve({ socket: true, settings: { auth: 'tokens' } })
  const path = served.addresses.socket!
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const who = await overSocket(path, 'GET', '/api/v1/caller')
  assert.deepEqual(JSON.parse(who.body), { name: 'socket', role: 'admin', scopes: null, subject: null })
  assert.equal((await overSocket(path, 'POST', '/api/v1/syncs/one/pause')).status, 200)
  assert.deepEqual(served.engine.calls, [['pause', 'one', 'socket']])
  assert.equal((await served.call('/api/v1/caller')).status, 401)
  await served.server.stop()
  assert.ok(!existsSync(path))
})

test('a socket left by a killed process is replaced, one that is answered is not', async () => {
  await using first = await serve({ socket: true })
  const path = first.addresses.socket!
  await assert.rejects(serve({ socket: true, folder: first.folder }), refused('journal.busy'))
  assert.equal((await overSocket(path, 'GET', '/livez')).status, 200)

  await using other = await serve({ start: false })
  const stale = join(other.folder, 'socket')
  const holder = createPlain().listen(stale)
  await once(holder, 'listening')
  // Unlinked from under the listener and put back: nobody answers there any more.
  execFileSync('ln', [stale, `${stale}.kept`])
  await new Promise((resolve) => holder.close(resolve))
  execFileSync('mv', [`${stale}.kept`, stale])
  await using second = await serve({ socket: true, folder: other.folder })
  assert.equal((await overSocket(second.addresses.socket!, 'GET', '/livez')).status, 200)
})

test('what stands in the way of the socket and is none is left alone', async () => {
  await using other = await serve({ start: false })
  const path = join(other.folder, 'socket')
  writeFileSync(path, 'precious')
  await assert.rejects(serve({ socket: true, folder: other.folder }), refused('config.invalid'))
  assert.equal(readFileSync(path, 'utf8'), 'precious')
})

test('requests of the process itself need no listening and no token', async () => {
  await using served = await serve({ start: false, settings: { host: '0.0.0.0', auth: 'tokens' } })
  const put = await served.server.request({ method: 'PUT', path: '/api/v1/kv/k', body: { value: 'v' } })
  assert.equal(put.status, 200)
  assert.deepEqual(JSON.parse(await text(put.body)), { key: 'k', revision: 1 })
  const got = await served.server.request({ method: 'GET', path: '/api/v1/kv/k' })
  assert.equal(await text(got.body), 'v')
  const events = await served.server.request({ method: 'GET', path: '/api/v1/events' })
  assert.equal((JSON.parse(await text(events.body)) as { items: { actor: string }[] }).items[0]!.actor, 'socket')
})

test('the process itself can follow the events, until it no longer wants to', async () => {
  await using served = await serve({ start: false })
  const enough = new AbortController()
  const path = '/api/v1/events/stream'
  const stream = await served.server.request({ method: 'GET', path, signal: enough.signal })
  const chunks: string[] = []
  const reading = (async () => {
    for await (const chunk of stream.body.setEncoding('utf8') as AsyncIterable<string>) {
      chunks.push(chunk)
      if (chunks.join('').includes('id: 1\n')) enough.abort()
    }
  })()
  await served.server.request({ method: 'PUT', path: '/api/v1/kv/k', body: { value: 'v' } })
  await assert.rejects(reading, { name: 'AbortError' })
  assert.match(chunks.join(''), /id: 1\nevent: kv\.put\ndata: \{"seq":1,/)
  assert.match(await served.metrics.text(), /^regista_http_streams 0$/m)
})

test('the first token goes to the terminal, once', async () => {
  const journal = memoryJournal()
  await using served = await serve({ journal, terminal: true, settings: { auth: 'tokens' } })
  const [token] = /regista_\S+/.exec(served.printed.join(''))!
  assert.equal((await served.send('GET', '/api/v1/tokens', undefined, bearer(token))).status, 200)
  assert.ok(!existsSync(join(served.folder, 'first-token')))
  await using again = await serve({ journal, terminal: true, settings: { auth: 'tokens' } })
  assert.deepEqual(again.printed, [])
  assert.equal((await again.send('DELETE', '/api/v1/tokens/bootstrap', undefined, bearer(token))).status, 200)
  await using revoked = await serve({ journal, terminal: true, settings: { auth: 'tokens' } })
  assert.deepEqual(revoked.printed, [])
})

test('without a terminal the first token goes to a file that only the owner reads', async () => {
  await using served = await serve({ settings: { auth: 'tokens' } })
  const file = join(served.folder, 'first-token')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const token = readFileSync(file, 'utf8').trim()
  assert.equal((await served.send('GET', '/api/v1/tokens', undefined, bearer(token))).status, 200)
})

test('health says little to strangers and its reasons to those who may know', async () => {
  const journal = memoryJournal()
  const viewer = bearer(await addToken(journal, { role: 'viewer' }))
  const settings = { auth: 'tokens', behind_proxy: true } as const
  await using served = await serve({ journal, settings })
  const stranger = { 'x-forwarded-for': '203.0.113.9' }
  for (const path of ['/readyz', '/healthz']) {
    assert.deepEqual(await (await served.send('GET', path, undefined, stranger)).json(), { status: 'ok' })
    const known = await (await served.send('GET', path, undefined, { ...stranger, ...viewer })).json()
    assert.ok((known as { checks: unknown[] }).checks.length > 0)
  }
  assert.equal((await served.send('GET', '/metrics', undefined, stranger)).status, 401)
  assert.equal((await served.send('GET', '/metrics', undefined, { ...stranger, ...viewer })).status, 200)
  await journal.close()
  // Probes that come fast share one answer for half a second.
  const bound = Date.now() + 10_000
  let failing = await served.send('GET', '/readyz', undefined, stranger)
  while (failing.status !== 503 && Date.now() < bound) {
    failing = await served.send('GET', '/readyz', undefined, stranger)
  }
  assert.equal(failing.status, 503)
  assert.deepEqual(await failing.json(), { status: 'failing' })
  assert.equal((await served.call('/livez')).status, 200)
})

test('what serves from memory stays ready while the journal cannot be read, and says so', async () => {
  const journal = memoryJournal()
  await using served = await serve({ journal, servesFromMemory: true })
  await journal.close()
  const bound = Date.now() + 10_000
  type Answer = { status: string; checks: { name: string; ok: boolean }[] }
  let ready = await served.call('/readyz')
  let answer = (await ready.json()) as Answer
  while (answer.status === 'ok' && Date.now() < bound) {
    ready = await served.call('/readyz')
    answer = (await ready.json()) as Answer
  }
  assert.equal(ready.status, 200)
  assert.equal(answer.status, 'degraded')
  assert.ok(answer.checks.some(({ name, ok }) => name === 'journal-read' && !ok))
})

test('the metrics port serves metrics and health, and nothing else', async () => {
  await using served = await serve({ settings: { auth: 'tokens', metrics: { port: 0 } } })
  const at = (path: string) => fetch(served.addresses.metrics! + path)
  assert.equal((await at('/metrics')).status, 200)
  assert.equal((await at('/livez')).status, 200)
  assert.equal((await at('/readyz?verbose=1')).status, 400)
  for (const path of ['/api/v1/syncs', '/openapi.json', '/metrics/../api/v1/syncs', '//metrics']) {
    assert.equal((await at(path)).status, 404, path)
  }
})

test('metrics are what Prometheus wants', { skip: skipWithout('promtool') }, async () => {
  await using served = await serve()
  await served.call('/api/v1/syncs')
  await served.call('/nothing')
  await served.send('PUT', '/api/v1/kv/some/secret/key', { value: 'v' })
  const metrics = await (await served.call('/metrics')).text()
  assert.match(
    metrics,
    /regista_http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/syncs",status="2xx"\} 1/,
  )
  assert.match(metrics, /regista_http_request_duration_seconds_count\{method="GET",route="none",status="4xx"\} 1/)
  assert.ok(!metrics.includes('secret'), 'a path became a label')
  execFileSync(findPart('promtool')!, ['check', 'metrics'], { input: metrics, stdio: ['pipe', 'pipe', 'pipe'] })
})

test('stopping lets what runs finish, and cuts off what does not', async () => {
  const began = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const slow = (path: string, work: Promise<void>) =>
    route({
      method: 'GET',
      path,
      role: 'viewer',
      tag: 'test',
      summary: 'Take long',
      async handle({ signal }) {
        signal.addEventListener('abort', () => finish.resolve(), { once: true })
        began.resolve()
        await work
        return { body: 'done' }
      },
    })
  const never = new Promise<void>(() => {})
  await using served = await serve({ routes: [slow('/test/slow', finish.promise), slow('/test/never', never)] })
  const finished = served.call('/test/slow')
  const cut = served.call('/test/never').then(
    () => 'answered',
    () => 'cut',
  )
  await began.promise
  const stopped = served.server.stop(300)
  assert.equal(await (await finished).text(), 'done')
  assert.equal(await cut, 'cut')
  await stopped
  await assert.rejects(served.call('/livez'))
})
