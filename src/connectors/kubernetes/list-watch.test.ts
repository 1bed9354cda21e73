import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock, type Clock, type Ms } from '../../kernel/clock.ts'
import { createKubernetes, type Kubernetes } from './client.ts'
import type { ListWatchQuery } from './list-watch.ts'
import { docsLeases as path, holderOf, lease, startReading, waitFor, type Reading } from './testing/reading.ts'
import { startSimulator, type Seen, type Simulator } from './testing/simulator.ts'
import type { WatchBounds } from './watch.ts'

interface Ground extends Reading {
  readonly simulator: Simulator
  readonly client: Kubernetes
}

interface Options {
  readonly query?: Partial<ListWatchQuery<string>>
  readonly bounds?: Partial<WatchBounds>
  readonly clock?: Clock
  /** Before anybody reads. */
  readonly prepare?: (simulator: Simulator) => void
}

/** Chance says that no back-off waits. */
const random = () => 0

async function read(t: TestContext, { query, bounds, clock = systemClock, prepare }: Options = {}): Promise<Ground> {
  const simulator = await startSimulator({ token: 'secret' })
  prepare?.(simulator)
  const client = createKubernetes({ cluster: simulator.cluster(), clock, random, ...(bounds && { watch: bounds }) })
  const reading = startReading(client, query)
  t.after(async () => {
    await reading.stop()
    await client.close()
    await simulator[Symbol.asyncDispose]()
  })
  return { ...reading, simulator, client }
}

/** `synced`, and the watch stands. */
async function standing({ simulator, heard }: Ground): Promise<void> {
  await heard('synced')
  await oneWatch(simulator)
}

async function oneWatch(simulator: Simulator): Promise<Simulator['watches'][number]> {
  await waitFor(
    () => simulator.watches.length === 1,
    () => 'no watch stands',
  )
  return simulator.watches[0]!
}

const isWatch = ({ query }: Seen) => query.has('watch')
const isList = ({ query }: Seen) => query.has('limit')
const watchesOf = ({ seen }: Simulator) => seen.filter(isWatch)
const listsOf = ({ seen }: Simulator) => seen.filter(isList)

test('reads a large list in pages, and tells each object once', async (t) => {
  const one = await read(t, {
    prepare(simulator) {
      for (let n = 0; n < 1201; n++) simulator.put(path, lease(`n${n}`, 'x'))
    },
  })
  await one.heard('synced')
  assert.equal(new Set(one.told).size, 1202)
  assert.equal(one.told.length, 1202)
  assert.deepEqual(
    listsOf(one.simulator).map(({ query }) => query.get('limit')),
    ['500', '500', '500'],
  )
})

test('begins the list anew when its continuation has expired, and takes for gone what only the first try had', async (t) => {
  const one = await read(t, {
    prepare(simulator) {
      for (let n = 0; n < 1100; n++) simulator.put(path, lease(`n${n}`, 'x'))
      const when = ({ query }: Seen) => {
        if (query.has('continue')) simulator.remove(path, 'n0')
        return query.has('continue')
      }
      simulator.fault({ when, status: 410 })
    },
  })
  await standing(one)
  assert.equal(listsOf(one.simulator).length, 2 + 3)
  const unusual = one.told.filter((text) => !text.startsWith('put'))
  assert.deepEqual(unusual, ['gone docs/n0', 'synced'])
})

test('gives up a request that is not answered', async (t) => {
  const clock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === 60_000 ? 300 : ms, signal) }
  const one = await read(t, {
    clock,
    prepare(simulator) {
      simulator.fault({ when: isList, until: new Promise(() => {}) })
      simulator.fault({ when: isWatch, until: new Promise(() => {}) })
    },
  })
  await one.heard('lost timed-out', 2)
  await oneWatch(one.simulator)
  await waitFor(
    () => one.simulator.sockets === 1,
    () => `${one.simulator.sockets} connections are open`,
  )
  one.simulator.put(path, lease('a', '1'))
  await one.heard('put docs/a 1')
  assert.deepEqual(one.told, ['lost timed-out', 'synced', 'lost timed-out', 'synced', 'put docs/a 1'])
})

