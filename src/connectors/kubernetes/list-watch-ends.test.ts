/** What a list-watch leaves behind, and how long it waits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock, type Clock } from '../../kernel/clock.ts'
import { createKubernetes } from './client.ts'
import { isList, isWatch, listsOf, oneWatch, random, read, standing, watchesOf } from './testing/ground.ts'
import { docsLeases as path, holderOf, lease, waitFor } from './testing/reading.ts'
import { startSimulator } from './testing/simulator.ts'

test('gives up a request that is not answered', async (t) => {
  const late: (() => void)[] = []
  /** The bound of requests passes when the test says so. */
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, signal) {
      if (ms !== 60_000) return systemClock.sleep(ms, signal)
      const passed = new AbortController()
      late.push(() => passed.abort())
      await systemClock.sleep(ms, AbortSignal.any([passed.signal, ...(signal ? [signal] : [])]))
    },
  }
  const one = await read(t, {
    clock,
    prepare(simulator) {
      simulator.fault({ when: isList, until: new Promise(() => {}) })
      simulator.fault({ when: isWatch, until: new Promise(() => {}) })
    },
  })
  for (const [times, requests] of [listsOf, watchesOf].entries()) {
    await waitFor(
      () => requests(one.simulator).length === 1,
      () => 'no request',
    )
    for (const pass of late) pass()
    await one.heard('lost timed-out', times + 1)
  }
  await oneWatch(one.simulator)
  await waitFor(
    () => one.simulator.sockets === 1,
    () => `${one.simulator.sockets} connections are open`,
  )
  one.simulator.put(path, lease('a', '1'))
  await one.heard('put docs/a 1')
  assert.deepEqual(one.told, ['lost timed-out', 'synced', 'lost timed-out', 'synced', 'put docs/a 1'])
})

test('leaves a watch that says nothing, not even that its time is over', async (t) => {
  const one = await read(t, {
    bounds: { open: [3000, 3000], margin: 100 },
    prepare: (simulator) => simulator.fault({ when: isWatch, silent: true }),
  })
  await one.heard('lost timed-out')
  one.simulator.put(path, lease('a', '1'))
  await one.heard('put docs/a 1')
  assert.deepEqual(one.told.slice(0, 4), ['synced', 'lost timed-out', 'synced', 'put docs/a 1'])
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
  await waitFor(
    () => watch.unsent === 0,
    () => `${watch.unsent} bytes wait`,
  )
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
