/** Watches against a real etcd that is killed, wiped, compacted, and forgets tokens. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { startEtcd, type Etcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { startRelay } from '../../../tests/parts/relay.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import type { Changed, KeyValue } from '../../kernel/key-value.ts'
import { createEtcd, type EtcdOptions } from './client.ts'
import { createGathering } from './gathering.ts'

const skip = skipWithout('etcd', 'etcdctl')
const bound = 60_000
const { signal } = new AbortController()
const connect = (etcd: Pick<Etcd, 'endpoints'>, more: Partial<EtcdOptions> = {}) =>
  opened(createEtcd({ endpoints: etcd.endpoints, clock: systemClock, ...more }))

/** Closed after each test, also one that failed: a watch goes on for as long as it is open. */
const stores: KeyValue[] = []
const opened = (store: KeyValue) => {
  stores.push(store)
  return store
}
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())))
const write = (store: KeyValue, key: string, value: string) =>
  store.write({ guards: [], operations: [{ op: 'put', key, value: Buffer.from(value) }] }, signal)

interface Listening extends AsyncDisposable {
  /** Everything told so far, in order. */
  readonly told: readonly (readonly Changed[] | null)[]
  /** Waits until it holds of what was told. */
  until(what: string, holds: (told: readonly (readonly Changed[] | null)[]) => boolean): Promise<void>
  readonly ended: Promise<unknown>
}

