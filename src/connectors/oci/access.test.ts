import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithout } from '../../../tests/parts/find.ts'
import { file, imageOf, layerOf } from '../../../tests/parts/images.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Credential } from './credential.ts'
import type { RegistryOptions } from './registry.ts'
import { connectTo } from './testing/connected.ts'
import type { FakeAuth } from './testing/fake-door.ts'
import { refused, withBody } from './testing/fake-faults.ts'
import { startFakeRegistry, type FakeRegistryOptions } from './testing/fake-registry.ts'
import { createQuickClock } from './testing/quick-clock.ts'

const signal = AbortSignal.timeout(60_000)
const user = { username: 'reader', password: 'pull-me-please' }

interface Setting extends Omit<FakeRegistryOptions, 'auth'> {
  readonly auth?: Partial<FakeAuth>
  readonly credential?: Credential | null
  readonly client?: Partial<RegistryOptions>
}

/** A registry that lets in by token, three repositories, and a client of it. */
async function open({ auth, credential = user, client, ...options }: Setting = {}) {
  const clock = createQuickClock()
  const fake = await startFakeRegistry({ ...options, auth: { kind: 'bearer', ...user, ...auth }, now: clock.now })
  const image = imageOf([await layerOf([file('a', 'b')])])
  for (const repository of ['a', 'b', 'c']) await fake.put(repository, 'v1', image)
  const store = connectTo({ host: fake.host, ca: fake.ca, credential }, { clock, ...client })
  const head = (repository: string) => store.head(repository, 'v1', signal)
  const close = async () => {
    await store.close()
    await fake[Symbol.asyncDispose]()
  }
  return { clock, fake, store, head, close, [Symbol.asyncDispose]: close }
}

