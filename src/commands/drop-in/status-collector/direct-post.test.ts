/** The same bytes, whether node parses the request or not. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { systemClock as clock } from '../../../kernel/clock.ts'
import {
  createOriginalListener,
  createOriginalPost,
  type RequestLine,
  type Statuses,
} from '../../../registries/claims/drop-in.ts'
import { closeWithin } from '../../../server/listener.ts'
import type { Lane } from '../../../server/direct/lane.ts'
import { talk } from '../../../server/testing/direct-ground.ts'
import { openDirectPost } from './direct-post.ts'

const mostBytes = 1000

suite('a status that is posted', () => {
  const lines: RequestLine[] = []
  const failures: unknown[] = []
  const statuses = {
    tell: ([told]: readonly { claimRef: string }[]) =>
      told!.claimRef === 'broken'
        ? Promise.reject(new Error('the inner secret'))
        : Promise.resolve([{ result: { status: 'created' } }]),
  } as unknown as Statuses
  const version = { commit: 'none', version: 'test' }
  const log = (line: RequestLine) => void lines.push(line)
  const failed = (thrown: unknown) => void failures.push(thrown)
  const options = { statuses, clock, randomBytes, version, mostBytes, log, failed }
  const server = createServer(createOriginalListener(options))
  let lane: Lane
  /** By node. */
  let parsed = 0
  server.on('request', () => (parsed += 1))

  before(async () => {
    lane = openDirectPost(server, { post: createOriginalPost(options), clock, mostBytes, secure: false })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => closeWithin(server, clock, 1000, lane))

  /** As it came, but for what is new in each answer. */
  async function answer(body: string, ...headers: string[]): Promise<string> {
    const to = talk({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
    const lines = ['Host: a', ...headers, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close']
    to.send(`POST /api/v1/status HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
    const got = await to.rest()
    return got.replace(/X-Request-Id: \S{36}/, 'X-Request-Id: -').replace(/Date: [^\r]+/, 'Date: -')
  }

  const bodies: Readonly<Record<string, string>> = {
    'is taken': '{"cluster":"c","claimRef":"a/b","statusMessage":"Ünwell"}',
    'says more than three fields': '{"cluster":"c","claimRef":"a/b","statusMessage":"m","kind":"K","generation":1}',
    'is no JSON': '{"cluster":',
    'lacks a field': '{"cluster":"c"}',
    'fails': '{"cluster":"c","claimRef":"broken","statusMessage":"m"}',
    'is nothing': '',
    'is too large': `"${'x'.repeat(mostBytes)}"`,
  }
  for (const [name, body] of Object.entries(bodies)) {
    test(name, async () => {
      lines.length = 0
      parsed = 0
      const direct = await answer(body)
      const ordinary = await answer(body, 'TE: trailers')
      assert.match(direct, /^HTTP\/1\.1 \d{3} /)
      assert.equal(direct, ordinary)
      assert.equal(lines.length, 2)
      assert.equal(parsed, name === 'is too large' ? 2 : 1)
      assert.deepEqual({ ...lines[0], took: 0 }, { ...lines[1], took: 0 })
    })
  }

  test('a fault of ours is told to the log', () => {
    assert.deepEqual(failures.map(String), ['Error: the inner secret', 'Error: the inner secret'])
  })
})
