/** The event stream: nothing missed, nothing twice, nothing kept in memory for readers that do not read. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { Event, EventDraft, Journal } from '../src/engine/journal.ts'
import { put } from '../src/engine/journal.ts'
import { kv } from '../src/database/key-value.ts'
import { systemClock, type Clock } from '../src/kernel/clock.ts'
import { memoryJournal, serve, type Served } from '../src/server/testing/serve.ts'
import { addToken, bearer } from '../src/server/testing/tokens.ts'

interface Message {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** Messages as a browser would see them, ids without data too. Ends when the server ends it. */
async function* messages(reply: Response): AsyncGenerator<Message> {
  let rest = ''
  for await (const chunk of reply.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop()!
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      if (!fields.has('id') && !fields.has('data')) continue
      yield { id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: fields.get('data') ?? '' }
    }
  }
}

const path = '/api/v1/events/stream'
/** An event that never comes is a failure, not a wait. */
const bounded = { timeout: 60_000 }

async function open(served: Served, query = '', headers: Record<string, string> = {}): Promise<Response> {
  const reply = await served.send('GET', path + query, undefined, headers)
  assert.equal(reply.status, 200)
  assert.match(reply.headers.get('content-type')!, /^text\/event-stream/)
  return reply
}

let count = 0
/** One change of a key, with its event. */
function change(event: Partial<EventDraft> = {}) {
  count += 1
  const key = `k${count}`
  return put(kv, { key, value: Buffer.from(String(count)) }, { type: 'kv.put', key, ...event })
}

async function write(journal: Journal, events: number): Promise<void> {
  await journal.commit(Array.from({ length: events }, () => change()))
}

test('a reader that is cut off again and again sees every event once', bounded, async () => {
  await using served = await serve()
  const total = 600
  const writing = (async () => {
    for (let written = 0; written < total; written += 20) {
      await write(served.journal, 20)
      await new Promise(setImmediate)
    }
  })()
  const seen: number[] = []
  let cuts = 0
  while (seen.length < total) {
    const reply = await open(served, '?after=0', seen.length === 0 ? {} : { 'last-event-id': String(seen.at(-1)) })
    // Each connection lives for another number of events.
    let left = (cuts * 37) % 91
    for await (const { data } of messages(reply)) {
      const event = JSON.parse(data) as Event
      seen.push(event.seq)
      left -= 1
      if (left < 0 || seen.length === total) break
    }
    cuts += 1
  }
  await writing
  assert.ok(cuts > 5, `only ${cuts} connections`)
  assert.deepEqual(
    seen,
    Array.from({ length: total }, (_, at) => at + 1),
  )
})

test('without a position it begins with what happens next', bounded, async () => {
  await using served = await serve()
  await write(served.journal, 5)
  const stream = messages(await open(served))
  const next = stream.next()
  await write(served.journal, 1)
  assert.equal((await next).value?.id, '6')
  await stream.return(undefined)
})

test('a commit that comes while the stream reads is not left for the next heartbeat', { timeout: 10_000 }, async () => {
  const inner = memoryJournal()
  let meanwhile = 3
  const journal: Journal = {
    ...inner,
    async events(query) {
      const found = await inner.events(query)
      if (meanwhile > 0) {
        meanwhile -= 1
        const told = new Promise<void>((resolve) => inner.subscribe(resolve))
        await write(inner, 1)
        await told
      }
      return found
    },
  }
  await using served = await serve({ journal })
  const stream = messages(await open(served, '?after=0'))
  for (const id of ['1', '2', '3']) assert.equal((await stream.next()).value?.id, id)
  await stream.return(undefined)
})

