import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { createWebhookSender } from '../../../connectors/webhook/send.ts'
import { signatureOf } from '../../../connectors/webhook/sign.ts'
import { systemClock, type Clock } from '../../../kernel/clock.ts'
import type { Json } from '../../../kernel/json.ts'
import type { DeployResult } from './deployer.ts'
import { createRedaction } from './redaction.ts'
import { digestFor, follow, requestFor, stageFor } from './testing/releases.ts'
import { readAnswer } from './webhook-answer.ts'
import { webhookDeployer } from './webhook-config.ts'
import { createWebhookDeployer } from './webhook.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const { signal } = new AbortController()
const request = requestFor(stageFor(), '1.2', { was: { revision: digestFor('1.1'), tag: '1.1' } })

interface Got {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

type Answer = (response: ServerResponse, got: Got) => void

async function ground(t: TestContext, answer: Answer, settings: object = {}) {
  const got: Got[] = []
  const server = createServer((incoming, response) => {
    void incoming.toArray().then((chunks: Buffer[]) => {
      const { method = '', url = '', headers } = incoming
      const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
      got.push(one)
      answer(response, one)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let ahead = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead }
  const config = webhookDeployer.parse({
    url: `http://127.0.0.1:${port}/hooks/url-s3cret-part?key=query-s3cret-part`,
    secret,
    headers: { Authorization: 'Bearer header-s3cret' },
    timeout: '2s',
    ...settings,
  })
  const webhook = createWebhookSender({ clock, version: '1' })
  const deployer = createWebhookDeployer('told', config, { clock, webhook })
  t.after(async () => {
    await deployer.close()
    server.closeAllConnections()
    server.close()
  })
  const step = (handle: Json = null) => deployer.deploy(request, { handle, say: () => {}, fence: () => {} }, signal)
  return { got, deployer, port, step, pass: (ms: number) => (ahead += ms) }
}

const json = (response: ServerResponse, status: number, body: object, headers = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

function told(result: DeployResult): string {
  if (result.is === 'failed') return `failed ${result.effect} ${result.error.code}: ${result.error.detail}`
  return `${result.is}: ${'why' in result ? result.why : (result.detail ?? '')}`
}

test('tells what is to be deployed, signed, under the same key each time', async (t) => {
  const here = await ground(t, (response) => json(response, 200, { id: 7, detail: 'on 3 hosts' }))
  assert.deepEqual(await here.step(), { is: 'deployed', ref: '7', detail: 'on 3 hosts' })
  await here.step()
  const [first, second] = here.got
  assert.deepEqual(JSON.parse(first!.body), {
    type: 'deploy',
    id: request.effectId,
    project: 'shop',
    stage: 'prod',
    image: `registry.example.io/team/shop@${digestFor('1.2')}`,
    repository: 'registry.example.io/team/shop',
    tag: '1.2',
    digest: digestFor('1.2'),
    revision: digestFor('1.2'),
    previous: { revision: digestFor('1.1'), tag: '1.1' },
  })
  const { headers, body } = first!
  const [id, seconds] = [request.effectId, Number(headers['webhook-timestamp'])]
  assert.deepEqual(
    [headers['idempotency-key'], headers['webhook-id'], headers.authorization],
    [id, id, 'Bearer header-s3cret'],
  )
  assert.equal(headers['webhook-signature'], signatureOf(id, seconds, body, [secret]))
  assert.deepEqual([second!.body, second!.headers['idempotency-key']], [body, id])
})

test('what goes on is asked for until it has come to its end', async (t) => {
  for (const [end, expected] of [
    ['succeeded', { is: 'deployed', detail: 'all there' }],
    ['failed', { is: 'rolled-back', why: 'all there' }],
  ] as const) {
    let asked = 0
    const here = await ground(t, (response, { method }) => {
      if (method === 'POST') return json(response, 202, { status_url: '/status/1?x=2' })
      asked += 1
      if (asked === 2) return response.socket?.destroy()
      if (asked === 3) return response.writeHead(503, { 'retry-after': '7' }).end()
      if (asked < 5) return json(response, 200, { status: 'running', detail: `step ${asked}` })
      return json(response, 200, { status: end, detail: 'all there' })
    })
    const { result, said } = await follow(here.deployer, request)
    assert.deepEqual(result, expected)
    assert.deepEqual(here.got.map(({ method, url }) => `${method} ${url}`).slice(1), Array(5).fill('GET /status/1?x=2'))
    assert.ok(said.includes('step 4'), said.join('|'))
    const { headers } = here.got[1]!
    const seconds = Number(headers['webhook-timestamp'])
    assert.equal(headers['webhook-signature'], signatureOf(request.effectId, seconds, '', [secret]))
  }
})

test('Retry-After is heard, and the handle stays as it is', async (t) => {
  const here = await ground(t, (response, { method }) => {
    if (method === 'POST') return json(response, 202, {}, { location: '/s' })
    return json(response, 200, { state: 'queued' }, { 'retry-after': '9' })
  })
  const first = await here.step()
  assert.ok(first.is === 'pending')
  const second = await here.step(first.handle)
  assert.ok(second.is === 'pending' && second.again === 9000, told(second))
  assert.deepEqual(second.handle, first.handle)
})

test('one that goes on for too long has failed, and nobody knows how', async (t) => {
  const here = await ground(t, (response, { method }) =>
    method === 'POST' ? json(response, 202, { status_url: '/s' }) : json(response, 200, { status: 'running' }),
  )
  const first = await here.step()
  assert.ok(first.is === 'pending')
  here.pass(1_700_000)
  assert.equal((await here.step(first.handle)).is, 'pending')
  here.pass(200_000)
  assert.match(told(await here.step(first.handle)), /^failed unknown timed-out/)
})

test('nothing is asked of another origin, whatever form its address has', async (t) => {
  let elsewhere = 0
  const other = createServer((_request, response) => {
    elsewhere += 1
    response.end('{"status":"succeeded"}')
  })
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => void other.close())
  const { port } = other.address() as AddressInfo
  const addresses = [
    `http://127.0.0.1:${port}/s`,
    `//127.0.0.1:${port}/s`,
    'http://169.254.169.254/',
    'file:///etc/passwd',
    'http://[',
  ]
  for (const address of addresses) {
    const here = await ground(t, (response, { method }) =>
      method === 'POST' ? json(response, 202, { status_url: address }) : json(response, 200, { status: 'succeeded' }),
    )
    assert.match(told(await here.step()), /^refused: .*ask elsewhere/, address)
    assert.equal(here.got.length, 1)
  }
  // A path that begins with two slashes is one of its own, and stays one.
  const here = await ground(t, (response, { method, headers }) =>
    method === 'POST'
      ? json(response, 202, { status_url: `http://${headers.host}//127.0.0.1:${port}/s` })
      : json(response, 200, { status: 'succeeded' }),
  )
  assert.equal((await follow(here.deployer, request)).result.is, 'deployed')
  assert.deepEqual([here.got[1]?.url, elsewhere], [`//127.0.0.1:${port}/s`, 0])
})

test('each answer is what it says', async (t) => {
  const cases: readonly (readonly [number, RegExp])[] = [
    [204, /^deployed: $/],
    [202, /^deployed: taken, and it does not say where/],
    [301, /^failed none target\.refused: .*redirects are not followed/],
    [401, /^failed none target\.refused: .*check secret and headers/],
    [404, /^failed none target\.refused: .*check the url/],
    [409, /^refused: 127\.0\.0\.1:\d+ answered 409$/],
    [410, /^refused/],
    [422, /^refused/],
    [429, /^failed none target\.unavailable/],
    [500, /^failed unknown target\.unavailable/],
    [503, /^failed unknown/],
  ]
  for (const [status, expected] of cases) {
    const here = await ground(t, (response) =>
      response.writeHead(status, status === 301 ? { location: '/b' } : {}).end(),
    )
    assert.match(told(await here.step()), expected, String(status))
  }
  const failing = await ground(t, (response) => json(response, 200, { status: 'failed', detail: 'no such host' }))
  assert.match(told(await failing.step()), /^rolled-back: .*no such host/)
})

test('a receiver that is busy is told again when it asks for it, unless that is long', async (t) => {
  let count = 0
  const here = await ground(t, (response) => {
    count += 1
    response.writeHead(count < 3 ? 429 : 200, count < 3 ? { 'retry-after': '5' } : {}).end()
  })
  const first = await here.step()
  assert.ok(first.is === 'pending' && first.again === 5000, told(first))
  assert.equal((await follow(here.deployer, request, () => {}, { handle: first.handle })).result.is, 'deployed')
  assert.equal(new Set(here.got.map(({ body }) => body)).size, 1)
  const slow = await ground(t, (response) => response.writeHead(503, { 'retry-after': '600' }).end())
  assert.match(told(await slow.step()), /^failed unknown/)
})

test('no answer in time, or none at all, may have had an effect', async (t) => {
  const silent = await ground(t, () => {}, { timeout: '100ms' })
  assert.match(told(await silent.step()), /^failed unknown timed-out/)
  const dying = await ground(t, (response) => response.socket?.destroy())
  assert.match(told(await dying.step()), /^failed unknown target\.unavailable/)
  const closing = await ground(t, () => {})
  const step = closing.step()
  await closing.deployer.close()
  assert.match(told(await step), /^failed unknown aborted/)
})

test('what the receiver says is shown bounded, on one line, and without what lets us in', async (t) => {
  const said = [
    `key ${secret}`,
    'auth Bearer header-s3cret / header-s3cret',
    'at /hooks/url-s3cret-part?key=query-s3cret-part',
    '\u001b[31mred\u0000\nline',
    'x'.repeat(2000),
  ].join(' ')
  for (const answer of [
    (response: ServerResponse) => json(response, 422, { detail: said }),
    (response: ServerResponse) => response.writeHead(422).end(said),
  ]) {
    const here = await ground(t, answer)
    const text = told(await here.step())
    assert.doesNotMatch(text, /s3cret|whsec_|[\p{Cc}]/u)
    assert.match(text, /\[secret 1\].*\[header 1\].*red line x/)
    assert.ok(text.length < 600)
  }
})

test('any answer is read, and never more than it says', () => {
  const url = new URL('https://a.example/hook')
  const redact = createRedaction(new Map())
  const any = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .dictionary(fc.constantFrom('status', 'detail', 'id', 'status_url'), fc.jsonValue())
      .map((value) => JSON.stringify(value)),
  )
  fc.assert(
    fc.property(any, fc.option(fc.oneof(fc.webUrl(), fc.webPath(), fc.string())), (text, location) => {
      const read = readAnswer({ status: 202, retryAfter: null, location, text }, url, redact)
      assert.ok((read.detail?.length ?? 0) <= 500)
      if (read.ask !== null) assert.equal(new URL(`${url.origin}${read.ask}`).origin, url.origin)
    }),
  )
})
