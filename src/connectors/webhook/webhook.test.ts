import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../kernel/clock.ts'
import { guardedLookup, isRefused } from '../http/addresses.ts'
import { createWebhookSender, type Webhook } from './send.ts'
import { keyOf, signatureOf } from './sign.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const { signal } = new AbortController()

async function receiver(answer: RequestListener) {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hooks/s3cret`,
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const send = createWebhookSender({ clock: systemClock, version: '1.2.3' })
const webhook = (url: string, more: Partial<Webhook> = {}): Webhook => ({
  url,
  id: 'msg_1',
  body: '{"a":"ä"}',
  secrets: [secret],
  headers: { authorization: 'Bearer x' },
  timeout: 5_000,
  ...more,
})

test('signs as the example of the specification, once for each secret', () => {
  const [id, body] = ['msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}']
  const one = signatureOf(id, 1614265330, body, [secret])
  assert.equal(one, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const both = signatureOf(id, 1614265330, body, [secret, other]).split(' ')
  assert.deepEqual([both.length, both[0]], [2, one])
  assert.notEqual(both[1], one)
  const sized = (size: number) => keyOf(`whsec_${Buffer.alloc(size).toString('base64')}`) !== null
  assert.deepEqual([sized(23), sized(24), sized(64), sized(65)], [false, true, true, false])
  assert.deepEqual([keyOf(secret.slice(6)), keyOf('whsec_ü')], [null, null])
})

test('sends the body with its headers, and says what was answered', async () => {
  let got: { readonly headers: IncomingMessage['headers']; readonly body: string; readonly url: string } | null = null
  await using to = await receiver((request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      got = { headers: request.headers, body: Buffer.concat(chunks).toString(), url: request.url! }
      response.writeHead(503, { 'retry-after': '7' }).end('x'.repeat(100_000))
    })
  })
  const answer = await send(webhook(to.url), signal)
  assert.deepEqual(
    { ...answer, text: answer.text.length },
    { status: 503, retryAfter: 7000, location: null, text: 16_384 },
  )
  const { headers, body, url } = got!
  const seconds = Number(headers['webhook-timestamp'])
  assert.deepEqual(
    [body, url, headers['content-type'], headers['user-agent'], headers.authorization, headers['webhook-id']],
    ['{"a":"ä"}', '/hooks/s3cret', 'application/json', 'regista/1.2.3', 'Bearer x', 'msg_1'],
  )
  assert.ok(Math.abs(Date.now() / 1000 - seconds) < 60)
  assert.equal(headers['webhook-signature'], signatureOf('msg_1', seconds, body, [secret]))
})

test('asks with a GET too, signed as one without a body, and tells where the answer leads', async () => {
  let got: IncomingMessage['headers'] | null = null
  await using to = await receiver((request, response) => {
    got = { ...request.headers, method: request.method! }
    response.writeHead(202, { location: '/status/1' }).write('{"status":')
    response.end('"running"}')
  })
  const answer = await send(webhook(to.url, { method: 'GET', body: '' }), signal)
  assert.deepEqual(answer, { status: 202, retryAfter: null, location: '/status/1', text: '{"status":"running"}' })
  const { method, 'webhook-timestamp': seconds, 'content-type': type, ...headers } = got!
  assert.deepEqual([method, type], ['GET', undefined])
  assert.equal(headers['webhook-signature'], signatureOf('msg_1', Number(seconds), '', [secret]))
})

test('follows no redirect', async () => {
  let asked = 0
  await using to = await receiver((_request, response) => {
    asked += 1
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  assert.equal((await send(webhook(to.url), signal)).status, 307)
  assert.equal(asked, 1)
})

test('waits for no longer than its bound, also for a body that drips; what went wrong names the host alone', async () => {
  await using silent = await receiver(() => {})
  await assert.rejects(send(webhook(silent.url, { timeout: 100 }), signal), (thrown: Error & { code: string }) => {
    assert.equal(thrown.code, 'timed-out')
    assert.match(thrown.message, /webhook to 127\.0\.0\.1:\d+/)
    assert.doesNotMatch(thrown.message, /s3cret/)
    return true
  })
  await using drips = await receiver((_request, response) => {
    response.writeHead(200).write('.')
  })
  assert.equal((await send(webhook(drips.url), signal)).status, 200)
  await using dies = await receiver((request) => request.socket.destroy())
  await assert.rejects(send(webhook(dies.url), signal), { code: 'target.unavailable', detail: /ECONNRESET$/ })
})

test('a name that resolves to a link-local or metadata address is not gone to', async () => {
  const answers: Record<string, string> = { 'meta.example': '169.254.169.254', 'here.example': '127.0.0.1' }
  let asked = 0
  await using to = await receiver((_request, response) => {
    asked += 1
    response.end()
  })
  const guarded = createWebhookSender({
    clock: systemClock,
    version: '',
    resolve: (name, _options, done) => done(null, [{ address: answers[name]!, family: 4 }]),
  })
  const url = (name: string) => `http://${name}:${to.port}/s3cret`
  await assert.rejects(guarded(webhook(url('meta.example')), signal), {
    code: 'target.unavailable',
    detail: /EREFUSED/,
  })
  assert.equal((await guarded(webhook(url('here.example')), signal)).status, 200)
  assert.equal(asked, 1)
})

test('which addresses are refused, and that others beside them are taken', async () => {
  const refused = [
    '169.254.0.1',
    'fe80::1',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '0.0.0.0',
    '::',
    '224.0.0.1',
  ]
  assert.deepEqual(
    [...refused, 'fd00:ec2::254', '100.100.100.200'].filter((address) => !isRefused(address)),
    [],
  )
  assert.deepEqual(['10.0.0.1', '127.0.0.1', '::1', '192.0.2.1', '2001:db8::1'].filter(isRefused), [])
  const find = guardedLookup((_name, _options, done) =>
    done(null, [
      { address: 'fe80::1', family: 6 },
      { address: '10.0.0.1', family: 4 },
    ]),
  )
  const found = await new Promise((resolve) => find('x', { all: true }, (_error, all) => resolve(all)))
  assert.deepEqual(found, [{ address: '10.0.0.1', family: 4 }])
})
