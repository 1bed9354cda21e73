import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { indexOf } from '../../../../tests/parts/images.ts'
import { startFakePackages, type FakePackagesOptions } from '../../../connectors/gitea/testing/fake-packages.ts'
import { imageWith } from './testing/contract.ts'
import { opened } from './testing/opened.ts'
import { fill, never, numbered } from './testing/tags.ts'

async function gitea(options: FakePackagesOptions = {}) {
  const fake = await startFakePackages(options)
  const { token } = options
  const registry = opened({ type: 'gitea', url: fake.registry.url, ...(token !== undefined && { token }) })
  return {
    fake,
    registry,
    /** Paths that were asked for since the last time. */
    asked() {
      const paths = fake.registry.asked.map(({ path, query }) => `${path}?${query.toString()}`)
      fake.registry.forget()
      return paths
    },
    async names(image: string, times = false) {
      const list = await registry.listTags(image, never, { times })
      return list && list.tags.map(({ name }) => name).toSorted()
    },
    async [Symbol.asyncDispose]() {
      await registry.close()
      await fake[Symbol.asyncDispose]()
    },
  }
}

test('acceptance 1: the link on the last page of Gitea costs no request, whatever the number of tags', async () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 3500 }), fc.constantFrom(1, 999, 1000, 1001, 2000))
  await fc.assert(
    fc.asyncProperty(sizes, async (count) => {
      await using it = await gitea()
      const built = await imageWith('of-all')
      for (const tag of numbered(count)) await it.fake.registry.put('acme/shop', tag, built)
      assert.deepEqual(await it.names('acme/shop'), numbered(count))
      // The page that is not full is the last one; the first request asks whether anybody may come in, too.
      const pages = Math.floor(count / 1000) + 1
      assert.equal(it.asked().filter((path) => path.includes('/tags/list')).length, pages + 1)
      await it.names('acme/shop')
      assert.equal(it.asked().length, pages)
    }),
    { numRuns: 12, examples: [[1], [1000], [2500]] },
  )
})

test('acceptance 1: tags pushed in capitals are found by patterns in capitals', async () => {
  await using it = await gitea()
  await it.fake.put('acme/shop', 'V1.0-RC1', await imageWith('rc'))
  const final = await imageWith('final')
  await it.fake.put('acme/shop', 'V1.0', final)
  assert.deepEqual(await it.names('Acme/Shop'), ['v1.0', 'v1.0-rc1'])
  const found = await it.registry.getLatestTag('acme/shop', { tags: ['V*'], strategy: 'semver', range: null }, never)
  assert.equal(found?.digest, final.digest)
  const fixed = await it.registry.getLatestTag('acme/shop', { tags: ['V1.0'], strategy: 'digest', range: null }, never)
  assert.equal(fixed?.digest, final.digest)
})

test('acceptance 1: versions that are digests, and packages that are called alike, are no tags', async () => {
  for (const ownRoute of [true, false]) {
    await using it = await gitea({ ownRoute })
    const index = indexOf([
      { image: await imageWith('amd'), platform: { os: 'linux', architecture: 'amd64' } },
      { image: await imageWith('arm'), platform: { os: 'linux', architecture: 'arm64' } },
    ])
    await it.fake.put('acme/shop', 'v1', index)
    await it.fake.put('acme/shop-extra', 'v2', index)
    await it.fake.put('acme/web/shop', 'v3', index)
    assert.deepEqual(await it.names('acme/shop', true), ['v1'])
    assert.deepEqual(await it.names('acme/web/shop', true), ['v3'])
    assert.equal(await it.names('acme/sho', true), null)
    // A slash in a name is part of it here, and divides segments of the path there.
    assert.ok(it.asked().some((path) => path.includes('web%2Fshop') === ownRoute))
  }
})

test('acceptance 1: the route that older versions lack is asked for once', async () => {
  await using old = await gitea({ ownRoute: false })
  await fill(old.fake, 'acme/shop', ['v1', 'v2'])
  await old.names('acme/shop', true)
  assert.deepEqual(
    old.asked().map((path) => path.replace(/\?.*/, '')),
    ['/api/v1/packages/acme/container/shop', '/api/v1/packages/acme'],
  )
  await old.names('acme/shop', true)
  assert.equal(await old.names('acme/none', true), null)
  assert.equal(old.asked().length, 2)
  await using recent = await gitea()
  await fill(recent.fake, 'acme/shop', ['v1', 'v2'])
  await recent.names('acme/shop', true)
  assert.equal(await recent.names('acme/none', true), null)
  assert.equal(recent.asked().length, 2)
})

test('acceptance 1: lists with times cost as many requests as they have pages', async () => {
  const cases = fc.record({
    tags: fc.integer({ min: 1, max: 120 }),
    mostItems: fc.constantFrom(7, 30, 50),
    untold: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ tags, ...options }) => {
      await using it = await gitea(options)
      await fill(it.fake, 'acme/shop', numbered(tags))
      assert.deepEqual(await it.names('acme/shop', true), numbered(tags))
      assert.equal(it.asked().length, Math.ceil(tags / options.mostItems))
    }),
    {
      numRuns: 20,
      examples: [[{ tags: 50, mostItems: 50, untold: true }], [{ tags: 100, mostItems: 50, untold: false }]],
    },
  )
})

test('what is removed while a list with times is read makes it be read again', async () => {
  await using it = await gitea({ mostItems: 2 })
  await fill(it.fake, 'acme/shop', numbered(5))
  const [first, ...others] = numbered(5)
  it.fake.registry.fault = ({ kind, nth }) => {
    if (kind === 'api' && nth === 1) {
      return (answer) => {
        it.fake.untag('acme/shop', 'v000004')
        return answer
      }
    }
    return null
  }
  assert.deepEqual(await it.names('acme/shop', true), [first, ...others.slice(0, 3)])
})

test('who shows nothing gets one token for all that is public, and keeps it until it is taken no more', async () => {
  await using it = await gitea({ lifetime: 3600 })
  const images = ['acme/a', 'acme/b', 'acme/c']
  for (const image of images) await fill(it.fake, image, ['v1'])
  for (const image of [...images, ...images]) await it.names(image)
  assert.equal(it.fake.registry.count('token'), 1)
  assert.equal(it.fake.registry.asked.length, 8)
  it.fake.registry.revokeTokens()
  for (const image of images) await it.names(image)
  assert.equal(it.fake.registry.count('token'), 2)
  assert.equal(it.fake.registry.asked.length, 13)
})

test('a token of Gitea goes with each request: none is asked for another one', async () => {
  await using it = await gitea({ token: 'secret-of-the-test' })
  await fill(it.fake, 'acme/shop', ['v1'])
  for (let count = 0; count < 3; count++) {
    await it.names('acme/shop')
    await it.registry.digestOf('acme/shop', 'v1', never)
  }
  assert.equal(it.fake.registry.asked.length, 6)
  assert.equal(it.fake.registry.count('token'), 0)
  assert.ok(it.fake.registry.connections <= 2)
})