test('asks for a watch with bookmarks that the cluster ends within 240 to 300 s', async (t) => {
  const one = await read(t)
  await standing(one)
  const [{ query } = { query: new URLSearchParams() }] = watchesOf(one.simulator)
  assert.equal(query.get('allowWatchBookmarks'), 'true')
  assert.equal(query.get('timeoutSeconds'), '240')
})

test('goes on where a watch ended, at the version of the last bookmark', async (t) => {
  const one = await read(t)
  await standing(one)
  const first = await oneWatch(one.simulator)
  one.simulator.put('/api/v1/namespaces/docs/configmaps', lease('elsewhere', 'x'))
  first.bookmark()
  first.end()
  await waitFor(
    () => watchesOf(one.simulator).length === 2,
    () => 'no second watch',
  )
  const second = await oneWatch(one.simulator)
  assert.equal(Number(second.from), Number(first.from) + 1)
  one.simulator.put(path, lease('a', '1'))
  await one.heard('put docs/a 1')
  assert.deepEqual(one.told, ['synced', 'put docs/a 1'])
  assert.equal(listsOf(one.simulator).length, 1)
})

test('goes on after a connection that broke, without a list and without a word', async (t) => {
  const one = await read(t)
  await standing(one)
  one.simulator.put(path, lease('a', '1'))
  await one.heard('put docs/a 1')
  one.simulator.disconnect()
  one.simulator.put(path, lease('a', '2'))
  one.simulator.remove(path, 'a')
  await one.heard('gone docs/a')
  assert.deepEqual(one.told, ['synced', 'put docs/a 1', 'put docs/a 2', 'gone docs/a'])
  assert.equal(listsOf(one.simulator).length, 1)
})

for (const how of ['event', 'answer'] as const) {
  test(`lists again when the cluster has forgotten the version (410 as ${how}), and tells what was deleted meanwhile`, async (t) => {
    const one = await read(t, {
      prepare(simulator) {
        for (const name of ['a', 'b', 'c']) simulator.put(path, lease(name, '1'))
      },
    })
    await standing(one)
    const watch = await oneWatch(one.simulator)
    if (how === 'answer') one.simulator.fault({ when: isWatch, status: 410 })
    one.simulator.disconnect()
    one.simulator.remove(path, 'a')
    one.simulator.remove(path, 'b')
    const again = one.simulator.put(path, lease('b', '2'))
    one.simulator.compact()
    await one.heard('put docs/c 1', 2)
    await one.heard('gone docs/a')
    const gone = one.observed.filter((each) => each.is === 'gone')
    assert.deepEqual(gone.map(({ key }) => key).toSorted(), ['docs/a', 'docs/b'])
    const put = one.observed.findLast((each) => each.is === 'put' && each.key === 'docs/b')
    assert.ok(put?.is === 'put' && put.item === '2' && put.uid === again.metadata.uid)
    // Another object under the same name: the old one goes first.
    assert.ok(one.told.indexOf('gone docs/b') < one.told.indexOf('put docs/b 2'))
    await one.heard('synced', 2)
    await waitFor(
      () => watchesOf(one.simulator).length === 3,
      () => 'no third watch',
    )
    assert.equal(
      one.told.findIndex((text) => text.startsWith('lost')),
      -1,
    )
    assert.notEqual((await oneWatch(one.simulator)).from, watch.from)
  })
}

