/** Wherever the bytes are cut, the same requests are answered in the same order, and the same bytes are handed over. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { duplexPair, type Duplex } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import type { Admission } from '../access/guard.ts'
import type { Bound } from './bound.ts'
import { openConnection, type Connection } from './connection.ts'
import { createTable } from './table.ts'

const admission: Admission = {
  caller: { name: 'test', role: 'admin', scopes: null, subject: null },
  valid: () => true,
  again: () => true,
}

interface Opened {
  readonly connection: Connection
  readonly client: Duplex
  /** All that was answered. */
  readonly answered: () => string
  readonly handed: () => string | null
  readonly refused: () => string | null
  readonly clock: ReturnType<typeof createFakeClock>
  readonly socket: Duplex
}

/** Answers are the body in brackets; that of /later is awaited. */
function open(stopping = false): Opened {
  const bound = (slow: boolean): Bound => ({
    mostBytes: 1000,
    takes: () => true,
    byParams: false,
    admit: () => admission,
    answer: ({ body }, closes) => {
      const text = `[${body.toString()}${closes ? ' closes' : ''}]`
      return slow ? Promise.resolve(text) : text
    },
    refuse: (thrown) => `[${String(thrown)}]`,
  })
  const routes = [
    { route: { method: 'POST', path: '/now' } as const, of: bound(false) },
    { route: { method: 'POST', path: '/later/:id' } as const, of: bound(true) },
  ]
  const table = createTable(
    routes,
    routes.map(({ route }) => route),
  )
  const [client, server] = duplexPair()
  const socket = Object.assign(server, { destroySoon: () => server.end() })
  let answered = ''
  let handed: string | null = null
  let refused: string | null = null
  client.on('data', (part: Buffer) => (answered += part.toString()))
  client.on('error', () => {})
  const clock = createFakeClock()
  const connection = openConnection({
    socket: socket as unknown as Socket,
    routes: { table, identify: () => null },
    clock,
    stopping: () => stopping,
    handOver(bytes) {
      handed = bytes.toString('latin1')
      socket.on('data', (part: Buffer) => (handed += part.toString('latin1'))).resume()
    },
    refuse: (why) => (refused = why),
    left: () => {},
  })
  return { connection, client, answered: () => answered, handed: () => handed, refused: () => refused, clock, socket }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
}

