/**
 * Any bytes: a server with direct routes answers what the same server without them answers, so that a proxy before it
 * and the library behind it never see other requests than the direct reader does.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger as logger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import { directRoute, type Route } from '../src/kernel/route.ts'
import { createRouter } from '../src/server/application.ts'
import { createListener } from '../src/server/listener.ts'

const common = { role: 'operator', tag: 'test', summary: 'Test', rawBody: z.unknown() } as const
const echo = (method: 'GET' | 'POST', path: string) =>
  directRoute({
    ...common,
    method,
    path,
    direct: ({ body, params, contentType }) => ({
      status: 200,
      body: JSON.stringify({ path, got: body.toString('latin1'), params, contentType }),
    }),
  })
const direct = [echo('POST', '/test/a'), echo('GET', '/test/b/:id'), echo('POST', '/test/c/:id/d')]

function withoutDirect({ direct: _direct, ...declared }: Route): Route {
  return declared
}

/** Filler for bodies that are longer than what was sent; its end ends the connection. */
const tail = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'
  .repeat(4)
  .replace(/\r\n\r\n$/, '\r\nConnection: close\r\n\r\n')

/** In turns of the event loop, which is all that the answers of these servers wait for. */
const quiet = 12

interface Conversation {
  readonly answers: string
  /** How many bytes had been written when the reader of direct requests gave up, and how many of them it gave back. */
  readonly given: { readonly written: number; readonly back: number } | null
}

/** What the server answers to these bytes, up to the end of the connection. */
async function converse(server: Server, pieces: Iterable<string>): Promise<Conversation> {
  const [client, side] = duplexPair()
  let written = 0
  let given: Conversation['given'] = null
  const unshift = side.unshift.bind(side)
  const socket = Object.assign(side, {
    remoteAddress: '127.0.0.1',
    destroySoon: () => void side.end(),
    unshift(bytes: Buffer) {
      given ??= { written, back: bytes.length }
      unshift(bytes)
    },
  })
  let answers = ''
  let turns = 0
  client.setEncoding('latin1').on('data', (text: string) => {
    answers += text
    turns = 0
  })
  client.on('error', () => {})
  server.emit('connection', socket)
  for (const piece of pieces) {
    written += piece.length
    client.write(piece, 'latin1')
    await new Promise(setImmediate)
  }
  // A body longer than all filler is waited for: the client ends first.
  for (turns = 0; !side.writableFinished && !side.destroyed && turns < 2 * quiet; turns += 1) {
    await new Promise(setImmediate)
    if (turns === quiet && !client.writableEnded) client.end()
  }
  client.destroy()
  side.destroy()
  return { answers, given }
}