function listen(store: KeyValue, prefix: string): Listening {
  const stop = new AbortController()
  const told: (readonly Changed[] | null)[] = []
  let heard = () => {}
  const ended = (async () => {
    for await (const each of store.watch(prefix, stop.signal)) {
      told.push(each)
      heard()
    }
  })().catch((thrown: unknown) => thrown)
  return {
    told,
    ended,
    async until(what, holds) {
      const late = AbortSignal.timeout(20_000)
      while (!holds(told)) {
        if (late.aborted) assert.fail(`not told in time: ${what}; told ${JSON.stringify(told)}`)
        await new Promise<void>((resolve) => {
          heard = resolve
          late.addEventListener('abort', () => resolve(), { once: true })
        })
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}

const keys = (told: readonly (readonly Changed[] | null)[]) =>
  told.flatMap((each) => (each ?? []).map(({ key }) => key))
const standings = (told: readonly (readonly Changed[] | null)[]) => told.filter((each) => each?.length === 0).length
const gaps = (told: readonly (readonly Changed[] | null)[]) => told.filter((each) => each === null).length

let etcd: Etcd
before(async () => {
  if (!skip) etcd = await startEtcd()
})
after(() => etcd?.[Symbol.asyncDispose]())

test('after a restart it goes on where it was: nothing is missed, no gap', { skip, timeout: bound }, async () => {
  await using own = await startEtcd()
  const [store, writer] = [connect(own), connect(own)]
  await using listening = listen(store, 'r/')
  await listening.until('stands', (told) => standings(told) === 1)
  await write(writer, 'r/before', '1')
  await listening.until('a key', (told) => keys(told).includes('r/before'))
  await own.suspend()
  await own.kill()
  await own.start()
  await own.ctl('put', 'r/after', '1')
  await listening.until('a key after the restart', (told) => keys(told).includes('r/after'))
  assert.deepEqual([gaps(listening.told), standings(listening.told)], [0, 2])
  assert.deepEqual(keys(listening.told), ['r/before', 'r/after'])
  await store.close()
  await writer.close()
})

test(
  'what was written and compacted away while the server could not be reached is one gap',
  { skip, timeout: bound },
  async () => {
    await using own = await startEtcd()
    await using relay = await startRelay(own.port)
    const [store, writer] = [connect({ endpoints: [relay.endpoint] }), connect(own)]
    await using listening = listen(store, 'c/')
    await listening.until('stands', (told) => standings(told) === 1)
    relay.cut()
    for (let n = 0; n < 5; n++) await write(writer, `c/${n}`, '1')
    await own.ctl('compact', String(await own.revision()))
    relay.mend()
    await listening.until('a gap', (told) => gaps(told) === 1)
    await listening.until('stands again', (told) => told.at(-1)?.length === 0)
    await write(writer, 'c/later', '1')
    await listening.until('a later key', (told) => keys(told).includes('c/later'))
    assert.equal(gaps(listening.told), 1)
    assert.deepEqual(keys(listening.told), ['c/later'])
    await store.close()
    await writer.close()
  },
)

test('a peer that vanished without a word is given up for another within 16 s', { skip, timeout: bound }, async () => {
  await using relay = await startRelay(etcd.port)
  const [store, writer] = [connect({ endpoints: [relay.endpoint, etcd.endpoints[0]!] }), connect(etcd)]
  await using listening = listen(store, 'v/')
  await listening.until('stands', (told) => standings(told) === 1)
  relay.swallow()
  await write(writer, 'v/a', '1')
  await listening.until('the key', (told) => keys(told).includes('v/a'))
  assert.deepEqual([standings(listening.told), gaps(listening.told)], [2, 0])
  await store.close()
  await writer.close()
})

test('a wiped store is a gap, and is watched from its start', { skip, timeout: bound }, async () => {
  await using own = await startEtcd()
  const store = connect(own)
  for (let n = 0; n < 20; n++) await write(store, `w/${n}`, '1')
  await using listening = listen(store, 'w/')
  await listening.until('stands', (told) => standings(told) === 1)
  await own.wipe()
  await listening.until('a gap', (told) => gaps(told) === 1)
  await listening.until('stands again', (told) => told.at(-1)?.length === 0)
  await own.ctl('put', 'w/new', '1')
  await listening.until('a key', (told) => keys(told).includes('w/new'))
  await store.close()
})

test('what is more than one message holds comes in parts, and all of it', { skip, timeout: bound }, async () => {
  await using relay = await startRelay(etcd.port)
  const [store, writer] = [connect({ endpoints: [relay.endpoint] }), connect(etcd)]
  await using listening = listen(store, 'l/')
  await listening.until('stands', (told) => standings(told) === 1)
  relay.cut()
  const value = Buffer.alloc(11_000, 1)
  const names = Array.from({ length: 600 }, (_, n) => `l/${n}`)
  for (let at = 0; at < names.length; at += 120) {
    const operations = names.slice(at, at + 120).map((key) => ({ op: 'put', key, value }) as const)
    await writer.write({ guards: [], operations }, signal)
  }
  relay.mend()
  await listening.until('all', (told) => keys(told).length >= names.length)
  assert.deepEqual(keys(listening.told).toSorted(), names.toSorted())
  await store.close()
  await writer.close()
})

test(
  'a user whose token the server forgot logs in again; one without permission is told',
  { skip, timeout: bound },
  async () => {
    await using own = await startEtcd({ auth: { root: 'r00t', users: { sync: { password: 'pw', prefix: 'm/' } } } })
    const user = { username: 'sync', password: 'pw' }
    const store = connect(own, { user })
    await using listening = listen(store, 'm/')
    await listening.until('stands', (told) => standings(told) === 1)
    await own.kill()
    await own.start()
    await listening.until('stands again', (told) => standings(told) === 2)
    await write(store, 'm/a', '1')
    await listening.until('a key', (told) => keys(told).includes('m/a'))

    await using elsewhere = listen(store, 'other/')
    const refused = (await elsewhere.ended) as AppError
    assert.equal(refused.code, 'target.refused', String(refused))
    assert.equal(refused.data['reason'], 'permission')
    await store.close()
  },
)

test('closing the client ends its watches', { skip, timeout: bound }, async () => {
  const store = connect(etcd)
  await using listening = listen(store, 'e/')
  await listening.until('stands', (told) => standings(told) === 1)
  await store.close()
  assert.equal(await listening.ended, undefined)
})

test('many changes for a slow reader: the last of each key, and beyond the bound a gap alone', async () => {
  const gathering = createGathering(3)
  gathering.add([])
  assert.deepEqual(await gathering.take(), [])
  gathering.add([{ key: 'a', revision: 1 }])
  gathering.add([
    { key: 'a', revision: 2 },
    { key: 'b', revision: 2 },
  ])
  assert.deepEqual(await gathering.take(), [
    { key: 'a', revision: 2 },
    { key: 'b', revision: 2 },
  ])
  gathering.add(['a', 'b', 'c', 'd'].map((key) => ({ key, revision: 3 })))
  gathering.add([{ key: 'e', revision: 4 }])
  assert.equal(await gathering.take(), null)
  assert.deepEqual(await gathering.take(), [{ key: 'e', revision: 4 }])
  const waiting = gathering.take()
  gathering.end(new Error('over'))
  await assert.rejects(waiting, /over/)
})