const ask = (body: string, path = '/now', more = '') =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${body.length}\r\nUser-Agent: test\r\n\r\n${body}`

/** Requests and what is answered to them. */
const requests = fc.array(
  fc.record({
    body: fc.string({ maxLength: 30, unit: fc.constantFrom('a', '\r\n', 'POST /now', '0', ' ') }),
    path: fc.constantFrom('/now', '/now', '/later/1', '/later/2'),
    more: fc.constantFrom('', '', 'X-One: 1\r\n', 'X-Two:\t2 \r\n'),
  }),
  { maxLength: 20 },
)
const odd = fc.constantFrom(
  '',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  ask('x').replace('POST', 'post'),
  ask('x').replace('Host: a', 'Host: a\r\nhost: b'),
  ask('x').replace('Length: 1', 'Length: 01'),
  ask('x').replace('Length: 1', 'Length: +1'),
  ask('x').replace('Length: 1', 'Length: 1, 1'),
  ask('x').replace('Length: 1', 'Length: 1001'),
  ask('x', '/now', 'Transfer-Encoding: chunked\r\n'),
  ask('x', '/now', 'Content-Length: 1\r\n'),
  ask('x', '/now', ' folded: 1\r\n'),
  ask('x', '/now', 'X : 1\r\n'),
  ask('x', '/now', 'X: \0\r\n'),
  ask('x', '/now', 'X: a\rb\r\n'),
  ask('x', '/now', 'X: a\n'),
  ask('x', '/now', 'Connection: keep-alive, x\r\n'),
  `\r\n${ask('x')}`,
)

test('any requests, cut anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(requests, odd, fc.array(fc.nat(), { maxLength: 12 }), async (asked, last, cuts) => {
      const text = asked.map(({ body, path, more }) => ask(body, path, more)).join('') + last
      const { client, answered, handed } = open()
      let from = 0
      for (const cut of [...cuts.map((one) => one % (text.length + 1)), text.length].toSorted((a, b) => a - b)) {
        if (cut > from) client.write(text.slice(from, cut), 'latin1')
        from = cut
        if (cut % 2 === 0) await new Promise(setImmediate)
      }
      await settle()
      const wanted = asked.map(({ body }) => `[${body}]`).join('')
      // What comes cut into very many pieces may be handed over sooner, and whole.
      const count = answered().length === wanted.length ? asked.length : asked.length - 1
      if (handed() === null || count === asked.length) {
        assert.equal(answered(), wanted)
        assert.equal(handed() ?? '', last)
      } else {
        assert.ok(wanted.startsWith(answered()))
        assert.ok(cuts.length >= 8, 'handed over too soon')
        assert.ok(text.endsWith(handed()!) && (handed()!.startsWith('POST ') || handed() === last))
      }
      client.destroy()
    }),
    { numRuns: 300 },
  )
})

test('one request, cut in two at every byte', async () => {
  const text = ask('body', '/now', 'X-Some: thing\r\n')
  const { client, answered, handed } = open()
  for (let cut = 1; cut < text.length; cut += 1) {
    client.write(text.slice(0, cut))
    await new Promise(setImmediate)
    client.write(text.slice(cut))
    await new Promise(setImmediate)
  }
  await settle()
  assert.equal(handed(), null)
  assert.equal(answered(), '[body]'.repeat(text.length - 1))
  client.destroy()
})

test('a head that drips, or does not come to its end, is handed over', async () => {
  const text = ask('body')
  const dripping = open()
  for (const byte of text.slice(0, 20)) {
    dripping.client.write(byte)
    await new Promise(setImmediate)
  }
  // Who took it over got the first bytes; the rest is its own to read.
  assert.match(dripping.handed() ?? '', /^POST \/now/)
  const late = open()
  late.client.write(text.slice(0, -1))
  await settle()
  late.connection.sweep()
  assert.equal(late.handed(), null)
  await late.clock.advance(3000)
  late.connection.sweep()
  assert.equal(late.handed(), text.slice(0, -1))
})

test('who says nothing is told so, who falls silent is closed, who is answered in time stays', async () => {
  const silent = open()
  await silent.clock.advance(11_000)
  silent.connection.sweep()
  assert.equal(silent.refused(), 'late')
  const idle = open()
  idle.client.write(ask('x'))
  await settle()
  await idle.clock.advance(60_000)
  idle.connection.sweep()
  assert.equal(idle.socket.destroyed, false)
  await idle.clock.advance(6000)
  idle.connection.sweep()
  assert.equal(idle.socket.destroyed, true)
})

test('a reader that takes nothing is asked nothing more, and closed after a minute', async () => {
  const { client, connection, clock, socket, answered } = open()
  client.pause()
  const large = ask('y'.repeat(1000)).repeat(60)
  for (let count = 0; count < 40; count += 1) client.write(large)
  await settle()
  assert.ok(socket.writableLength < 1_000_000, `${socket.writableLength} bytes wait`)
  assert.ok(socket.isPaused())
  assert.equal(connection.idle(), false)
  client.resume()
  while (answered().length < 40 * 60 * 1002) await settle()
  assert.ok(!socket.isPaused())
  client.pause()
  for (let count = 0; count < 40; count += 1) client.write(large)
  await settle()
  await clock.advance(61_000)
  connection.sweep()
  assert.ok(socket.destroyed)
})

test('while the server stops, an answer says that it is the last', async () => {
  const { client, answered, socket } = open(true)
  client.write(ask('x') + ask('y'))
  await settle()
  assert.equal(answered(), '[x closes]')
  assert.ok(socket.writableEnded)
})
