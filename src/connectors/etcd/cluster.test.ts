/** Three real members on loopback: one is killed, one falls silent, one is left alone. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { startEtcd, type Etcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Changed, KeyValue } from '../../kernel/key-value.ts'
import { createEtcd, type EtcdOptions, type ObservedCall } from './client.ts'

const skip = skipWithout('etcd', 'etcdctl')
const timeout = 90_000
const { signal } = new AbortController()
const write = (store: KeyValue, key: string, value = 'v') =>
  store.write({ guards: [], operations: [{ op: 'put', key, value: Buffer.from(value) }] }, signal)

let cluster: Etcd
before(async () => {
  if (!skip) cluster = await startEtcd({ members: 3 })
})
after(() => cluster?.[Symbol.asyncDispose]())

const connect = (endpoints: readonly string[], more: Partial<EtcdOptions> = {}) =>
  opened(createEtcd({ endpoints, clock: systemClock, ...more }))

/** Closed after each test, also one that failed: a watch goes on for as long as it is open. */
const stores: KeyValue[] = []
const opened = (store: KeyValue) => {
  stores.push(store)
  return store
}
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())))

/** The leader first. */
async function leaderFirst(): Promise<{ leader: number; endpoints: string[] }> {
  const leader = await cluster.leader()
  const first = cluster.endpoints[leader]!
  return { leader, endpoints: [first, ...cluster.endpoints.filter((each) => each !== first)] }
}

test(
  'the leader is killed under writes: what was acknowledged is there, what was not says so',
  { skip, timeout },
  async () => {
    const { leader, endpoints } = await leaderFirst()
    const store = connect(endpoints)
    const acknowledged: string[] = []
    const failures: AppError[] = []
    let stop = false
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; !stop; n++) {
        const key = `k/${writer}/${n}`
        try {
          await write(store, key)
          acknowledged.push(key)
        } catch (thrown) {
          failures.push(thrown as AppError)
        }
      }
    })
    const enough = async (more: number) => {
      const wanted = acknowledged.length + more
      while (acknowledged.length < wanted) await systemClock.sleep(5)
    }
    await enough(200)
    await cluster.kill(leader)
    const began = performance.now()
    await enough(200)
    assert.ok(performance.now() - began < 20_000)
    await cluster.start(leader)
    await enough(100)
    stop = true
    await Promise.all(writers)
    for (const failure of failures) {
      assert.equal(failure.code, 'target.unavailable', failure.stack)
      assert.ok(['none', 'unknown'].includes(failure.data['effect'] as string), failure.message)
    }
    // Eight are under way at a time; while there is no leader they wait instead of failing over and over.
    assert.ok(failures.length <= 80, `${failures.length} failures, the first: ${failures[0]?.message}`)
    const { pairs } = await store.range({ prefix: 'k/', keysOnly: true }, signal)
    const there = new Set(pairs.map(({ key }) => key))
    assert.deepEqual(
      acknowledged.filter((key) => !there.has(key)),
      [],
    )
    await store.close()
  },
)

test(
  'a member that falls silent: reads move on in time, a write is unknown once, the next goes elsewhere',
  { skip, timeout },
  async () => {
    const { leader, endpoints } = await leaderFirst()
    const calls: ObservedCall[] = []
    const silent = (leader + 1) % 3
    const first = cluster.endpoints[silent]!
    const store = connect([first, ...endpoints.filter((each) => each !== first)], {
      timeout: 2000,
      observe: (call) => calls.push(call),
    })
    await write(store, 's/before')
    assert.deepEqual(
      calls.map(({ method, endpoint, code }) => ({ method, endpoint, code })),
      [{ method: 'Txn', endpoint: first.slice('http://'.length), code: 'OK' }],
    )
    await cluster.suspend(silent)
    try {
      assert.equal((await store.range({ prefix: 's/' }, signal)).count, 1)
      assert.deepEqual(
        calls.slice(1).map(({ code }) => code),
        ['DEADLINE_EXCEEDED', 'OK'],
      )
      await store.close()
      const writer = connect([first, ...endpoints.filter((each) => each !== first)], { timeout: 2000 })
      cluster.resume(silent)
      await write(writer, 's/again')
      await cluster.suspend(silent)
      await assert.rejects(write(writer, 's/unknown'), (error) => {
        return error instanceof AppError && error.data['effect'] === 'unknown'
      })
      const began = performance.now()
      await write(writer, 's/elsewhere')
      assert.ok(performance.now() - began < 1900, 'not the whole time-out')
      await writer.close()
    } finally {
      cluster.resume(silent)
    }
  },
)

