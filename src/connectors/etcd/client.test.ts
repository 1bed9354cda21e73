import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { startEtcd, type Etcd } from '../../../tests/parts/etcd.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { AppError } from '../../kernel/errors.ts'
import type { KeyValue, KeyValueOperation } from '../../kernel/key-value.ts'
import { createEtcd, type EtcdOptions } from './client.ts'
import { readEndpoint } from './channel.ts'

const skip = skipWithout('etcd', 'etcdctl')
const signal = new AbortController().signal
const put = (key: string, value: string | Uint8Array = ''): KeyValueOperation => ({
  op: 'put',
  key,
  value: Buffer.from(value),
})

function connect(etcd: Pick<Etcd, 'endpoints'>, options: Partial<EtcdOptions> = {}): KeyValue {
  return createEtcd({ endpoints: etcd.endpoints, clock: systemClock, ...options })
}

function withCode(code: AppError['code'], data: Record<string, unknown> = {}) {
  return (error: AppError) => {
    assert.equal(error.code, code, error.stack)
    for (const [name, value] of Object.entries(data)) assert.equal(error.data[name], value, error.message)
    return true
  }
}

let etcd: Etcd
let store: KeyValue

before(async () => {
  if (skip) return
  etcd = await startEtcd()
  store = connect(etcd)
})

after(async () => {
  await store?.close()
  await etcd?.[Symbol.asyncDispose]()
})

test('reads in pages at one revision, also where pages hold few values', { skip }, async () => {
  const value = Buffer.alloc(300_000, 7)
  for (let at = 0; at < 40; at++) await store.write({ guards: [], operations: [put(`big/${100 + at}`, value)] }, signal)
  for (let at = 0; at < 20; at++) {
    const operations = Array.from({ length: 128 }, (_, n) => put(`many/${1000 + at * 128 + n}`, 'v'))
    await store.write({ guards: [], operations }, signal)
  }
  const many = await store.range({ prefix: 'many/' }, signal)
  assert.equal(many.pairs.length, 2560)
  assert.deepEqual(
    many.pairs.map(({ key }) => key),
    many.pairs.map(({ key }) => key).toSorted(),
  )
  // 1,000 of these are 12 MB; then pages of 2 MiB.
  const big = await store.range({ prefix: 'big/' }, signal)
  assert.equal(big.pairs.length, 40)
  assert.ok(big.pairs.every((pair) => Buffer.from(pair.value).equals(value)))
  assert.ok(
    (await store.range({ prefix: 'big/', keysOnly: true }, signal)).pairs.every((pair) => pair.value.length === 0),
  )
})

test('what moves from the end to the start between two pages is seen once', { skip }, async () => {
  for (let at = 0; at < 20; at++) {
    const operations = Array.from({ length: 128 }, (_, n) => put(`moving/${1000 + at * 128 + n}`, 'v'))
    await store.write({ guards: [], operations }, signal)
  }
  const ends = ['moving/0', 'moving/9']
  await store.write({ guards: [], operations: [put(ends[0]!)] }, signal)
  let reading = true
  const moving = (async () => {
    for (let move = 1; reading; move++) {
      const to = ends[move % 2]!
      const from = ends[(move + 1) % 2]!
      await store.write({ guards: [], operations: [put(to), { op: 'delete', key: from }] }, signal)
    }
  })()
  for (let read = 0; read < 30; read++) {
    const { pairs } = await store.range({ prefix: 'moving/', keysOnly: true }, signal)
    assert.equal(pairs.filter(({ key }) => ends.includes(key)).length, 1)
  }
  reading = false
  await moving
})

test('pages whose answer exceeds the receive limit are asked for again, smaller', { skip }, async () => {
  const value = Buffer.alloc(1_400_000, 1)
  for (let at = 0; at < 30; at++) await store.write({ guards: [], operations: [put(`huge/${10 + at}`, value)] }, signal)
  assert.equal((await store.range({ prefix: 'huge/' }, signal)).pairs.length, 30)
})

test('tells apart what the server will never take', { skip }, async () => {
  const tooMany = Array.from({ length: 129 }, (_, n) => put(`n/${n}`))
  await assert.rejects(
    store.write({ guards: [], operations: tooMany }, signal),
    withCode('target.refused', { reason: 'invalid' }),
  )
  for (const size of [1_600_000, 3_000_000]) {
    const operations = [put('large', Buffer.alloc(size))]
    const refused = withCode('target.refused', { reason: 'too-large', effect: 'none' })
    await assert.rejects(store.write({ guards: [], operations }, signal), refused)
  }
  await assert.rejects(store.write({ guards: [], operations: [put('')] }, signal), withCode('target.refused'))
  assert.deepEqual((await store.range({ prefix: 'n/' }, signal)).pairs, [])
})