/** Heartbeats in no time. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 20), signal) }

test('a filtered stream moves its point of resumption over what it leaves out', bounded, async () => {
  await using served = await serve({ clock: hasty })
  const stream = messages(await open(served, '?after=0&sync=one'))
  await served.journal.commit([change({ sync: 'one' }), change({ sync: 'two' }), change({ sync: 'two' })])
  let first = (await stream.next()).value!
  while (first.data === '') first = (await stream.next()).value!
  assert.deepEqual([first.id, first.event], ['1', 'kv.put'])
  let resume = (await stream.next()).value!
  while (resume.id !== '3') resume = (await stream.next()).value!
  assert.equal(resume.data, '')
  await stream.return(undefined)
})

test('a caller with limits sees the events of what it may see', bounded, async () => {
  const journal = memoryJournal()
  const token = await addToken(journal, { scopes: { syncs: ['one'], kv: ['mine/'] } })
  await using served = await serve({ journal, settings: { auth: 'tokens' } })
  await journal.commit([
    change({ sync: 'one', key: 'a' }),
    change({ sync: 'two', key: 'b' }),
    change({ key: 'mine/c' }),
    change({ key: 'theirs/d' }),
    change({ sync: 'one', key: 'e' }),
  ])
  const stream = messages(await open(served, '?after=0', bearer(token)))
  const keys: unknown[] = []
  for await (const { data } of stream) {
    keys.push((JSON.parse(data) as Event).key)
    if (keys.at(-1) === 'e') break
  }
  assert.deepEqual(keys, ['a', 'mine/c', 'e'])
  assert.equal((await served.send('GET', `${path}?sync=two`, undefined, bearer(token))).status, 403)
})

test('a reader from before what is kept is told of the gap', bounded, async () => {
  const day = 86_400_000
  let now = day
  const clock: Clock = { ...systemClock, now: () => now }
  await using served = await serve({ clock })
  await write(served.journal, 4)
  now += 5 * day
  await write(served.journal, 2)
  await served.journal.retain(now - day)
  const stream = messages(await open(served, '?after=1'))
  const gap = (await stream.next()).value!
  assert.deepEqual([gap.event, JSON.parse(gap.data)], ['gap', { after: 1, kept: 5 }])
  assert.equal((await stream.next()).value!.id, '5')
  await stream.return(undefined)
})

test('a stream ends with its token, and no event follows', bounded, async () => {
  const journal = memoryJournal()
  const admin = bearer(await addToken(journal))
  const token = await addToken(journal, { role: 'viewer' })
  await using served = await serve({ journal, settings: { auth: 'tokens' } })
  const stream = messages(await open(served, '', bearer(token)))
  const next = stream.next()
  const id = /regista_([^_]+)_/.exec(token)![1]
  assert.equal((await served.send('DELETE', `/api/v1/tokens/${id}`, undefined, admin)).status, 200)
  await write(journal, 1)
  assert.deepEqual(await next, { done: true, value: undefined })
})

test('streams end when the server stops, and too many are refused', bounded, async () => {
  await using served = await serve({ settings: { limits: { streams: 2 } } })
  const replies = [await open(served), await open(served)]
  const third = await served.call(path)
  assert.equal(third.status, 429)
  assert.match(await (await served.call('/metrics')).text(), /^regista_http_streams 2$/m)
  await replies[0]!.body!.cancel()
  // The place is free once the server has seen the connection go.
  const bound = Date.now() + 10_000
  let again = await served.call(path)
  while (again.status !== 200 && Date.now() < bound) again = await served.call(path)
  assert.equal(again.status, 200)
  const ended = messages(replies[1]!).next()
  await served.server.stop(5000)
  assert.equal((await ended).done, true)
})

test('a position that is none is refused', bounded, async () => {
  await using served = await serve()
  for (const id of ['abc', '-1', '1.5', '99999999999999999999']) {
    assert.equal((await served.send('GET', path, undefined, { 'last-event-id': id })).status, 400, id)
  }
  assert.equal((await served.call(`${path}?after=-1`)).status, 400)
  assert.equal((await served.call(path, { method: 'HEAD' })).status, 200)
})

test('what a reader does not take stays in the journal', bounded, async () => {
  const inner = memoryJournal()
  let read = 0
  const journal: Journal = {
    ...inner,
    async events(query) {
      const found = await inner.events(query)
      read += found.length
      return found
    },
  }
  const total = 20_000
  const bulk = 'x'.repeat(1000)
  for (let written = 0; written < total; written += 1000) {
    await journal.commit(Array.from({ length: 1000 }, () => change({ data: bulk })))
  }
  await using served = await serve({ journal })
  const socket = connect(Number(new URL(served.addresses.url).port), '127.0.0.1').pause()
  socket.write(`GET ${path}?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  // The kernel's buffers fill; then reading must stop, long before the end.
  let [before, still] = [-1, 0]
  while (still < 20) {
    still = before === read && read > 0 ? still + 1 : 0
    before = read
    await systemClock.sleep(10)
  }
  assert.ok(read < total * 0.8, `${read} of ${total} events were read for nobody`)
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.resume()
  const bound = Date.now() + 20_000
  while (!text.includes(`\nid: ${total}\n`) && Date.now() < bound) await systemClock.sleep(10)
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
  assert.deepEqual(
    ids,
    Array.from({ length: total }, (_, at) => at + 1),
  )
  socket.destroy()
  await once(socket, 'close')
})