/** Status, what decides where an answer ends, and bodies; not the order of headers nor the time. */
function essence(answers: string): string[] {
  return answers.split(/(?=HTTP\/1\.1 \d{3} )/).map((one) => {
    const [head = '', ...body] = one.split('\r\n\r\n')
    const [first = '', ...lines] = head.split('\r\n')
    const told = lines.map((text) => text.toLowerCase()).filter((text) => !/^(date|keep-alive):/.test(text))
    return [first, ...told.toSorted(), '', body.join('\r\n\r\n').replace(/"id":"[^"]+"/, '')].join('\n')
  })
}

const valid = [
  'POST /test/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}',
  'GET /test/b/some-id HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n',
  'POST /test/c/x/d HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabc',
  'POST /test/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n',
]
const odd = '\n|\r| |\t|\0|:|,|;|\x7f|\x80|/|%41|?|#|..|\r\n\r\n|0|7|POST |GET |HTTP/1.0|HTTP/2.0'.split('|')
const lines = [
  'Content-Length: 5',
  'content-length:7',
  'Content-Length: 0x7',
  'Content-Length: -1',
  'Content-Length: 7, 7',
  'Content-Length: ',
  'Content-Length : 7',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'TE: trailers',
  'Connection: close',
  'Connection: close, x',
  'Connection: Upgrade\r\nUpgrade: h2c',
  'Host: other',
  'Host:',
  'Expect: 100-continue',
  ' folded',
  'X-Y: \xe9',
  'Origin: http://evil.example',
  'Sec-Fetch-Site: cross-site',
  'Content-Type: text/plain',
  'Content-Type: ;',
  '__proto__: x',
  'Cookie: a',
  '',
]
const snippets = [...odd, ...lines.map((one) => `${one}\r\n`)]

const change = fc.record({
  at: fc.nat(),
  cut: fc.constantFrom(0, 0, 0, 1, 2, 5),
  put: fc.oneof(fc.constantFrom(...snippets), fc.constantFrom('')),
  /** Into a line of its own, where most of what is dangerous is. */
  asLine: fc.boolean(),
})

function apply(
  text: string,
  { at, cut, put, asLine }: { at: number; cut: number; put: string; asLine: boolean },
): string {
  const head = text.indexOf('\r\n\r\n')
  const lines = asLine ? [...text.slice(0, head + 2).matchAll(/\r\n/g)].map(({ index }) => index + 2) : []
  const place = lines.length > 0 ? lines[at % lines.length]! : at % (text.length + 1)
  return text.slice(0, place) + put + text.slice(place + (asLine ? 0 : cut))
}

const message = fc
  .record({ of: fc.constantFrom(...valid), changes: fc.array(change, { maxLength: 2 }) })
  .map(({ of, changes }) => changes.reduce(apply, of))
const input = fc.record({
  messages: fc.array(message, { minLength: 1, maxLength: 4 }),
  cuts: fc.array(fc.nat(), { maxLength: 3 }),
})

function cutUp(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % text.length)), text.length].toSorted((a, b) => a - b)
  return places.map((place, index) => text.slice(places[index - 1] ?? 0, place)).filter((piece) => piece !== '')
}

function cutFrom(pieces: readonly string[], written: number): readonly string[] {
  let seen = 0
  return pieces.filter((piece) => (seen += piece.length) > written)
}

async function serverOf(routes: readonly Route[]): Promise<Server> {
  const clock = systemClock
  const { app, direct } = await createRouter({
    routes,
    guard: () => () => ({ caller: { name: 'test', role: 'admin', scopes: null, subject: null }, valid: () => true }),
    metrics: createMetrics(),
    logger,
    clock,
    randomBytes,
    stopping: new AbortController().signal,
    mostBytes: 1_000_000,
  })
  const door = { kind: 'network', tls: false } as const
  return createListener({ door, handler: app.routing, connections: 100, certificates: null, clock, direct }).server
}

test('any bytes are read as the HTTP library reads them', async () => {
  const ours = await serverOf(direct)
  const reference = await serverOf(direct.map(withoutDirect))
  const runs = Number(process.env['FUZZ_RUNS'] ?? 1000)
  let begun = 0
  await fc.assert(
    fc.asyncProperty(input, async ({ messages, cuts }) => {
      const text = messages.join('') + tail
      const pieces = cutUp(text, cuts)
      const { answers, given } = await converse(ours, pieces)
      const got = essence(answers)
      const from = given === null ? text.length : given.written - given.back
      // What was answered directly is whole requests: the library gets them slowly, and what follows in the same pieces,
      // since an answer of its own may be lost to what it cannot read in the same piece.
      const rest = given === null ? [] : [text.slice(from, given.written), ...cutFrom(pieces, given.written)]
      const wanted = await converse(reference, [...text.slice(0, from).split(''), ...rest])
      assert.deepEqual(got, essence(wanted.answers), JSON.stringify(text))
      begun += from === 0 ? 0 : 1
    }),
    { numRuns: runs },
  )
  assert.ok(begun > runs / 4, `only ${begun} conversations began with a direct answer`)
})