test('tells a full store from a refused value', { skip }, async () => {
  await using full = await startEtcd({ flags: ['--quota-backend-bytes=4194304'] })
  const client = connect(full)
  const fill = async () => {
    for (let at = 0; at < 20; at++)
      await client.write({ guards: [], operations: [put(`f/${at}`, Buffer.alloc(1 << 20))] }, signal)
  }
  await assert.rejects(fill(), withCode('target.refused', { reason: 'no-space', effect: 'none' }))
  await client.close()
})

test('names leased keys, and leaves out keys that are no text', { skip }, async () => {
  const lease = /lease ([0-9a-f]+) granted/.exec(await etcd.ctl('lease', 'grant', '60'))![1]!
  await etcd.ctl('put', `--lease=${lease}`, 'l/leased', 'x')
  await etcd.ctl('put', 'l/kept', 'x')
  const noText = JSON.stringify({ key: Buffer.from([0x6c, 0x2f, 0xff]).toString('base64') })
  assert.equal((await fetch(`${etcd.endpoints[0]}/v3/kv/put`, { method: 'POST', body: noText })).status, 200)
  const { pairs } = await store.range({ prefix: 'l/' }, signal)
  const leased = Object.fromEntries(pairs.map((pair) => [pair.key, pair.leased]))
  assert.deepEqual(leased, { 'l/kept': false, 'l/leased': true })
})

test('another store, and a wiped one with the same flags, has another identity', { skip }, async () => {
  await using other = await startEtcd()
  const client = connect(other)
  const first = await client.identity(signal)
  assert.notEqual(first, await store.identity(signal))
  await client.write({ guards: [], operations: [put('k')] }, signal)
  assert.equal(await client.identity(signal), first)
  await other.kill()
  await other.start()
  assert.equal(await eventually(() => client.identity(signal)), first)
  await other.wipe()
  assert.notEqual(await eventually(() => client.identity(signal)), first)
  await client.close()
})

test('passes over endpoints that do not answer; writes too, when nothing was sent', { skip }, async () => {
  const endpoints = ['http://127.0.0.1:1', etcd.endpoints[0]!]
  const client = connect({ endpoints })
  assert.notEqual(await client.write({ guards: [], operations: [put('over')] }, signal), 'conflict')
  assert.equal((await client.range({ prefix: 'over' }, signal)).pairs.length, 1)
  await client.close()
})

test('nobody there: unavailable, at once, with the reason and no effect', { skip }, async () => {
  const client = connect({ endpoints: ['127.0.0.1:1'] })
  const began = performance.now()
  await assert.rejects(client.identity(signal), withCode('target.unavailable', { effect: 'none' }))
  await assert.rejects(client.write({ guards: [], operations: [put('x')] }, signal), /ECONNREFUSED/)
  assert.ok(performance.now() - began < 4000)
  await client.close()
})

test(
  'a stopped process does not hang a call: deadline, effect of a write unknown; abort ends it at once',
  { skip },
  async () => {
    await using silent = await startEtcd()
    const client = connect(silent, { timeout: 700 })
    await client.identity(signal)
    await silent.suspend()
    try {
      await assert.rejects(client.range({ prefix: '' }, signal), withCode('target.unavailable'))
      const write = client.write({ guards: [], operations: [put('x')] }, signal)
      await assert.rejects(write, withCode('target.unavailable', { effect: 'unknown' }))
      const controller = new AbortController()
      const aborted = client.range({ prefix: '' }, controller.signal)
      controller.abort()
      await assert.rejects(aborted, withCode('aborted'))
    } finally {
      silent.resume()
    }
    await client.close()
  },
)

test('an abort ends a call at once that waits for a connection', { skip }, async () => {
  await using silent = await startEtcd()
  await silent.suspend()
  const client = connect(silent)
  const controller = new AbortController()
  const call = client.identity(controller.signal)
  setImmediate(() => controller.abort())
  const began = performance.now()
  await assert.rejects(call, withCode('aborted'))
  assert.ok(performance.now() - began < 2000)
  silent.resume()
  await client.close()
})

test('finds a server that came back within two seconds', { skip }, async () => {
  await using back = await startEtcd()
  const client = connect(back)
  await client.identity(signal)
  await back.kill()
  for (let at = 0; at < 5; at++) await assert.rejects(client.identity(signal))
  await back.start()
  const began = performance.now()
  await eventually(() => client.identity(signal))
  assert.ok(performance.now() - began < 2000)
  await client.close()
})

const withTls = skip || skipWithout('openssl')

