import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { skipWithout } from '../../../tests/parts/find.ts'
import { file, imageOf, indexOf, layerOf, layerOfTar } from '../../../tests/parts/images.ts'
import { AppError } from '../../kernel/errors.ts'
import type { RegistryOptions } from './registry.ts'
import type { ImageStore } from './store.ts'
import { connectTo } from './testing/connected.ts'
import {
  altered,
  page,
  prolonged,
  redirected,
  refused,
  truncated,
  withBody,
  withHeaders,
  withLink,
  withoutDigest,
  type Fault,
} from './testing/fake-faults.ts'
import { startFakeRegistry, type Asked, type FakeRegistryOptions } from './testing/fake-registry.ts'
import { createQuickClock } from './testing/quick-clock.ts'

const signal = AbortSignal.timeout(60_000)
/** Only where an answer stays away: a busy machine may take long for the others. */
const impatient = (fault: Fault) => (typeof fault === 'string' && fault.startsWith('hang') ? { timeout: 500 } : {})

async function open(options: FakeRegistryOptions = {}, client: Partial<RegistryOptions> = {}) {
  const clock = createQuickClock()
  const fake = await startFakeRegistry({ ...options, now: clock.now })
  const layer = layerOfTar(randomBytes(300_000), 'plain')
  const image = imageOf([layer])
  await fake.put('a', 'v1', image)
  const connection = { host: fake.host, ca: fake.ca, credential: null }
  const store = connectTo(connection, { clock, ...client })
  const close = async () => {
    await store.close()
    await fake[Symbol.asyncDispose]()
  }
  return { clock, fake, store, image, layer, [Symbol.asyncDispose]: close }
}

async function failed(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof AppError, String(error))
  assert.equal(error.code, 'source.unavailable', error.message)
  assert.equal(error.class, 'retry')
  assert.doesNotMatch(error.message, /signature|secret/)
  return error
}

const why = async (promise: Promise<unknown>) => (await failed(promise)).data['why']

const descriptorOf = ({ digest, bytes }: { digest: string; bytes: Uint8Array }) => ({
  mediaType: 'x',
  digest,
  size: bytes.length,
})

async function read(store: ImageStore, blob: { digest: string; bytes: Uint8Array }): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.blob('a', descriptorOf(blob), signal)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The first `times` of a kind go wrong. */
const first = (kind: Asked['kind'], times: number, fault: Fault) => (asked: Asked) =>
  asked.kind === kind && asked.nth <= times ? fault : null

test('a list of tags that is not whole is no list', async () => {
  const faults: [string, Fault, string][] = [
    ['truncated', truncated, 'malformed'],
    ['a page of HTML', page, 'malformed'],
    ['no list', withBody(() => '{"name":"a","tags":"v1"}'), 'malformed'],
    ['no tags at all', withBody(() => '{"name":"a"}'), 'malformed'],
    ['not only texts', withBody(() => '{"tags":["v1",2]}'), 'malformed'],
    ['403', refused(403), 'forbidden'],
    ['404 of an ingress', refused(404, {}, '<html>not found</html>'), 'malformed'],
    ['404 for another reason', refused(404), 'malformed'],
    ['half of it, then silence', 'hang-half-way', 'timed-out'],
    ['half of it, then cut off', 'drop-half-way', 'network'],
    ['silence', 'hang', 'timed-out'],
  ]
  for (const [name, fault, expected] of faults) {
    for (const nth of [1, 3]) {
      await using it = await open({ pageSize: 2 }, impatient(fault))
      for (const tag of ['v2', 'v3', 'v4', 'v5', 'v6']) await it.fake.put('a', tag, it.image)
      it.fake.fault = (asked) => (asked.kind === 'tags' && asked.nth >= nth ? fault : null)
      assert.equal(await why(it.store.tags('a', signal)), expected, `${name}, page ${nth}`)
    }
  }
})

