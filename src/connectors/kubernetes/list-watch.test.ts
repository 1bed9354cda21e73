import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock, type Clock, type Ms } from '../../kernel/clock.ts'
import { isList, isWatch, listsOf, oneWatch, read, standing, watchesOf } from './testing/ground.ts'
import { docsLeases as path, lease, waitFor } from './testing/reading.ts'
import type { Seen } from './testing/simulator.ts'

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