async function why(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(
    () => assert.fail('it was answered'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof AppError, String(error))
  assert.equal(error.code, 'source.unavailable')
  assert.doesNotMatch(`${error.message} ${JSON.stringify(error.data)}`, /pull-me-please|Bearer |Basic |token-/)
  return error.data['why']
}

test('one 401 tells all how to come in; one token for each repository, however many ask', async () => {
  await using it = await open()
  const asked = ['a', 'b', 'c'].flatMap((repository) => Array.from({ length: 10 }, () => it.head(repository)))
  for (const headed of await Promise.all(asked)) assert.equal(headed.is, 'there')
  assert.equal(it.fake.count('head'), 31)
  assert.equal(it.fake.count('token'), 3)
  assert.deepEqual(
    it.fake.asked.filter(({ kind }) => kind === 'token').map(({ query }) => query.get('scope')),
    ['repository:a:pull', 'repository:b:pull', 'repository:c:pull'],
  )
})

test('renews a token before its end: no request is sent away', async () => {
  await using it = await open({ auth: { expiresIn: 60 } })
  await it.head('a')
  it.fake.forget()
  for (let second = 0; second < 300; second += 5) {
    it.clock.pass(5000)
    await it.head('a')
  }
  assert.equal(it.fake.count('head'), 60)
  const tokens = it.fake.count('token')
  assert.ok(tokens >= 5 && tokens <= 7, `${tokens} tokens in five minutes`)
})

test('a token without an end lasts a minute', async () => {
  await using it = await open({ auth: { expiresIn: null } })
  await it.head('a')
  it.clock.pass(45_000)
  await it.head('a')
  assert.equal(it.fake.count('token'), 1)
  it.clock.pass(14_000)
  await it.head('a')
  assert.equal(it.fake.count('token'), 2)
  assert.equal(it.fake.count('head'), 4)
})

test('a token that is good no more is replaced once, for all', async () => {
  await using it = await open()
  await it.head('a')
  it.fake.revokeTokens()
  it.fake.forget()
  for (const headed of await Promise.all(Array.from({ length: 8 }, () => it.head('a'))))
    assert.equal(headed.is, 'there')
  assert.equal(it.fake.count('token'), 1)
})

test('a token that is never taken is no reason to ask for ever', async () => {
  await using it = await open({ auth: { lifetime: 0 } })
  assert.equal(await why(it.head('a')), 'unauthorized')
  assert.equal(it.fake.count('token'), 1)
  assert.equal(it.fake.count('head'), 2)
  // What was refused a moment ago is not asked again; a little later it is.
  assert.equal(await why(it.head('a')), 'unauthorized')
  assert.equal(it.fake.count('head'), 2)
  it.clock.pass(6000)
  assert.equal(await why(it.head('a')), 'unauthorized')
  assert.ok(it.fake.count('head') <= 4)
})

test('a right that is missing is told as such, without a loop, and shields no other repository', async () => {
  await using it = await open({ auth: { closed: ['b'] } })
  assert.equal(await why(it.head('b')), 'forbidden')
  assert.equal((await it.head('a')).is, 'there')
  assert.equal(it.fake.count('token'), 2)
  assert.equal(await why(it.head('b')), 'forbidden')
  assert.equal(it.fake.count('token'), 2)
})

test('a wrong password is tried once, and not for each repository', async () => {
  await using it = await open({ credential: { ...user, password: 'wrong' } })
  for (const repository of ['a', 'b', 'c', 'a']) assert.equal(await why(it.head(repository)), 'unauthorized')
  assert.equal(it.fake.count('token'), 1)
})

test('a credential that is changed counts with the next token', async () => {
  let credential: Credential = { ...user, password: 'wrong' }
  await using it = await open({ client: { credentials: () => Promise.resolve(credential) } })
  assert.equal(await why(it.head('a')), 'unauthorized')
  credential = user
  assert.equal((await it.head('a')).is, 'there')
})

test('asks for tokens without a credential where there is none', async () => {
  await using it = await open({ auth: { open: ['a'] }, credential: null })
  assert.equal((await it.head('a')).is, 'there')
  assert.equal(await why(it.head('b')), 'forbidden')
  for (const { kind, headers } of it.fake.asked) if (kind === 'token') assert.equal(headers.authorization, undefined)
})

test('takes an identity token to the token server, and a registry token to the registry', async () => {
  await using identity = await open({
    auth: { identityToken: 'of-reader' },
    credential: { identityToken: 'of-reader' },
  })
  assert.equal((await identity.head('a')).is, 'there')
  assert.deepEqual(
    identity.fake.asked.filter(({ kind }) => kind === 'token').map(({ method, query }) => [method, query.size]),
    [['POST', 0]],
  )
  await using it = await open({ credential: { registryToken: 'made-elsewhere' } })
  assert.equal(await why(it.head('a')), 'unauthorized')
  assert.deepEqual(
    it.fake.asked.map(({ kind, headers }) => [kind, headers.authorization]),
    [
      ['head', undefined],
      ['head', 'Bearer made-elsewhere'],
    ],
  )
})

test('Basic: one 401, then the password with each request, and none that is wrong a second time', async () => {
  await using it = await open({ auth: { kind: 'basic' } })
  for (const repository of ['a', 'b', 'a']) assert.equal((await it.head(repository)).is, 'there')
  assert.equal(it.fake.count('head'), 4)
  await using wrong = await open({ auth: { kind: 'basic' }, credential: { ...user, password: 'wrong' } })
  for (const repository of ['a', 'a', 'a']) assert.equal(await why(wrong.head(repository)), 'unauthorized')
  assert.equal(wrong.fake.count('head'), 2)
  await using none = await open({ auth: { kind: 'basic' }, credential: null })
  assert.equal(await why(none.head('a')), 'unauthorized')
})

test('finds its way among several challenges', async () => {
  const forms: NonNullable<FakeAuth['challenge']>[] = [
    (usual) => ['Negotiate', usual],
    (usual) => [`Basic realm="quoted, Bearer realm=\\"no\\"", ${usual}`],
    (usual) => [usual.replace('Bearer', 'bEARER'), 'Basic realm="x"'],
    (_, realm) => [`Bearer service="fake registry" , realm="${realm}"`],
    (_, realm) => [`Bearer realm="${realm}?tenant=a",service="fake registry",scope="repository:c:pull,push,delete"`],
  ]
  for (const challenge of forms) {
    await using it = await open({ auth: { challenge } })
    assert.equal((await it.head('a')).is, 'there', String(challenge))
    assert.equal(it.fake.count('token'), 1)
    const { query } = it.fake.asked.find(({ kind }) => kind === 'token')!
    assert.equal(query.get('scope'), 'repository:a:pull')
  }
  for (const challenge of [() => [], () => ['Negotiate'], () => ['Bearer']]) {
    await using it = await open({ auth: { challenge } })
    assert.equal(await why(it.head('a')), 'unauthorized', String(challenge))
  }
})

test('asks for the scope by which the registry knows a repository, if it only pulls', async () => {
  const challenge = (usual: string) => [usual.replace('repository:proxy/', 'repository:')]
  const auth: Partial<FakeAuth> = { challenge, closed: ['proxy/a'] }
  await using it = await open({ auth })
  const image = imageOf([await layerOf([file('a', 'b')])])
  await it.fake.put('proxy/a', 'v1', image)
  // This one lets nobody in with either; what counts is what it was asked for, and how often.
  assert.equal(await why(it.head('proxy/a')), 'forbidden')
  assert.deepEqual(
    it.fake.asked.filter(({ kind }) => kind === 'token').map(({ query }) => query.get('scope')),
    ['repository:proxy/a:pull', 'repository:a:pull'],
  )
})

const elsewhere = (realm: string): Partial<FakeAuth> => ({
  challenge: () => [`Bearer realm="${realm}",service="fake registry"`],
})

test('shows credentials to no realm elsewhere that nobody named, nor to one that cannot be read', async () => {
  for (const realm of [
    'http://auth.example.io/token',
    'https://auth.example.io/token',
    'https://me:x@127.0.0.1/t',
    'no',
    'file:///a',
  ]) {
    await using it = await open({ auth: elsewhere(realm) })
    assert.equal(await why(it.head('a')), 'unauthorized', realm)
    assert.equal(it.fake.count('token'), 0)
  }
  await using named = await open({ auth: elsewhere('https://auth.example.io/token') })
  await assert.rejects(named.head('a'), /name auth\.example\.io among its realms/)
})

test('the token server of a registry with TLS has TLS', { skip: skipWithout('openssl') }, async () => {
  await using plain = await open({ tls: true, auth: elsewhere('http://127.0.0.1:1/token') })
  await assert.rejects(plain.head('a'), /without TLS/)
})

test('a token server that fails is unavailable in its own way, and is asked again when that may help', async () => {
  const faults = [
    [refused(500), 'server-error', 3],
    [refused(403), 'forbidden', 1],
    [refused(400), 'unauthorized', 1],
    [refused(429, { 'retry-after': '600' }), 'rate-limited', 1],
    [refused(429, { 'retry-after': '2' }), 'rate-limited', 3],
    ['drop', 'network', 3],
    [withBody(() => '<html>'), 'malformed', 1],
    [withBody(() => '{}'), 'malformed', 1],
    [withBody(() => '{"token":"two\\nlines"}'), 'malformed', 1],
    [refused(307, { location: 'https://elsewhere.example.io/token' }), 'malformed', 1],
  ] as const
  for (const [fault, expected, times] of faults) {
    await using it = await open()
    it.fake.fault = ({ kind }) => (kind === 'token' ? fault : null)
    assert.equal(await why(it.head('a')), expected, String(fault))
    assert.equal(it.fake.count('token'), times, String(fault))
    it.fake.fault = null
    it.clock.pass(600_000)
    assert.equal((await it.head('a')).is, 'there')
  }
})

test('who leaves while a token is on its way ends nothing for the others', async () => {
  await using it = await open()
  const gone = new AbortController()
  const arrived = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  it.fake.fault = ({ kind }) => {
    if (kind !== 'token') return null
    arrived.resolve()
    return async (answer) => {
      await release.promise
      return answer
    }
  }
  const first = it.store.head('a', 'v1', gone.signal)
  await arrived.promise
  const second = it.head('a')
  gone.abort()
  await assert.rejects(first, { code: 'aborted' })
  release.resolve()
  assert.equal((await second).is, 'there')
  assert.equal(it.fake.count('token'), 1)
})