test('says that it is lost and why, once; and that it goes on', async (t) => {
  const one = await read(t)
  await standing(one)
  one.simulator.fault({ when: isWatch, status: 500, times: 2 })
  one.simulator.fault({ when: isWatch, status: 503, times: 1 })
  ;(await oneWatch(one.simulator)).fail(500, 'InternalError')
  await waitFor(
    () => watchesOf(one.simulator).length === 5,
    () => 'no fifth watch',
  )
  one.simulator.put(path, lease('a', '1'))
  await one.heard('put docs/a 1')
  assert.deepEqual(one.told, ['synced', 'lost server-error', 'synced', 'put docs/a 1'])
  assert.equal(listsOf(one.simulator).length, 1)
})

test('says so again when the reason changes', async (t) => {
  const one = await read(t, {
    prepare(simulator) {
      simulator.fault({ when: isList, status: 403, times: 3 })
      simulator.fault({ when: isList, cut: true, times: 1 })
    },
  })
  await one.heard('synced')
  assert.deepEqual(one.told, ['lost forbidden', 'lost network', 'synced'])
})

test('waits as long as the cluster asks for', async (t) => {
  const waits: Ms[] = []
  const clock: Clock = {
    ...systemClock,
    sleep(ms, signal) {
      waits.push(ms)
      return systemClock.sleep(ms === 7000 ? 1 : ms, signal)
    },
  }
  const one = await read(t, {
    clock,
    prepare: (simulator) => simulator.fault({ when: isList, status: 429, headers: { 'retry-after': '7' } }),
  })
  await one.heard('synced')
  assert.deepEqual(one.told, ['lost rate-limited', 'synced'])
  assert.ok(waits.includes(7000))
})

test('sees changes by lists alone where it may not watch', async (t) => {
  const one = await read(t, {
    prepare(simulator) {
      simulator.put(path, lease('a', '1'))
      simulator.fault({ when: isWatch, status: 403, times: Infinity })
    },
  })
  await one.heard('synced')
  one.simulator.remove(path, 'a')
  await one.heard('gone docs/a')
  await one.heard('lost forbidden')
})

test('takes an object that is too large for an event from a list', async (t) => {
  const one = await read(t, { bounds: { line: 4096 } })
  await standing(one)
  one.simulator.put(path, { ...lease('big', '1'), padding: 'x'.repeat(5000) })
  await one.heard('put docs/big 1')
  one.simulator.put(path, lease('small', '2'))
  await one.heard('put docs/small 2')
  assert.deepEqual(one.told, ['synced', 'lost too-large', 'put docs/big 1', 'synced', 'put docs/small 2'])
})

test('lists again after a line that is no event', async (t) => {
  const one = await read(t)
  await standing(one)
  ;(await oneWatch(one.simulator)).write('{"type":"ADDED","object":{"metadata":{}}}\n')
  await one.heard('synced', 2)
  assert.deepEqual(one.told, ['synced', 'lost malformed', 'synced'])
})

test('reads events in whatever pieces they come, and never one that was cut off', async (t) => {
  const one = await read(t)
  await standing(one)
  const watch = await oneWatch(one.simulator)
  const metadata = { name: 'ä', namespace: 'docs', uid: 'u1', resourceVersion: String(Number(watch.from) + 1) }
  const line = JSON.stringify({ type: 'ADDED', object: { metadata, spec: { holderIdentity: 'half' } } })
  watch.write(line.slice(0, 40))
  await sleep(20)
  watch.write(`${line.slice(40)}\n\n`)
  await one.heard('put docs/ä half')
  // What was there of the next one would be whole, had its line ended.
  const next = { ...metadata, name: 'cut', resourceVersion: String(Number(watch.from) + 2) }
  watch.write(JSON.stringify({ type: 'ADDED', object: { metadata: next, spec: { holderIdentity: 'cut' } } }))
  watch.end()
  await waitFor(
    () => watchesOf(one.simulator).length === 2,
    () => 'no second watch',
  )
  one.simulator.put(path, lease('b', '2'))
  await one.heard('put docs/b 2')
  assert.deepEqual(one.told, ['synced', 'put docs/ä half', 'put docs/b 2'])
})