test('TLS and client certificates', { skip: withTls }, async () => {
  await using secure = await startEtcd({ tls: 'mutual' })
  const { ca, client: files } = secure.certificates!
  const whole = { ca: readFileSync(ca), cert: readFileSync(files.cert), key: readFileSync(files.key) }
  const full = connect(secure, { tls: () => Promise.resolve(whole) })
  await full.write({ guards: [], operations: [put('tls', 'yes')] }, signal)
  assert.equal((await full.range({ prefix: 'tls' }, signal)).pairs.length, 1)
  await full.close()

  for (const given of [{ ca: whole.ca }, {}]) {
    const lacking = connect(secure, { tls: () => Promise.resolve(given) })
    await assert.rejects(lacking.identity(signal), withCode('target.unavailable'))
    await lacking.close()
  }
})

test('certificates are read again after a failure: those that came later are used', { skip: withTls }, async () => {
  await using secure = await startEtcd({ tls: 'mutual' })
  const { ca, client: files } = secure.certificates!
  const whole = { ca: readFileSync(ca), cert: readFileSync(files.cert), key: readFileSync(files.key) }
  let [given, reads] = [{} as Partial<typeof whole>, 0]
  const client = connect(secure, {
    tls: () => {
      reads += 1
      return Promise.resolve(given)
    },
  })
  await assert.rejects(client.identity(signal), withCode('target.unavailable'))
  given = whole
  await client.identity(signal)
  await client.identity(signal)
  assert.equal(reads, 2)
  await client.close()
})

test('a server certificate alone: its authority and its name, and no others', { skip: withTls }, async () => {
  await using secure = await startEtcd({ tls: 'server' })
  const ca = readFileSync(secure.certificates!.ca)
  for (const [host, serverName] of [['127.0.0.1'], ['localhost'], ['127.0.0.1', 'localhost']] as const) {
    const tls = { ca, ...(serverName !== undefined && { serverName }) }
    const client = connect({ endpoints: [`https://${host}:${secure.port}`] }, { tls: () => Promise.resolve(tls) })
    assert.ok(await client.identity(signal), host)
    await client.close()
  }
  for (const tls of [{ ca, serverName: 'etcd.elsewhere' }, {}]) {
    const client = connect(secure, { tls: () => Promise.resolve(tls) })
    await assert.rejects(client.identity(signal), withCode('target.unavailable', { effect: 'none' }))
    await client.close()
  }
})

test(
  'users: token renewed when the server forgot it, wrong password and foreign prefix refused',
  { skip },
  async () => {
    const users = { sync: { password: 'pass:word', prefix: '/mine/' } }
    await using guarded = await startEtcd({ auth: { root: 'r00t', users } })
    const user = { username: 'sync', password: 'pass:word' }
    const client = connect(guarded, { user })
    const mine = { guards: [], operations: [put('/mine/a')] }
    const identity = await client.identity(signal)
    await client.write(mine, signal)
    assert.equal((await client.range({ prefix: '/mine/' }, signal)).count, 1)
    assert.equal(await client.identity(signal), identity)
    await assert.rejects(
      client.write({ guards: [], operations: [put('/theirs/a')] }, signal),
      withCode('target.refused', { reason: 'permission' }),
    )
    // Simple tokens live in the server's memory.
    await guarded.kill()
    await guarded.start()
    assert.notEqual(await eventually(() => client.write(mine, signal)), 'conflict')
    await client.close()

    const wrong = connect(guarded, { user: { ...user, password: 'secret-that-is-wrong' } })
    await assert.rejects(wrong.identity(signal), (error: AppError) => {
      assert.ok(!`${error.message} ${JSON.stringify(error.data)}`.includes('secret-that-is-wrong'))
      return withCode('target.refused', { reason: 'credentials' })(error)
    })
    await wrong.close()
    const nobody = connect(guarded)
    await assert.rejects(nobody.write(mine, signal), withCode('target.refused'))
    await nobody.close()
  },
)

test('a user is no hindrance where authentication is off', { skip }, async () => {
  const client = connect(etcd, { user: { username: 'a', password: 'b' } })
  assert.ok(await client.identity(signal))
  await client.close()
})

test('reads endpoints as people write them', () => {
  assert.deepEqual(readEndpoint('https://etcd.example:2379'), { address: 'etcd.example:2379', secure: true })
  assert.deepEqual(readEndpoint('http://127.0.0.1:1/'), { address: '127.0.0.1:1', secure: false })
  assert.deepEqual(readEndpoint('localhost'), { address: 'localhost:2379', secure: false })
  assert.deepEqual(readEndpoint('[::1]:2379'), { address: '[::1]:2379', secure: false })
  for (const bad of ['', 'ftp://host', 'host:port', 'http://user:pass@host', 'a b']) {
    assert.throws(() => readEndpoint(bad), { code: 'config.invalid' })
  }
})

async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + 5000
  for (;;) {
    try {
      return await attempt()
    } catch (thrown) {
      if (performance.now() > until) throw thrown
      await systemClock.sleep(20)
    }
  }
}
