import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { startFakePackages } from '../../../connectors/github/testing/fake-packages.ts'
import type { FakeAuth } from '../../../connectors/oci/testing/fake-door.ts'
import { refused, withBody } from '../../../connectors/oci/testing/fake-faults.ts'
import { startFakeRegistry, type FakeRegistryOptions } from '../../../connectors/oci/testing/fake-registry.ts'
import type { AppError } from '../../../kernel/errors.ts'
import { opened } from './testing/opened.ts'
import { fill, never } from './testing/tags.ts'

const login = { username: 'reader', password: 'pull-me-please' }

async function guarded(auth: Partial<FakeAuth> = {}, options: FakeRegistryOptions = {}) {
  const fake = await startFakeRegistry({ ...options, auth: { kind: 'bearer', ...login, ...auth } })
  const folder = mkdtempSync(join(tmpdir(), 'regista-image-registry-'))
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, fake.ca ?? '')
  const tls = fake.ca === null ? { plain_http: true } : { ca }
  const registry = opened({ type: 'oci', host: fake.host, ...login, ...tls })
  await fill(fake, 'acme/shop', ['v1'])
  return {
    fake,
    registry,
    digest: () => registry.digestOf('acme/shop', 'v1', never),
    async why(): Promise<unknown> {
      const thrown = await registry.digestOf('acme/shop', 'v1', never).catch((error: unknown) => error as AppError)
      return thrown instanceof Error ? [thrown.data['why'], thrown.data['status']] : 'no error'
    },
    async [Symbol.asyncDispose]() {
      await registry.close()
      await fake[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

test('acceptance 3: a token that ends while it is used is replaced, and the request made again', async () => {
  await using it = await guarded()
  assert.ok(await it.digest())
  it.fake.forget()
  it.fake.revokeTokens()
  const all = await Promise.all(Array.from({ length: 4 }, () => it.digest()))
  assert.ok(all.every((digest) => digest === all[0] && digest !== null))
  assert.equal(it.fake.count('token'), 1)
  it.fake.forget()
  await it.digest()
  assert.deepEqual([it.fake.count('head'), it.fake.count('token')], [1, 0])
})

test('acceptance 3: a registry that takes no token is not asked for ever', async () => {
  await using it = await guarded()
  it.fake.fault = ({ kind }) => (kind === 'head' ? (given) => ({ ...given, status: 401, headers: challenge }) : null)
  const challenge = { 'www-authenticate': `Bearer realm="${it.fake.url}/token",service="fake registry"` }
  assert.deepEqual(await it.why(), ['unauthorized', 401])
  assert.ok(it.fake.asked.length <= 6, `${it.fake.asked.length} requests`)
  const asked = it.fake.asked.length
  // Said a moment ago, it is not asked again.
  assert.deepEqual(await it.why(), ['unauthorized', 401])
  assert.equal(it.fake.asked.length, asked)
})

test('acceptance 3: a right that is missing is told as such, without a loop', async () => {
  await using it = await guarded({ closed: ['acme/shop'] })
  assert.deepEqual(await it.why(), ['forbidden', 401])
  assert.ok(it.fake.asked.length <= 4)
})

test('acceptance 3: challenges in one header, divided by commas, with schemes in any case', async () => {
  for (const form of [
    (usual: string) => `BASIC realm="a, b", ${usual}`,
    (usual: string) => `${usual}, Basic realm="gitea"`,
    (usual: string) => usual.replace('Bearer', 'bEARER').replaceAll(',', ' , '),
  ]) {
    await using it = await guarded({ challenge: (usual) => [form(usual)] })
    assert.ok(await it.digest())
    assert.equal(it.fake.count('token'), 1)
  }
})

test(
  'acceptance 3: a realm without TLS of a registry with TLS is not gone to',
  { skip: skipWithout('openssl') },
  async () => {
    const elsewhere = await startFakeRegistry()
    const challenge = (usual: string) => [usual.replace(/realm="[^"]*"/, `realm="${elsewhere.url}/token"`)]
    await using it = await guarded({ challenge }, { tls: true })
    assert.deepEqual(await it.why(), ['unauthorized', undefined])
    assert.equal(elsewhere.asked.length, 0)
    await elsewhere[Symbol.asyncDispose]()
  },
)

test('acceptance 3: a token by its other name', async () => {
  await using it = await guarded()
  it.fake.fault = ({ kind }) =>
    kind === 'token' ? withBody((body) => body.toString().replace('"token"', '"access_token"')) : null
  assert.ok(await it.digest())
})

test('one token for nobody lets into all that is public at ghcr.io, and what it does not let into is asked for apart', async () => {
  for (const fault of [null, refused(403, {}, '{"errors":[{"code":"DENIED"}]}')]) {
    const fake = await startFakePackages({ open: 'all' })
    const { host, url } = fake.registry
    const registry = opened({ type: 'github', host, api: url, plain_http: true })
    for (const image of ['acme/a', 'acme/b', 'acme/c']) await fill(fake, image, ['v1'])
    for (const image of ['acme/a', 'acme/b', 'acme/c']) assert.ok(await registry.digestOf(image, 'v1', never))
    assert.equal(fake.registry.count('token'), 1)
    assert.equal(fake.registry.count('head'), 4)
    fake.registry.forget()
    // The fourth wants a token of its own.
    await fill(fake, 'acme/d', ['v1'])
    if (fault !== null)
      fake.registry.fault = ({ repository, nth }) => (repository === 'acme/d' && nth === 1 ? fault : null)
    assert.ok(await registry.digestOf('acme/d', 'v1', never))
    assert.equal(fake.registry.count('token'), fault === null ? 0 : 1)
    assert.ok(await registry.digestOf('acme/a', 'v1', never))
    assert.equal(fake.registry.count('token'), fault === null ? 0 : 1)
    await registry.close()
    await fake[Symbol.asyncDispose]()
  }
})

test('who is refused a token for one image spoils it for no other that asks at the same time', async () => {
  const fake = await startFakePackages({ open: 'all' })
  const { host, url } = fake.registry
  const registry = opened({ type: 'github', host, api: url, plain_http: true })
  const images = ['acme/closed', 'acme/shut', 'acme/a', 'acme/b', 'acme/c']
  for (const image of images) await fill(fake, image, ['v1'])
  fake.registry.fault = ({ kind, query }) =>
    kind === 'token' && /closed|shut/.test(query.get('scope') ?? '') ? refused(403, {}, '{}') : null
  for (let round = 0; round < 2; round++) {
    const ends = await Promise.allSettled(images.map((image) => registry.digestOf(image, 'v1', never)))
    assert.deepEqual(
      ends.map((end) => (end.status === 'fulfilled' ? 'there' : (end.reason as AppError).data['why'])),
      ['forbidden', 'forbidden', 'there', 'there', 'there'],
    )
  }
  await registry.close()
  await fake[Symbol.asyncDispose]()
})
