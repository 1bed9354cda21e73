import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexOf } from '../../../../tests/parts/images.ts'
import { startFakePackages, type FakePackagesOptions } from '../../../connectors/github/testing/fake-packages.ts'
import { refused, withHeaders, withLink } from '../../../connectors/oci/testing/fake-faults.ts'
import { AppError } from '../../../kernel/errors.ts'
import { imageWith } from './testing/contract.ts'
import { opened } from './testing/opened.ts'
import { fill, never, numbered } from './testing/tags.ts'

const token = 'ghp_of_the_test'

async function github(options: FakePackagesOptions = {}) {
  const fake = await startFakePackages({ token, ...options })
  const { host, url } = fake.registry
  const registry = opened({ type: 'github', host, api: url, plain_http: true, token })
  return {
    fake,
    registry,
    /** Kinds of what was asked for since the last time. */
    asked() {
      const kinds = fake.registry.asked.map(({ kind }) => kind)
      fake.registry.forget()
      return kinds
    },
    async [Symbol.asyncDispose]() {
      await registry.close()
      await fake[Symbol.asyncDispose]()
    },
  }
}

test('who the owner is, is found out once; then a check is one request', async () => {
  await using it = await github({ person: true })
  await fill(it.fake, 'me/shop', ['v1'])
  await fill(it.fake, 'me/other', ['v1'])
  await it.registry.listTags('me/shop', never)
  assert.deepEqual(it.asked(), ['api', 'api'])
  await it.registry.listTags('me/shop', never)
  await it.registry.listTags('me/other', never)
  assert.deepEqual(it.asked(), ['api', 'api'])
})

test('a tag that moves is where it was moved to, and what has no tag is none', async () => {
  await using it = await github()
  const image = async (name: string) => ({
    image: await imageWith(name),
    platform: { os: 'linux', architecture: name },
  })
  const [old, recent] = [indexOf([await image('amd64')]), indexOf([await image('arm64'), await image('amd64')])]
  await it.fake.put('acme/shop', 'edge', old)
  await it.fake.put('acme/shop', 'v1', old)
  await it.fake.put('acme/shop', 'edge', recent)
  const { tags } = (await it.registry.listTags('acme/shop', never))!
  const digests = Object.fromEntries(tags.map(({ name, digest }) => [name, digest]))
  assert.deepEqual(digests, { edge: recent.digest, v1: old.digest })
  // Its tag was taken away last: that does not make it the newest.
  const newest = { tags: ['*'], strategy: 'pushed', range: null } as const
  assert.equal((await it.registry.getLatestTag('acme/shop', newest, never))?.digest, recent.digest)
})

test('what has many versions is listed by the registry, ten times as many at a time', async () => {
  await using it = await github()
  for (const tag of numbered(301)) await it.fake.put('acme/shop', tag, await imageWith(tag))
  assert.equal((await it.registry.listTags('acme/shop', never))?.tags.length, 301)
  assert.equal(it.asked().length, 4)
  assert.equal((await it.registry.listTags('acme/shop', never))?.tags.length, 301)
  assert.deepEqual(
    it.asked().filter((kind) => kind !== 'token'),
    // The first one finds out how to come in.
    ['tags', 'tags'],
  )
  assert.equal((await it.registry.listTags('acme/shop', never))?.tags.length, 301)
  assert.deepEqual(it.asked(), ['tags'])
  const timed = await it.registry.listTags('acme/shop', never, { times: true })
  assert.ok(timed?.tags.every(({ digest, pushedAt }) => digest !== undefined && pushedAt !== undefined))
})

test('a token that may not read packages still lists by the registry, and the API is left alone', async () => {
  for (const fault of [
    refused(403, {}, '{"message":"You need at least read:packages scope"}'),
    refused(404, {}, '{}'),
  ]) {
    await using it = await github()
    await fill(it.fake, 'acme/shop', ['v1'])
    it.fake.registry.fault = ({ kind }) => (kind === 'api' ? fault : null)
    for (let count = 0; count < 3; count++) {
      const list = await it.registry.listTags('acme/shop', never)
      assert.deepEqual(list?.tags, [{ name: 'v1' }])
    }
    assert.ok(it.asked().filter((kind) => kind === 'api').length <= 2)
  }
})

test('a list of versions that breaks off, leads away or in a circle is an error', async () => {
  const second = refused(500)
  for (const [what, nth, fault] of [
    ['breaks off', 2, second],
    ['is gone', 2, refused(404, {}, '{}')],
    ['away', 1, withHeaders({ link: '<http://127.0.0.1:1/orgs/acme?page=2>; rel="next"' })],
    ['in a circle', 1, withLink(() => '?per_page=100&state=active')],
    ['no list', 1, refused(200, {}, '{"message":"ok"}')],
    ['a page', 1, refused(200, {}, '<html>')],
  ] as const) {
    await using it = await github()
    for (const tag of numbered(101)) await it.fake.put('acme/shop', tag, await imageWith(tag))
    it.fake.registry.fault = ({ kind, query }) =>
      kind === 'api' && Number(query.get('page') ?? 1) === nth ? fault : null
    const thrown = await it.registry.listTags('acme/shop', never).catch((error: unknown) => error)
    assert.ok(thrown instanceof AppError && thrown.code === 'source.unavailable', what)
  }
})