test('follows links to the next page wherever they write it, and only here', async () => {
  const links: [string, (next: string, origin: string) => string, string | null][] = [
    ['absolute', (next, origin) => `${origin}${next}`, null],
    ['without a path', (next) => next.slice(next.indexOf('?')), null],
    ['with the path of somebody behind a proxy', (next) => next.replace('/v2/', '/internal/v2/'), null],
    ['to another host', (next) => `http://elsewhere.example.io${next}`, 'malformed'],
    ['to another port', (next) => `http://127.0.0.1:1${next}`, 'malformed'],
    ['to another scheme', (next, origin) => `${origin.replace('http:', 'https:')}${next}`, 'malformed'],
    ['to no page', (next) => next.slice(0, next.indexOf('?')), 'malformed'],
    ['to itself', () => '?n=1000', 'malformed'],
    ['in a circle', (_, origin) => `${origin}/v2/a/tags/list?last=v1&n=2`, 'malformed'],
    ['to ever new pages with the same tags', () => `?n=2&${Math.random()}`, 'malformed'],
  ]
  for (const [name, change, expected] of links) {
    await using it = await open({ pageSize: 2 })
    for (const tag of ['v2', 'v3', 'v4', 'v5']) await it.fake.put('a', tag, it.image)
    const { url } = it.fake
    it.fake.fault = ({ kind }) =>
      kind === 'tags' ? withLink((next) => (next === null ? null : change(next, url))) : null
    const tags = it.store.tags('a', signal)
    if (expected === null) assert.deepEqual(await tags, ['v1', 'v2', 'v3', 'v4', 'v5'], name)
    else assert.equal(await why(tags), expected, name)
  }
})

test('empty pages and pages that grow over each other are followed to the end, but not for ever', async () => {
  await using it = await open({ pageSize: 2 })
  for (const tag of ['v2', 'v3']) await it.fake.put('a', tag, it.image)
  const pages = ['[]', '["v1","v2"]', 'null', '["v2","v3"]', '["v3","../x","v4"]']
  it.fake.fault =
    ({ nth }) =>
    (answer) => ({
      ...answer,
      headers: pages[nth] === undefined ? {} : { link: `<?page=${nth}>; rel=next` },
      body: Buffer.from(`{"tags":${pages[nth - 1]}}`),
    })
  assert.deepEqual(await it.store.tags('a', signal), ['v1', 'v2', 'v3', 'v4'])
  it.fake.fault =
    ({ nth }) =>
    (answer) => ({
      ...answer,
      headers: { link: `<?page=${nth}>; rel=next` },
      body: Buffer.from('{"tags":[]}'),
    })
  assert.equal(await why(it.store.tags('a', signal)), 'malformed')
})

test('asks again after what may pass, a few times and not at once', async () => {
  const passing: [Fault, string][] = [
    ['drop', 'network'],
    [refused(500), 'server-error'],
    [refused(502), 'server-error'],
    [refused(503), 'server-error'],
    [refused(429), 'rate-limited'],
    [refused(429, { 'retry-after': '3' }), 'rate-limited'],
    [refused(503, { 'retry-after': '3' }), 'rate-limited'],
    [refused(403, {}, '{"errors":[{"code":"TOOMANYREQUESTS"}]}'), 'rate-limited'],
  ]
  for (const [fault, expected] of passing) {
    await using it = await open({}, { random: () => 0.9 })
    it.fake.fault = first('tags', 2, fault)
    assert.deepEqual(await it.store.tags('a', signal), ['v1'], expected)
    assert.equal(it.fake.count('tags'), 3)
    assert.ok(it.clock.slept.length >= 2 && it.clock.slept.every((ms) => ms > 0 && ms <= 4000), String(it.clock.slept))
    it.fake.fault = ({ kind }) => (kind === 'tags' ? fault : null)
    assert.equal(await why(it.store.tags('a', signal)), expected)
    assert.equal(it.fake.count('tags'), 6)
  }
  for (const [fault, expected] of [
    [refused(403), 'forbidden'],
    [refused(400), 'malformed'],
    ['hang', 'timed-out'],
    [refused(504), 'timed-out'],
  ] as [Fault, string][]) {
    await using it = await open({}, impatient(fault))
    it.fake.fault = ({ kind }) => (kind === 'tags' ? fault : null)
    assert.equal(await why(it.store.tags('a', signal)), expected)
    assert.equal(it.fake.count('tags'), 1, expected)
  }
})

