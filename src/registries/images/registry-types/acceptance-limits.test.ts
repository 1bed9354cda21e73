import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startFakeHub } from '../../../connectors/docker-hub/testing/fake-hub.ts'
import { startFakePackages } from '../../../connectors/github/testing/fake-packages.ts'
import { refused } from '../../../connectors/oci/testing/fake-faults.ts'
import { startFakeRegistry } from '../../../connectors/oci/testing/fake-registry.ts'
import { createQuickClock } from '../../../connectors/oci/testing/quick-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { opened } from './testing/opened.ts'
import { fill, never } from './testing/tags.ts'

async function limited(work: Promise<unknown>): Promise<number> {
  const thrown = await work.catch((error: unknown) => error)
  assert.ok(thrown instanceof AppError && thrown.data['why'] === 'rate-limited', String(thrown))
  return Number(thrown.data['retryAfter'])
}

test('acceptance 10: who says 429 is left alone for as long as it says, in each of three forms; others are not', async () => {
  const minutes = 10 * 60_000
  const forms = {
    'seconds': () => ({ 'retry-after': '600' }),
    'a date': (now: number) => ({ 'retry-after': new Date(now + minutes).toUTCString() }),
    'a moment': (now: number) => ({ 'x-retry-after': String((now + minutes) / 1000) }),
  }
  for (const [form, headersAt] of Object.entries(forms)) {
    const clock = createQuickClock()
    const [one, other] = [await startFakeRegistry(), await startFakeRegistry()]
    const [limitedOne, free] = [one, other].map((fake) =>
      opened({ type: 'oci', host: fake.host, plain_http: true }, { clock }),
    ) as [ReturnType<typeof opened>, ReturnType<typeof opened>]
    for (const fake of [one, other]) await fill(fake, 'acme/shop', ['v1'])
    one.fault = () => refused(429, headersAt(clock.now()))
    const wait = await limited(limitedOne.listTags('acme/shop', never))
    assert.ok(wait > minutes - 2000 && wait <= minutes, `${form}: ${wait}`)
    const asked = one.asked.length
    assert.equal(asked, 1)
    // Nobody goes there meanwhile, whatever they want.
    assert.ok((await limited(limitedOne.digestOf('acme/other', 'v1', never))) > minutes - 2000)
    assert.equal(one.asked.length, asked)
    const before = clock.now()
    assert.equal((await free.listTags('acme/shop', never))?.tags.length, 1)
    assert.ok(await free.digestOf('acme/shop', 'v1', never))
    assert.equal(clock.now(), before)
    one.fault = null
    clock.pass(minutes + 1000)
    assert.equal((await limitedOne.listTags('acme/shop', never))?.tags.length, 1, form)
    await Promise.all([limitedOne.close(), free.close(), one[Symbol.asyncDispose](), other[Symbol.asyncDispose]()])
  }
})

test('acceptance 10: one that hangs delays no other, and holds no more places than it has', async () => {
  const [one, other] = [await startFakeRegistry(), await startFakeRegistry()]
  const hanging = opened({ type: 'oci', host: one.host, plain_http: true, concurrency: 2, timeout: '1s' })
  const free = opened({ type: 'oci', host: other.host, plain_http: true })
  await fill(other, 'acme/shop', ['v1'])
  one.fault = () => 'hang'
  const stuck = Promise.allSettled(Array.from({ length: 4 }, () => hanging.listTags('acme/shop', never)))
  for (let count = 0; count < 20; count++) assert.ok(await free.digestOf('acme/shop', 'v1', never))
  // All of these were answered while those hung: the first contact is one request for all.
  assert.ok(one.asked.length >= 1 && one.asked.length <= 2)
  const ends = await stuck
  for (const end of ends) {
    assert.equal(end.status, 'rejected')
    assert.equal((end.reason as AppError).data['why'], 'timed-out')
  }
  await Promise.all([hanging.close(), free.close(), one[Symbol.asyncDispose](), other[Symbol.asyncDispose]()])
})

test('pulls that are to be left over are not spent, and what costs none goes on', async () => {
  const fake = await startFakeHub({ pulls: 12 })
  const { host, url } = fake.registry
  const registry = opened({ type: 'dockerhub', host, api: url, plain_http: true, min_remaining: 10 })
  const images = ['acme/a', 'acme/b', 'acme/c', 'acme/d']
  for (const image of images) await fill(fake, image, ['v1'])
  const digests = await Promise.all(images.map((image) => registry.digestOf(image, 'v1', never)))
  const built = (at: number) => registry.createdAt(images[at]!, digests[at]!, never)
  await built(0)
  await built(1)
  assert.ok((await limited(built(2))) > 60_000)
  assert.equal(await registry.digestOf('acme/c', 'v1', never, digests[2]!), 'unchanged')
  assert.equal((await registry.listTags('acme/d', never))?.tags.length, 1)
  await registry.close()
  await fake[Symbol.asyncDispose]()
})

test('a limit of the API of GitHub is one by any of its signs, and the registry is asked meanwhile', async () => {
  for (const [status, headers, text] of [
    [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 900) }, '{}'],
    [403, { 'retry-after': '900' }, '{}'],
    [429, { 'retry-after': '900' }, '{}'],
    [403, {}, '{"message":"You have exceeded a secondary rate limit"}'],
  ] as const) {
    const fake = await startFakePackages({ token: 'ghp_one' })
    const { host, url } = fake.registry
    const registry = opened({ type: 'github', host, api: url, plain_http: true, token: 'ghp_one' })
    await fill(fake, 'acme/shop', ['v1'])
    fake.registry.fault = ({ kind }) => (kind === 'api' ? refused(status, headers, text) : null)
    const thrown = await registry.listTags('acme/shop', never).catch((error: unknown) => error as AppError)
    assert.ok(thrown instanceof AppError && thrown.data['why'] === 'rate-limited', `${status} ${text}`)
    assert.ok(await registry.digestOf('acme/shop', 'v1', never))
    await registry.close()
    await fake[Symbol.asyncDispose]()
  }
})
