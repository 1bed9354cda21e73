import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { startFakeHub, type FakeHubOptions } from '../../../connectors/docker-hub/testing/fake-hub.ts'
import { withBody } from '../../../connectors/oci/testing/fake-faults.ts'
import { AppError } from '../../../kernel/errors.ts'
import { imageWith } from './testing/contract.ts'
import { opened } from './testing/opened.ts'
import { fill, never, numbered } from './testing/tags.ts'

async function hub(options: FakeHubOptions = {}, settings: object = {}) {
  const fake = await startFakeHub(options)
  const { host, url } = fake.registry
  const registry = opened({ type: 'dockerhub', host, api: url, plain_http: true, ...settings })
  return {
    fake,
    registry,
    names: async (image = 'acme/shop') =>
      (await registry.listTags(image, never))!.tags.map(({ name }) => name).toSorted(),
    pages() {
      const count = fake.registry.count('api')
      fake.registry.forget()
      return count
    },
    async [Symbol.asyncDispose]() {
      await registry.close()
      await fake[Symbol.asyncDispose]()
    },
  }
}

test('a repository of Docker Hub in which nothing happened costs one request, however many tags it has', async () => {
  await using it = await hub()
  await fill(it.fake, 'acme/shop', numbered(450))
  assert.deepEqual(await it.names(), numbered(450))
  assert.equal(it.pages(), 5)
  const first = await it.registry.listTags('acme/shop', never)
  assert.equal(await it.registry.listTags('acme/shop', never), first)
  assert.equal(it.pages(), 2)
  await it.fake.put('acme/shop', 'v000003', await imageWith('moved'))
  await fill(it.fake, 'acme/shop', ['new'])
  const list = (await it.registry.listTags('acme/shop', never))!
  assert.equal(list.tags.length, 451)
  assert.equal(list.tags.find(({ name }) => name === 'v000003')!.digest, (await imageWith('moved')).digest)
  assert.equal(it.pages(), 1)
  // That one is gone is only known by the number of all.
  it.fake.untag('acme/shop', 'v000200')
  assert.equal((await it.names()).includes('v000200'), false)
  assert.equal(it.pages(), 5)
})

test('what is known of Docker Hub is what is there, whatever happens between two looks', async () => {
  const change = fc.record({ put: fc.boolean(), tag: fc.integer({ min: 0, max: 14 }) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 6 }),
      fc.boolean(),
      async (looks, odd) => {
        await using it = await hub({ pageSize: 3 })
        it.fake.uncounted = odd ? 2 : 0
        await fill(it.fake, 'acme/shop', numbered(8))
        const there = new Map(numbered(8).map((tag) => [tag, 'acme/shop']))
        for (const changes of looks) {
          for (const { put, tag } of changes) {
            const name = numbered(1, tag)[0]!
            if (put) {
              const content = `${name} ${there.size} ${changes.length}`
              await it.fake.put('acme/shop', name, await imageWith(content))
              there.set(name, content)
            } else if (there.delete(name)) it.fake.untag('acme/shop', name)
          }
          const list = (await it.registry.listTags('acme/shop', never))!
          const expected = await Promise.all(
            [...there].map(async ([name, made]) => `${name} ${(await imageWith(made)).digest}`),
          )
          const seen = list.tags.map(({ name, digest }) => `${name} ${digest}`)
          assert.deepEqual(seen.toSorted(), expected.toSorted())
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('pages of Docker Hub that are not in the order of their times are read to the end', async () => {
  await using it = await hub({ pageSize: 2 })
  await fill(it.fake, 'acme/shop', numbered(6))
  it.fake.registry.fault = ({ kind }) => (kind === 'api' ? withBody(reversed) : null)
  await it.names()
  assert.equal(it.pages(), 3)
  await fill(it.fake, 'acme/shop', ['new'])
  assert.equal((await it.names()).length, 7)
  assert.equal(it.pages(), 4)
})

/** The same page, its last row first. */
function reversed(body: Buffer): string {
  const page = JSON.parse(body.toString()) as { results: unknown[] }
  return JSON.stringify({ ...page, results: page.results.toReversed() })
}

test('official images are found by their short names, and pulled by their whole ones', async () => {
  await using it = await hub()
  await fill(it.fake, 'library/nginx', ['1.27'])
  assert.deepEqual(await it.names('nginx'), ['1.27'])
  assert.ok(await it.registry.digestOf('nginx', '1.27', never))
  const named = opened({ type: 'dockerhub' })
  assert.equal(named.reference('nginx'), 'docker.io/library/nginx')
  assert.equal(named.reference('acme/shop'), 'docker.io/acme/shop')
  assert.equal(opened({ type: 'dockerhub', host: 'index.docker.io' }).host, 'docker.io')
  await named.close()
})

test('an account of Docker Hub is exchanged for a token, once, and again when that is taken no more', async () => {
  const login = { username: 'reader', password: 'dckr_pat_of_the_test' }
  await using it = await hub({ login }, login)
  await fill(it.fake, 'acme/shop', ['v1'])
  await it.names()
  assert.equal(it.pages(), 2)
  await it.names()
  assert.equal(it.pages(), 1)
  it.fake.revoke()
  await it.names()
  assert.equal(it.pages(), 3)
  assert.deepEqual(await it.registry.pullCredential('acme/shop'), login)
})

test('a wrong password for Docker Hub is tried once, and shown nowhere', async () => {
  await using it = await hub(
    { login: { username: 'reader', password: 'right' } },
    { username: 'reader', password: 'wr0ng' },
  )
  await fill(it.fake, 'acme/shop', ['v1'])
  for (let count = 0; count < 3; count++) {
    const thrown = await it.registry.listTags('acme/shop', never).catch((error: unknown) => error as AppError)
    assert.ok(thrown instanceof AppError && thrown.data['why'] === 'unauthorized')
    assert.ok(!JSON.stringify([thrown.message, thrown.data, String(thrown.cause)]).includes('wr0ng'))
  }
  assert.equal(it.pages(), 1)
})