test('Retry-After counts for all that is asked of the host', async () => {
  await using it = await open()
  it.fake.fault = first('head', 1, refused(429, { 'retry-after': '20' }))
  const began = it.clock.now()
  await it.store.head('a', 'v1', signal)
  assert.ok(it.clock.now() - began >= 20_000)
  it.fake.forget()
  it.fake.fault = first('head', 1, refused(429, { 'retry-after': '600' }))
  const refusal = await failed(it.store.head('a', 'v1', signal))
  assert.equal(refusal.data['retryAfter'], 600_000)
  assert.equal(refusal.data['status'], 429)
  const asked = it.fake.asked.length
  for (const other of [it.store.tags('a', signal), it.store.image('a', 'v1', signal), read(it.store, it.layer)]) {
    const { data } = await failed(other)
    assert.equal(data['why'], 'rate-limited')
    assert.ok(Number(data['retryAfter']) > 500_000)
  }
  assert.equal(it.fake.asked.length, asked)
  it.clock.pass(601_000)
  assert.deepEqual(await it.store.tags('a', signal), ['v1'])
})

test('without HEAD, or without a digest in its answer, a GET tells the digest; it is tried once', async () => {
  for (const fault of [
    refused(405),
    refused(501),
    withoutDigest,
    withHeaders({ 'docker-content-digest': 'sha256:no' }),
  ]) {
    await using it = await open()
    it.fake.fault = ({ kind }) => (kind === 'head' ? fault : kind === 'manifest' ? withoutDigest : null)
    const { digest, mediaType } = it.image
    for (let count = 0; count < 3; count++) {
      assert.deepEqual(await it.store.head('a', 'v1', signal), { is: 'there', digest, mediaType })
      assert.deepEqual(await it.store.head('a', 'v1', signal, digest), { is: 'unchanged' })
    }
    assert.deepEqual(await it.store.head('a', 'v2', signal), { is: 'missing' })
    assert.equal((await it.store.image('a', 'v1', signal))?.digest, digest)
    assert.equal(it.fake.count('head'), 1)
  }
})

test('a 404 of whatever stands there now is no absence', async () => {
  await using it = await open()
  it.fake.fault = () => refused(404, {}, '<html>404</html>')
  assert.equal(await why(it.store.head('a', 'v1', signal)), 'malformed')
  assert.equal(await why(it.store.image('a', 'v1', signal)), 'malformed')
  it.fake.fault = () => refused(404, { 'docker-distribution-api-version': 'registry/2.0' }, '')
  it.fake.forget()
  assert.deepEqual(await it.store.head('a', 'v1', signal), { is: 'missing' })
  assert.equal(it.fake.asked.length, 1)
})

test('manifests are what their digest says, in either algorithm, and of a size', async () => {
  await using it = await open()
  it.fake.fault = ({ kind }) => (kind === 'manifest' ? altered : null)
  assert.equal(await why(it.store.image('a', 'v1', signal)), 'digest-mismatch')
  assert.equal(await why(it.store.image('a', it.image.digest, signal)), 'digest-mismatch')
  it.fake.fault = ({ kind }) =>
    kind === 'manifest' ? withBody((body) => Buffer.concat([body, Buffer.alloc(9 << 20)])) : null
  assert.equal(await why(it.store.image('a', 'v1', signal)), 'too-large')
  it.fake.fault = ({ kind }) =>
    kind === 'head' ? withHeaders({ 'docker-content-digest': `sha256:${'0'.repeat(64)}` }) : null
  assert.equal(await why(it.store.head('a', it.image.digest, signal)), 'digest-mismatch')
  const other = `sha512:${'0'.repeat(128)}`
  it.fake.fault = ({ kind }) => (kind === 'manifest' ? withHeaders({ 'docker-content-digest': other }) : null)
  assert.equal(await why(it.store.image('a', 'v1', signal)), 'digest-mismatch')
})