test('leaves a watch that says nothing, not even that its time is over', async (t) => {
  const one = await read(t, {
    bounds: { open: [1000, 1000], margin: 100 },
    prepare: (simulator) => simulator.fault({ when: isWatch, silent: true }),
  })
  await one.heard('lost timed-out')
  one.simulator.put(path, lease('a', '1'))
  await one.heard('put docs/a 1')
  assert.deepEqual(one.told.slice(0, 4), ['synced', 'lost timed-out', 'synced', 'put docs/a 1'])
})

test('an object whose projection throws is a trouble of its own', async (t) => {
  const one = await read(t, {
    prepare(simulator) {
      simulator.put(path, lease('a', null))
      simulator.put(path, lease('b', '1'))
    },
  })
  await standing(one)
  one.simulator.put(path, lease('b', null))
  await one.heard('trouble docs/b')
  one.simulator.put(path, lease('a', '2'))
  one.simulator.remove(path, 'b')
  await one.heard('gone docs/b')
  assert.deepEqual(one.told, [
    'trouble docs/a',
    'put docs/b 1',
    'synced',
    'trouble docs/b',
    'put docs/a 2',
    'gone docs/b',
  ])
  const [first] = one.observed
  assert.ok(first?.is === 'trouble')
  assert.match(first.why.message, /docs\/a could not be read: nobody holds it/)
})

test('a label that comes and goes is an object that comes and goes', async (t) => {
  const one = await read(t, { query: { labelSelector: 'docs.io/sync' } })
  await standing(one)
  one.simulator.put(path, lease('a', '1'))
  one.simulator.put(path, lease('a', '2', { 'docs.io/sync': '' }))
  one.simulator.put(path, lease('a', '3'))
  await one.heard('gone docs/a')
  assert.deepEqual(one.told, ['synced', 'put docs/a 2', 'gone docs/a'])
})

test('reads no further than its reader works', async (t) => {
  const simulator = await startSimulator()
  const client = createKubernetes({ cluster: simulator.cluster(), clock: systemClock, random })
  t.after(async () => {
    await client.close()
    await simulator[Symbol.asyncDispose]()
  })
  const items = client.listWatch({ path, project: holderOf }, new AbortController().signal)[Symbol.asyncIterator]()
  assert.deepEqual((await items.next()).value, { is: 'synced' })
  const first = items.next()
  const watch = await oneWatch(simulator)
  const padding = 'x'.repeat(100_000)
  const count = 300
  for (let n = 0; n < count; n++) simulator.put(path, { ...lease(`n${n}`, 'x'), padding })
  await first
  let before = -1
  while (before !== watch.unsent) {
    before = watch.unsent
    await sleep(200)
  }
  assert.ok(watch.unsent > 10_000_000, `${watch.unsent} of 30 MB wait at the sender`)
  for (let n = 1; n < count; n++) await items.next()
  assert.equal(watch.unsent, 0)
  await items.return?.()
  await waitFor(
    () => simulator.watches.length === 0,
    () => 'the watch stays open',
  )
})

test('ends at once when it is to stop, and leaves no watch open', async (t) => {
  const watching = await read(t)
  await standing(watching)
  await watching.stop()
  await waitFor(
    () => watching.simulator.watches.length === 0,
    () => 'the watch stays open',
  )
  const listing = await read(t, {
    prepare: (simulator) => simulator.fault({ when: isList, until: new Promise(() => {}) }),
  })
  await waitFor(
    () => listing.simulator.seen.length === 1,
    () => 'no list',
  )
  await listing.stop()
  await waitFor(
    () => listing.simulator.sockets === 0,
    () => 'the connection stays open',
  )
  assert.deepEqual(listing.told, [])
})

test('ends when its client closes, with every connection', async (t) => {
  const one = await read(t)
  await standing(one)
  await one.client.close()
  await one.stop()
  await waitFor(
    () => one.simulator.sockets === 0,
    () => 'a connection stays open',
  )
  assert.deepEqual(one.told, ['synced'])
})
