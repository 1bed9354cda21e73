/** That the fake does go wrong as it is told to; that it goes right otherwise is shown by the contract suite. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { file, imageOf, layerOf } from '../../../../tests/parts/images.ts'
import { altered, late, page, prolonged, redirected, refused, truncated, withHeaders, withLink } from './fake-faults.ts'
import { withoutDigest, type Fault } from './fake-faults.ts'
import { startFakeRegistry, type FakeRegistryOptions } from './fake-registry.ts'

const oci = 'application/vnd.oci.image.manifest.v1+json'
const built = imageOf([await layerOf([file('a', 'some text')])])
const layer = built.blobs[1]!

async function start(options: FakeRegistryOptions = {}) {
  const fake = await startFakeRegistry(options)
  for (const tag of ['v1', 'v2', 'v3']) await fake.put('a/b', tag, built)
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${fake.url}${path}`, { method, headers: { accept: oci, ...headers }, signal: AbortSignal.timeout(20_000) })
  return { fake, ask, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

test('each fault does what its name says', async () => {
  await using here = await start()
  const manifest = '/v2/a/b/manifests/v1'
  const blob = `/v2/a/b/blobs/${layer.digest}`
  const with_ = async (fault: Fault, path: string, method = 'GET') => {
    here.fake.fault = () => fault
    return here.ask(path, {}, method)
  }
  assert.equal((await with_(refused(429, { 'retry-after': '7' }), manifest)).headers.get('retry-after'), '7')
  assert.equal((await with_(refused(405), manifest, 'HEAD')).status, 405)
  assert.equal((await with_(withoutDigest, manifest, 'HEAD')).headers.get('docker-content-digest'), null)
  assert.equal(
    (await with_(withHeaders({ 'content-type': 'text/plain' }), manifest)).headers.get('content-type'),
    'text/plain',
  )
  assert.match(await (await with_(page, manifest)).text(), /log in/)
  const bytes = async (fault: Fault) => Buffer.from(await (await with_(fault, blob)).arrayBuffer())
  assert.deepEqual(await bytes((answer) => answer), layer.bytes)
  assert.equal((await bytes(truncated)).length, layer.bytes.length >> 1)
  assert.equal((await bytes(altered)).length, layer.bytes.length)
  assert.notDeepEqual(await bytes(altered), layer.bytes)
  assert.ok((await bytes(prolonged)).length > layer.bytes.length)
  assert.equal((await with_(late(1), manifest)).status, 200)
  await assert.rejects(bytes('drop-half-way'))
  await assert.rejects(with_('drop', manifest))
  await assert.rejects(with_(redirected('/v2/'), manifest), 'a redirect for everything has no end')
})

test('what hangs says nothing, or only half', async () => {
  await using here = await start()
  here.fake.fault = (asked) => (asked.kind === 'tags' ? 'hang' : 'hang-half-way')
  const soon = { signal: AbortSignal.timeout(100) }
  await assert.rejects(fetch(`${here.fake.url}/v2/a/b/tags/list`, soon), { name: 'TimeoutError' })
  const half = await fetch(`${here.fake.url}/v2/a/b/blobs/${layer.digest}`)
  const reader = half.body!.getReader()
  assert.equal((await reader.read()).value?.length, layer.bytes.length >> 1)
  await reader.cancel()
  assert.deepEqual([here.fake.count('tags'), here.fake.count('blob')], [1, 1])
})

test('pages of tags, whose links can lead anywhere', async () => {
  await using here = await start({ pageSize: 2 })
  const first = await here.ask('/v2/a/b/tags/list?n=100')
  assert.equal(first.headers.get('link'), '</v2/a/b/tags/list?last=v2&n=2>; rel="next"')
  assert.deepEqual(await first.json(), { name: 'a/b', tags: ['v1', 'v2'] })
  const second = await here.ask('/v2/a/b/tags/list?last=v2&n=2')
  assert.deepEqual([await second.json(), second.headers.get('link')], [{ name: 'a/b', tags: ['v3'] }, null])
  here.fake.fault = () => withLink((next) => `${here.fake.elsewhere}${next}`)
  const other = await here.ask('/v2/a/b/tags/list')
  assert.ok(other.headers.get('link')?.startsWith(`<${here.fake.elsewhere}/v2/a/b`))
})

test('tokens are for one repository, and end', async () => {
  let now = 0
  const auth = {
    kind: 'bearer',
    username: 'u',
    password: 'p',
    expiresIn: 10,
    open: ['a/b'],
    identityToken: 'id',
  } as const
  await using here = await start({ auth, now: () => now })
  const refusal = await here.ask('/v2/a/b/tags/list')
  const challenge = String(refusal.headers.get('www-authenticate'))
  const [, realm, service, scope] = /realm="(.*)",service="(.*)",scope="(.*)"/.exec(challenge)!
  const query = new URLSearchParams({ service: service!, scope: scope! }).toString()
  const { token } = (await (await fetch(`${realm}?${query}`)).json()) as { token: string }
  const status = async (repository: string) =>
    (await here.ask(`/v2/${repository}/tags/list`, { authorization: `bearer ${token}` })).status
  assert.deepEqual([await status('a/b'), await status('other')], [200, 401])
  now = 10_000
  assert.equal(await status('a/b'), 401)
  const wrong = { authorization: `Basic ${Buffer.from('u:wrong').toString('base64')}` }
  assert.equal((await fetch(`${realm}?${query}`, { headers: wrong })).status, 401)
  const exchange = (given: string) =>
    fetch(realm!, {
      method: 'POST',
      body: new URLSearchParams({ service: service!, scope: scope!, refresh_token: given }),
    })
  assert.deepEqual([(await exchange('id')).status, (await exchange('other')).status], [200, 401])
})

test('blobs from a second host', async () => {
  await using here = await start({ redirectBlobs: true })
  const answer = await here.ask(`/v2/a/b/blobs/${layer.digest}`)
  assert.ok(answer.url.startsWith(here.fake.elsewhere))
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), layer.bytes)
  assert.equal(here.fake.count('elsewhere'), 1)
})