test('an index that leads nowhere, or for ever, is no image', async () => {
  await using it = await open()
  const index = indexOf([{ image: it.image, platform: { os: 'linux', architecture: 'amd64' } }])
  await it.fake.put('a', 'index', index)
  let nested = index
  for (let depth = 0; depth < 6; depth++)
    nested = indexOf([{ image: nested, platform: { os: 'linux', architecture: 'amd64' } }])
  await it.fake.put('a', 'nested', nested)
  assert.equal(await why(it.store.image('a', 'nested', signal)), 'malformed')
  it.fake.fault = ({ reference }) =>
    reference === it.image.digest ? refused(404, {}, '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}') : null
  assert.equal(await why(it.store.image('a', 'index', signal)), 'malformed')
})

test('a blob goes on where it broke off, with and without ranges', async () => {
  const ranged: Fault = (answer) => answer
  for (const ranges of [true, false]) {
    await using it = await open()
    const { bytes } = it.layer
    it.fake.fault = (asked) => {
      if (asked.kind !== 'blob') return null
      if (asked.nth <= 2) return 'drop-half-way'
      if (!ranges) return ranged
      const from = Number(/^bytes=(\d+)-$/.exec(asked.headers.range ?? '')?.[1])
      return (answer) => ({
        status: 206,
        headers: { ...answer.headers, 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` },
        body: bytes.subarray(from),
      })
    }
    assert.ok((await read(it.store, it.layer)).equals(bytes))
    assert.equal(it.fake.count('blob'), 3)
  }
})

test('a blob that is not what it should be ends in an error, whatever is wrong with it', async () => {
  const faults: [Fault, string, number][] = [
    [altered, 'digest-mismatch', 1],
    [truncated, 'digest-mismatch', 1],
    [prolonged, 'digest-mismatch', 1],
    [page, 'digest-mismatch', 1],
    ['hang-half-way', 'timed-out', 1],
    ['hang', 'timed-out', 1],
    ['drop-half-way', 'network', 3],
    [refused(500), 'server-error', 3],
    [refused(403), 'forbidden', 1],
    [refused(206, { 'content-range': 'bytes 7-9/10' }), 'malformed', 1],
  ]
  for (const [fault, expected, times] of faults) {
    await using it = await open({}, impatient(fault))
    it.fake.fault = ({ kind }) => (kind === 'blob' ? fault : null)
    assert.equal(await why(read(it.store, it.layer)), expected)
    assert.equal(it.fake.count('blob'), times, expected)
  }
})

test('more blobs at a time than there are places all come, also when nobody takes the first ones', async () => {
  await using it = await open({}, { concurrency: 2 })
  const layers = await Promise.all([1, 2, 3, 4, 5].map((at) => layerOf([file(`${at}`, randomBytes(200_000))])))
  await it.fake.put('a', 'many', imageOf(layers))
  const streams = layers.map((layer) => it.store.blob('a', descriptorOf(layer), signal)[Symbol.asyncIterator]())
  // Two are begun and not taken any further; what is no blob is answered nevertheless.
  await Promise.all([streams[0]!.next(), streams[1]!.next()])
  assert.ok((await it.store.tags('a', signal))?.includes('many'))
  const third = streams[2]!.next()
  await streams[0]!.return?.()
  assert.equal((await third).done, false)
  for (const stream of streams) await stream.return?.()
  for (const layer of layers) assert.equal((await read(it.store, layer)).length, layer.bytes.length)
})

test('credentials do not follow a redirect, and redirects end', async () => {
  const user = { username: 'reader', password: 'pull-me-please' }
  for (const kind of ['basic', 'bearer'] as const) {
    const credentials = () => Promise.resolve(user)
    await using it = await open({ auth: { kind, ...user }, redirectBlobs: true }, { credentials })
    assert.ok((await read(it.store, it.layer)).equals(it.layer.bytes))
    const elsewhere = it.fake.asked.filter((asked) => asked.kind === 'elsewhere')
    assert.deepEqual(
      elsewhere.map(({ headers }) => headers.authorization),
      [undefined],
    )
    assert.ok(it.fake.asked.some(({ kind, headers }) => kind === 'blob' && headers.authorization !== undefined))
  }
})

test('redirects in a circle, to nowhere, with passwords and to metadata are refused', async () => {
  await using it = await open()
  const digest = it.layer.digest
  for (const to of [
    `/v2/a/blobs/${digest}?secret=1`,
    'http://',
    'ftp://a.io/',
    'http://me:secret@a.io/',
    'http://169.254.169.254/x?secret',
  ]) {
    it.fake.fault = ({ kind }) => (kind === 'blob' ? redirected(to) : null)
    const expected = to.includes('169.254') ? 'network' : 'malformed'
    assert.equal(await why(read(it.store, it.layer)), expected, to)
  }
})

test('no redirect leads down from TLS', { skip: skipWithout('openssl') }, async () => {
  await using tls = await open({ tls: true })
  tls.fake.fault = ({ kind }) => (kind === 'blob' ? redirected(`http://127.0.0.1:1/x`) : null)
  assert.equal(await why(read(tls.store, tls.layer)), 'malformed')
})

test('mirrors come first; what they lack or fail at comes from the registry', async () => {
  await using mirror = await startFakeRegistry()
  await using it = await open({}, { mirrors: [{ host: mirror.host, path: 'proxy', plainHttp: true }] })
  const { digest, mediaType } = it.image
  const there = { is: 'there', digest, mediaType }
  assert.deepEqual(await it.store.head('a', 'v1', signal), there)
  assert.ok((await read(it.store, it.layer)).equals(it.layer.bytes))
  assert.deepEqual(await it.store.head('a', 'v2', signal), { is: 'missing' })
  assert.ok(mirror.count('head') > 0 && mirror.count('blob') > 0)
  await mirror.put('proxy/a', 'v1', it.image)
  it.fake.forget()
  assert.deepEqual(await it.store.head('a', 'v1', signal), there)
  assert.equal((await it.store.image('a', 'v1', signal))?.digest, digest)
  assert.ok((await read(it.store, it.layer)).equals(it.layer.bytes))
  assert.equal(it.fake.asked.length, 0)
  // Lists are the registry's own: one that is short must not read as an absence.
  assert.deepEqual(await it.store.tags('a', signal), ['v1'])
  assert.equal(mirror.count('tags'), 0)
  for (const fault of ['drop', refused(500), refused(401), 'drop-half-way'] satisfies Fault[]) {
    mirror.fault = () => fault
    mirror.forget()
    assert.ok((await read(it.store, it.layer)).equals(it.layer.bytes))
    assert.deepEqual(await it.store.head('a', 'v1', signal), there)
    // One failure, then it is left alone for a while.
    assert.equal(mirror.asked.length, 1)
    it.clock.pass(60_000)
  }
})

test('says what to do about a certificate and a scheme', { skip: skipWithout('openssl') }, async () => {
  await using tls = await startFakeRegistry({ tls: true })
  await using plain = await startFakeRegistry()
  const clock = createQuickClock()
  const unknown = connectTo({ host: tls.host, ca: tls.ca, credential: null }, { clock, tls: {} })
  await assert.rejects(unknown.tags('a', signal), /name that as its CA/)
  const secure = connectTo({ host: plain.host, ca: tls.ca, credential: null }, { clock })
  await assert.rejects(secure.tags('a', signal), /plain HTTP has to be allowed/)
  await Promise.all([unknown.close(), secure.close()])
})