test(
  'a member that lost the others refuses, surely without effect, and its watches find back',
  { skip, timeout },
  async () => {
    const { leader } = await leaderFirst()
    const alone = (leader + 1) % 3
    const others = [0, 1, 2].filter((member) => member !== alone)
    const store = connect([cluster.endpoints[alone]!], { timeout: 3000 })
    const stop = new AbortController()
    const watching = store.watch('a/', stop.signal)[Symbol.asyncIterator]()
    assert.deepEqual((await watching.next()).value, [])
    let last = ''
    for (const other of others) await cluster.suspend(other)
    try {
      // Until it notices, calls wait for the others: what became of those nobody knows.
      const until = performance.now() + 20_000
      let failure: AppError | null = null
      for (let n = 0; failure?.data['effect'] !== 'none' && performance.now() < until; n++) {
        last = `a/${n}`
        failure = await write(store, last).then(
          () => assert.fail('one of three has written'),
          (thrown: AppError) => thrown,
        )
      }
      assert.match(failure!.message, /no leader/)
    } finally {
      for (const other of others) cluster.resume(other)
    }
    assert.deepEqual((await watching.next()).value, [], 'the watch stands again')
    while ((await write(store, 'a/back').catch(() => null)) === null) await systemClock.sleep(20)
    const told: string[] = []
    while (!told.includes('a/back')) {
      told.push(...((await watching.next()).value as readonly Changed[]).map(({ key }) => key))
    }
    assert.ok(!told.includes(last), 'what was refused has no effect')
    stop.abort()
    await store.close()
  },
)

test(
  'tokens that end while calls are under way: nobody notices, and one of them logs in',
  { skip, timeout },
  async () => {
    const users = { sync: { password: 'pw', prefix: 't/' } }
    const ends = { jwt: { root: 'r00t', users, jwt: '2s' }, simple: { root: 'r00t', users } }
    for (const [kind, auth] of Object.entries(ends)) {
      await using own = await startEtcd({ auth, flags: ['--auth-token-ttl=2', '--bcrypt-cost=4'] })
      let logins = 0
      const observe = ({ method, code }: ObservedCall) => {
        if (method === 'Authenticate' && code === 'OK') logins += 1
      }
      const store = connect(own.endpoints, { user: { username: 'sync', password: 'pw' }, observe })
      const stop = new AbortController()
      const told = new Set<string>()
      const changes = store.watch('t/', stop.signal)[Symbol.asyncIterator]()
      assert.deepEqual((await changes.next()).value, [], 'the watch stands')
      const watching = (async () => {
        for (let next = await changes.next(); !next.done; next = await changes.next()) {
          for (const { key } of next.value ?? []) told.add(key)
        }
      })()
      const wanted: string[] = []
      for (let round = 0; round < 3; round++) {
        const until = performance.now() + (kind === 'jwt' ? 2500 : 200)
        while (performance.now() < until) {
          const keys = Array.from({ length: 8 }, (_, n) => `t/${wanted.length + n}`)
          await Promise.all(keys.map((key) => write(store, key)))
          wanted.push(...keys)
        }
        // Those in memory end when they are not used.
        if (kind === 'simple' && round < 2) await systemClock.sleep(3200)
      }
      assert.ok(logins >= 3 && logins <= 12, `${kind}: ${logins} logins`)
      for (let n = 0; n < 1000 && told.size < wanted.length; n++) await systemClock.sleep(20)
      assert.deepEqual([...told].toSorted(), wanted.toSorted())
      stop.abort()
      await watching
      await store.close()
    }
  },
)
