/** `regista serve` tells a receiver by webhooks: killed in between, with a receiver that dies, and one that hangs. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { skipWithout } from './parts/find.ts'
import { until } from './parts/gitops-sync.ts'
import { startPostgres } from './parts/postgres.ts'
import { serveRegista } from './parts/regista.ts'
import { scratch } from './parts/scratch.ts'

const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`

interface Got {
  readonly id: string
  readonly body: string
  readonly data: { from: number; to: number; ok: boolean; counts: Record<string, number>; changes: { key: string }[] }
  /** Answers; the status is 0 to break the connection. */
  answer(status: number): void
}

/** Holds every request until the test answers it, unless `auto` says how to. */
async function receiver() {
  const got: Got[] = []
  const state = { auto: null as number | null }
  const answer = (response: ServerResponse, status: number) =>
    status === 0 ? response.socket?.destroy() : response.writeHead(status).end()
  const server: Server = createServer((request, response) => {
    request
      .toArray()
      .then((chunks: Buffer[]) => {
        const body = Buffer.concat(chunks).toString()
        const id = String(request.headers['webhook-id'])
        const signed = `${id}.${String(request.headers['webhook-timestamp'])}.${body}`
        const expected = createHmac('sha256', Buffer.alloc(32, 9)).update(signed).digest('base64')
        assert.equal(request.headers['webhook-signature'], `v1,${expected}`)
        const { data } = JSON.parse(body) as { data: Got['data'] }
        got.push({ id, body, data, answer: (status) => void answer(response, status) })
        if (state.auto !== null) answer(response, state.auto)
      })
      .catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    got,
    state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/s3cret`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const configFor = (...urls: readonly string[]) => `
server: { port: 0 }
state: state
capabilities:
  quickstart:
    directory: capabilities
    interval: 5s
    targets: { own: { store: true } }
    notify:
${urls.map((url, at) => `      - { name: r${at}, url: '${url}', secret: '${secret}', timeout: 5s }\n`).join('')}`

const version = (to: string) => (text: string) => text.replace(/(dc_hasVersion:\s*).*/, `$1${to}`)
const file = 'capabilities/chora.mail.delivery.yaml'

suite('notices', () => {
  test('kill -9 while a notice is on its way: the next process sends the same, and then what came later', async () => {
    await using to = await receiver()
    using at = scratch(configFor(to.url))
    {
      await using first = await serveRegista([], { cwd: at.folder })
      await until('the first notice', () => Promise.resolve(to.got.length > 0))
      await first.stop('SIGKILL')
    }
    at.edit(file, version('9.9.9'))
    await using second = await serveRegista([], { cwd: at.folder })
    await until('the repetition', () => Promise.resolve(to.got.length > 1))
    const [once_, again] = to.got
    assert.deepEqual([again!.id, again!.body], [once_!.id, once_!.body])
    assert.deepEqual([again!.data.counts['applied'], again!.data.ok], [6, true])
    again!.answer(0)
    await until('another try', () => Promise.resolve(to.got.length > 2))
    assert.equal(to.got[2]!.id, once_!.id)
    to.state.auto = 204
    to.got[2]!.answer(204)
    await until('what came later', () => Promise.resolve(to.got.length > 3))
    const next = to.got[3]!
    assert.notEqual(next.id, once_!.id)
    assert.deepEqual(
      [next.data.from, next.data.changes.map(({ key }) => key)],
      [once_!.data.to, ['chora.mail.delivery']],
    )
    let metrics = ''
    // The receiver has answered before the sender has counted it.
    await until('both are counted as sent', async () => {
      metrics = await (await fetch(`${second.url}/metrics`)).text()
      return /regista_notify_total\{sync="quickstart",hook="r0",result="sent"\} 2/.test(metrics)
    })
    assert.match(metrics, /regista_notify_total\{sync="quickstart",hook="r0",result="failed"\} 1/)
    assert.match(metrics, /regista_notify_pending\{sync="quickstart",hook="r0"\} 0/)
    assert.equal(await second.stop(), 0)
    assert.doesNotMatch(second.stderr() + metrics, /s3cret|whsec/)
  })

  test('a receiver that hangs delays neither the sync nor another receiver', async () => {
    await using hangs = await receiver()
    await using to = await receiver()
    to.state.auto = 200
    using at = scratch(configFor(hangs.url, to.url))
    await using server = await serveRegista([], { cwd: at.folder })
    await until('the first notice', () => Promise.resolve(to.got.length === 1 && hangs.got.length === 1))
    at.edit(file, version('9.9.9'))
    const key = '/api/v1/kv/%2Fchora%2Fcapabilities%2Fchora.mail.delivery%2Fversion'
    await until('the sync', async () => (await (await fetch(`${server.url}${key}`)).text()) === '9.9.9')
    await until('the second notice', () => Promise.resolve(to.got.length === 2))
    assert.deepEqual([hangs.got.length, to.got[1]!.data.counts['applied']], [1, 1])
    hangs.got[0]!.answer(204)
    await until('the second notice there', () => Promise.resolve(hangs.got.length === 2))
    assert.equal(hangs.got[1]!.data.from, hangs.got[0]!.data.to)
    hangs.got[1]!.answer(204)
    assert.equal(await server.stop(), 0)
  })

  const skip = skipWithout('postgres', 'initdb')
  test('of two replicas one sends; the other sends the same once that one is killed', { skip }, async () => {
    const postgres = await startPostgres()
    try {
      await using to = await receiver()
      using at = scratch('')
      const database = await postgres.createDatabase()
      for (const name of ['a', 'b']) {
        mkdirSync(at.path(name))
        const config = configFor(to.url).replace('directory: capabilities', 'directory: ../capabilities')
        at.write(`${name}/regista.yaml`, `database: ${database}\n${config}`)
      }
      await using a = await serveRegista([], { cwd: at.path('a') })
      await until('the first notice', () => Promise.resolve(to.got.length > 0))
      await using b = await serveRegista([], { cwd: at.path('b') })
      to.got[0]!.answer(500)
      await until('another try', () => Promise.resolve(to.got.length > 1))
      await a.stop('SIGKILL')
      to.state.auto = 204
      await until('the other takes over', () => Promise.resolve(to.got.length > 2))
      assert.deepEqual([new Set(to.got.map(({ id }) => id)).size, new Set(to.got.map(({ body }) => body)).size], [1, 1])
      at.edit(file, version('9.9.9'))
      await until('the next', () => Promise.resolve(to.got.length > 3))
      const [next] = to.got.slice(3)
      assert.deepEqual([next!.data.from, next!.data.counts['applied']], [to.got[0]!.data.to, 1])
      assert.equal(await b.stop(), 0)
    } finally {
      await postgres.stop()
    }
  })
})
