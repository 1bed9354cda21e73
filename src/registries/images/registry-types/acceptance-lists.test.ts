import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  page,
  refused,
  withBody,
  withHeaders,
  withLink,
  type Fault,
} from '../../../connectors/oci/testing/fake-faults.ts'
import { startFakeRegistry, type FakeRegistryOptions } from '../../../connectors/oci/testing/fake-registry.ts'
import { AppError } from '../../../kernel/errors.ts'
import { opened } from './testing/opened.ts'
import { fill, never, numbered } from './testing/tags.ts'

async function any(options: FakeRegistryOptions = {}) {
  const fake = await startFakeRegistry(options)
  const registry = opened({ type: 'oci', host: fake.host, plain_http: true })
  await fill(fake, 'acme/shop', ['v1', 'v2', 'v3'])
  return {
    fake,
    registry,
    /** The tags; or null, or why there are none. */
    async listed(): Promise<readonly string[] | string | null> {
      try {
        const list = await registry.listTags('acme/shop', never)
        return list && list.tags.map(({ name }) => name)
      } catch (thrown) {
        assert.ok(thrown instanceof AppError && thrown.code === 'source.unavailable', String(thrown))
        return String(thrown.data['why'])
      }
    },
    async [Symbol.asyncDispose]() {
      await registry.close()
      await fake[Symbol.asyncDispose]()
    },
  }
}

const body = (text: string) => withBody(() => text)

test('acceptance 2: a list is what it says, nobody there, or an error; never less than it is', async () => {
  const five = JSON.stringify({ name: 'acme/shop', tags: numbered(41_000).map((tag) => tag.padEnd(128, '-')) })
  assert.ok(five.length > 5 << 20)
  const cases: readonly (readonly [string, Fault, readonly string[] | string | null | number])[] = [
    ['null', body('{"name":"acme/shop","tags":null}'), []],
    ['no tags', body('{"name":"acme/shop","tags":[]}'), []],
    ['404 of the registry', refused(404, {}, '{"errors":[{"code":"NAME_UNKNOWN"}]}'), null],
    ['404 of something else', refused(404, {}, '<html>not here</html>'), 'malformed'],
    ['a page of an ingress', page, 'malformed'],
    ['a page with an error', refused(500, {}, '<html>sorry</html>'), 'server-error'],
    ['another document', body('{"tags":{"v1":1}}'), 'malformed'],
    ['tags that are no names', body('{"tags":["v1",2]}'), 'malformed'],
    ['no document', body('{"tags":["v1"'), 'malformed'],
    ['nothing', body(''), 'malformed'],
    ['half a body', 'drop-half-way', 'network'],
    ['5 MB', body(five), 41_000],
    ['more than it may have', withHeaders({ 'content-length': String(65 << 20) }), 'too-large'],
    ['401', refused(401), 'unauthorized'],
    ['403', refused(403), 'forbidden'],
    ['429', refused(429, { 'retry-after': '3600' }), 'rate-limited'],
  ]
  for (const [what, fault, expected] of cases) {
    await using it = await any()
    it.fake.fault = ({ kind }) => (kind === 'tags' ? fault : null)
    const listed = await it.listed()
    if (typeof expected === 'number') assert.equal(listed?.length, expected, what)
    else assert.deepEqual(listed, expected, what)
  }
})

test('acceptance 2: links are followed to the end, here and nowhere else, and not for ever', async () => {
  const whole = ['v1', 'v2', 'v3']
  const linked = (change: (next: string) => string): Fault => withLink((next) => next && change(next))
  const cases: readonly (readonly [string, Fault | null, readonly string[] | string])[] = [
    ['as it is', null, whole],
    ['absolute', linked((next) => `ORIGIN${next}`), whole],
    ['relative', linked((next) => next.slice(next.indexOf('?'))), whole],
    ['behind a path that is not ours', linked((next) => `/virtual${next}`), whole],
    ['in a circle', withLink(() => '?n=1000&last=v1'), 'malformed'],
    ['to itself', withLink(() => '?n=1000'), 'malformed'],
    ['to another origin', linked((next) => `http://127.0.0.1:1${next}`), 'malformed'],
    ['to another scheme', linked((next) => `https://HOST${next}`), 'malformed'],
    ['without a query', linked((next) => next.slice(0, next.indexOf('?'))), 'malformed'],
  ]
  for (const [what, fault, expected] of cases) {
    await using it = await any({ pageSize: 1 })
    it.fake.fault = ({ kind }) => {
      if (kind !== 'tags' || typeof fault !== 'function') return null
      return async (answer) => {
        const { headers, ...given } = await fault(answer)
        const link = String(headers['link'] ?? '')
          .replace('ORIGIN', it.fake.url)
          .replace('HOST', it.fake.host)
        return { ...given, headers: link === '' ? headers : { ...headers, link } }
      }
    }
    assert.deepEqual(await it.listed(), expected, what)
    assert.equal(it.fake.count('elsewhere'), 0, what)
    assert.ok(it.fake.count('tags') <= 4, what)
  }
})

test('acceptance 2: a list that breaks off between its pages is an error', async () => {
  const gone = refused(404, {}, '{"errors":[{"code":"NAME_UNKNOWN"}]}')
  for (const fault of [refused(500), refused(404), gone, refused(403), page, 'drop'] as Fault[]) {
    await using it = await any({ pageSize: 1 })
    assert.deepEqual(await it.listed(), ['v1', 'v2', 'v3'])
    it.fake.forget()
    it.fake.fault = ({ kind, query }) => (kind === 'tags' && query.get('last') === 'v2' ? fault : null)
    assert.equal(typeof (await it.listed()), 'string')
  }
})

test('a list that has not changed is the very same, and one that has is not', async () => {
  await using it = await any()
  const list = async () => (await it.registry.listTags('acme/shop', never))!
  const first = await list()
  assert.equal(await list(), first)
  await fill(it.fake, 'acme/shop', ['v4'])
  const second = await list()
  assert.deepEqual(
    second.tags.map(({ name }) => name),
    ['v1', 'v2', 'v3', 'v4'],
  )
  it.fake.untag('acme/shop', 'v4')
  assert.equal((await list()).checksum, first.checksum)
})

test('checks cost one request each, and connections are kept', async () => {
  await using it = await any()
  await it.listed()
  it.fake.forget()
  const digest = (await it.registry.digestOf('acme/shop', 'v1', never))!
  for (let count = 0; count < 50; count++) {
    assert.equal(await it.registry.digestOf('acme/shop', 'v1', never, digest), 'unchanged')
    await it.listed()
  }
  assert.equal(it.fake.asked.length, 101)
  // The next request may be on its way before the end of an answer without a body has been seen.
  assert.ok(it.fake.connections <= 1, `${it.fake.connections} more connections`)
})
