import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { pack } from 'tar-stream'
import { freePorts } from '../../../tests/parts/ports.ts'
import { createFakeClock } from '../../engine/testing/fake-clock.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createDocsBuilder, uploadBound, type BuilderBounds, type BuilderCall, type DocsBuilder } from './client.ts'
import { hadNoEffect } from './errors.ts'
import { builderUrl } from './names.ts'
import { startFakeBuilder, type FakeBuilder, type FakeBuilderOptions } from './testing/fake-builder.ts'

const { signal } = new AbortController()
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function opened(options: FakeBuilderOptions & { readonly bounds?: Partial<BuilderBounds> } = {}) {
  const fake = await startFakeBuilder(options)
  const calls: BuilderCall[] = []
  const client = clientOf(fake.address, calls, options.bounds)
  return { fake, client, calls, [Symbol.asyncDispose]: () => closeAll(client, fake) }
}

function clientOf(address: string, calls: BuilderCall[] = [], bounds: Partial<BuilderBounds> = {}): DocsBuilder {
  return createDocsBuilder({ address, clock: systemClock, bounds, observe: (call) => void calls.push(call) })
}

async function closeAll(client: DocsBuilder, fake: FakeBuilder): Promise<void> {
  await client.close()
  await fake.stop()
}

/** A server that answers everything in one way. */
async function answering(answer: RequestListener) {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = clientOf(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

type File = { readonly name: string; readonly text?: string; readonly type?: 'directory' | 'symlink' }

async function archiveOf(...files: readonly File[]): Promise<Buffer> {
  const tar = pack()
  for (const { name, text = '', type } of files) {
    if (type === 'directory') tar.entry({ name, type })
    else if (type === 'symlink') tar.entry({ name, type, linkname: 'docs' })
    else tar.entry({ name }, text)
  }
  tar.finalize()
  return Buffer.concat(await Readable.from(tar).toArray())
}

const page = (text = 'a page') => archiveOf({ name: 'docs', type: 'directory' }, { name: 'docs/README.md', text })

const uploadOf = (archive: Buffer, more: { module?: string; version?: string; channels?: string[] } = {}) => ({
  module: 'console',
  version: 'v1.2.3',
  channels: ['alpha', 'beta'],
  size: archive.length,
  open: () => Readable.from([archive.subarray(0, 700), archive.subarray(700)]),
  ...more,
})

test('uploads, builds, tells what is there, and removes, with the paths, queries and headers of the original', async () => {
  await using on = await opened()
  const { fake, client, calls } = on
  const archive = await page()
  assert.equal(await client.healthy(signal), true)
  await client.upload(uploadOf(archive), signal)
  await client.build(signal)
  assert.deepEqual(
    [...(await client.documents(signal))!].map(([module, of]) => [module, [...of]]),
    [
      [
        'console',
        [
          ['alpha', 'v1.2.3'],
          ['beta', 'v1.2.3'],
        ],
      ],
    ],
  )
  assert.deepEqual([...fake.shown().get('console/beta')!.files.keys()], ['content/README.md'])
  await client.remove({ module: 'console', channels: ['alpha', 'beta'] }, signal)
  assert.equal((await client.documents(signal))!.size, 0)
  assert.deepEqual(
    fake.requests.map(({ method, url, headers }) => [method, url, headers['content-type'], headers['content-length']]),
    [
      ['GET', '/healthz', undefined, undefined],
      ['POST', '/api/v1/doc/console/v1.2.3?channels=alpha,beta', 'application/tar', String(archive.length)],
      ['POST', '/api/v1/build', 'application/json', '0'],
      ['GET', '/api/v1/doc', undefined, undefined],
      ['DELETE', '/api/v1/doc/console?channels=alpha%2Cbeta', undefined, undefined],
      ['GET', '/api/v1/doc', undefined, undefined],
    ],
  )
  assert.deepEqual(
    calls.map(({ operation, status, host }) => [operation, status, host === fake.address]),
    [
      ['health', 200, true],
      ['upload', 201, true],
      ['build', 200, true],
      ['documents', 200, true],
      ['delete', 204, true],
      ['documents', 200, true],
    ],
  )
})

test('the archive is sent anew each time, after answers with a text and after dropped connections', async () => {
  await using on = await opened()
  const { fake, client } = on
  const archive = await page()
  fake.fault({ on: 'upload', is: 'error', times: 1 })
  fake.fault({ on: 'upload', is: 'drop', when: 'half', times: 1 })
  await assert.rejects(client.upload(uploadOf(archive), signal), {
    code: 'target.unavailable',
    detail: /answered 500 \(Internal server error\) to the upload of console v1\.2\.3/,
  })
  await assert.rejects(client.upload(uploadOf(archive), signal), { code: 'target.unavailable' })
  await client.upload(uploadOf(archive), signal)
  await client.build(signal)
  assert.equal(fake.shown().size, 2)
})

test('an old builder has no list, by 404 or 405; one that was never sent anything says 500', async () => {
  for (const documents of ['missing', 'not-allowed'] as const) {
    await using old = await opened({ documents })
    assert.equal(await old.client.documents(signal), null)
  }
  await using fresh = await opened()
  await assert.rejects(fresh.client.documents(signal), {
    data: { host: fresh.fake.address, status: 500, why: 'server-error', reached: true },
  })
  await using empty = await opened({ empty: true })
  assert.equal((await empty.client.documents(signal))!.size, 0)
})

test('a list that is none is no empty list', async () => {
  for (const text of [
    '',
    '[]',
    '{"console":["alpha"]}',
    '{"console":{"alpha":1}}',
    '{"console":{"alpha":"v1"}',
    'ok',
  ]) {
    await using to = await answering((_, response) => void response.end(text))
    await assert.rejects(to.client.documents(signal), (error: AppError) => error.data['why'] === 'malformed', text)
  }
  await using long = await answering((_, response) => void response.end(' '.repeat(17 * 1024 * 1024)))
  await assert.rejects(long.client.documents(signal), (error: AppError) => error.data['why'] === 'too-large')
  await using nothing = await answering((_, response) => void response.end('null\n'))
  assert.equal((await nothing.client.documents(signal))!.size, 0)
})

test('takes no other code for success', async () => {
  await using to = await answering((request, response) => {
    request.resume()
    response.writeHead(request.method === 'DELETE' ? 200 : 204).end()
  })
  const archive = await page()
  await assert.rejects(to.client.upload(uploadOf(archive), signal), { code: 'target.unavailable' })
  await assert.rejects(to.client.remove({ module: 'a', channels: ['stable'] }, signal), { code: 'target.unavailable' })
  await assert.rejects(to.client.build(signal), { code: 'target.unavailable' })
  assert.equal(await to.client.healthy(signal), false)
  await using moved = await answering((_, response) => void response.writeHead(307, { location: '/elsewhere' }).end())
  await assert.rejects(moved.client.build(signal), { code: 'target.unavailable' })
})

test('names that a builder does not take are refused before anything is sent, and no channel at all is a defect', async () => {
  await using on = await opened()
  const { fake, client } = on
  const archive = await page()
  let openings = 0
  const upload = (more: Parameters<typeof uploadOf>[1]) =>
    client.upload({ ...uploadOf(archive, more), open: () => ((openings += 1), Readable.from([archive])) }, signal)
  for (const module of ['', 'Console', 'a_b', '-a', 'a-', '..', 'a/b', 'x'.repeat(129)]) {
    await assert.rejects(upload({ module }), { code: 'target.refused' }, module)
    await assert.rejects(upload({ channels: ['alpha', module] }), { code: 'target.refused' }, module)
    await assert.rejects(client.remove({ module, channels: ['alpha'] }, signal), { code: 'target.refused' }, module)
  }
  for (const version of ['', '.', '..', 'v1/2', 'v1?x', 'v1 2'])
    await assert.rejects(upload({ version }), { code: 'target.refused' }, version)
  await assert.rejects(upload({ channels: [] }), { code: 'internal' })
  await assert.rejects(client.remove({ module: 'a', channels: [] }, signal), { code: 'internal' })
  assert.deepEqual([fake.requests.length, openings], [0, 0])
})

test('knows when surely nothing arrived', async () => {
  const [port] = await freePorts(1)
  const client = clientOf(`127.0.0.1:${port}`)
  const archive = await page()
  const gone = (error: AppError) =>
    hadNoEffect(error) && error.data['why'] === 'network' && /ECONNREFUSED/.test(error.detail)
  await assert.rejects(client.upload(uploadOf(archive), signal), gone)
  await assert.rejects(client.build(signal), gone)
  assert.equal(await client.healthy(signal), false)
  await client.close()
  await using on = await opened()
  const { fake, client: other } = on
  fake.fault({ on: 'upload', is: 'drop' })
  await assert.rejects(other.upload(uploadOf(archive), signal), (error: AppError) => !hadNoEffect(error))
  const lost = { ...uploadOf(archive), open: () => Promise.reject(new AppError('internal', 'the archive is lost')) }
  await assert.rejects(other.upload(lost, signal), { code: 'internal' })
  assert.equal(fake.requests.length, 1)
})

test('each wait has a bound, and ends with its signal', { timeout: 60_000 }, async () => {
  const clock = createFakeClock()
  await using fake = await startFakeBuilder()
  const client = createDocsBuilder({ address: fake.address, clock })
  const archive = await page()
  for (const on of ['upload', 'delete', 'build', 'documents', 'health'] as const) fake.fault({ on, is: 'hang' })
  const bounded = async (work: Promise<unknown>, bound: number) => {
    let ended = false
    const outcome = work.then(String, String).finally(() => {
      ended = true
    })
    const asked = fake.requests.length
    while (fake.requests.length === asked) await turn()
    await clock.advance(bound - 1)
    assert.equal(ended, false)
    await clock.advance(1)
    return outcome
  }
  const late = /may hang or be busy$/
  assert.match(await bounded(client.upload(uploadOf(archive), signal), uploadBound(archive.length)), late)
  assert.match(await bounded(client.remove({ module: 'a', channels: ['b'] }, signal), 60_000), late)
  assert.match(await bounded(client.build(signal), 15 * 60_000), late)
  assert.match(await bounded(client.documents(signal), 30_000), late)
  assert.equal(await bounded(client.healthy(signal), 4_000), 'false')
  assert.ok(uploadBound(100 * 1024 * 1024) > 400_000)
  const stop = new AbortController()
  const building = client.build(stop.signal)
  while (fake.asked('build').length < 2) await turn()
  stop.abort()
  await assert.rejects(building, { code: 'aborted' })
  await client.close()
})

test('addresses as leases and configurations write them, and nothing that leads elsewhere', () => {
  const host = (address: string) => builderUrl(address)?.href ?? null
  assert.equal(host('10-0-0-5.d8-system.pod.cluster.local:8081'), 'http://10-0-0-5.d8-system.pod.cluster.local:8081/')
  assert.equal(host('[fd00::5]:8081'), 'http://[fd00::5]:8081/')
  assert.equal(host('https://docs.example.io/builder'), 'https://docs.example.io/builder')
  for (const wrong of [
    '',
    ' ',
    'a b:1',
    'host/path',
    'host:1/..',
    'me@host',
    'host?x',
    'http://a:b@host',
    'host:123456',
    'file:///etc',
  ]) {
    assert.equal(host(wrong), null, wrong)
  }
  assert.throws(() => clientOf('a b'), { code: 'config.invalid' })
})

test('the fake keeps to the rules of archives: links and ways out refused, folders first, the old gone at once', async () => {
  await using on = await opened()
  const { fake, client } = on
  const docs: File = { name: 'docs/', type: 'directory' }
  await client.upload(uploadOf(await page()), signal)
  const all = await archiveOf(
    docs,
    { name: 'docs/de', type: 'directory' },
    { name: 'docs/de/FAQ_RU.md', text: 'x' },
    { name: 'crds', type: 'directory' },
    { name: 'crds/a.yaml' },
    { name: 'openapi', type: 'directory' },
    { name: 'openapi/config-values.yaml' },
    { name: 'openapi/values.yaml' },
    { name: 'module.yaml' },
    { name: 'README.md' },
  )
  await client.upload(uploadOf(all, { channels: ['stable'] }), signal)
  await client.build(signal)
  assert.deepEqual(
    [...fake.shown().get('console/stable')!.files.keys()],
    ['content/de/FAQ.ru.md', 'data/crds/a.yaml', 'data/openapi/config-values.yaml', 'data/module.yaml'],
  )
  for (const bad of [
    [docs, { name: 'docs/a', type: 'symlink' }],
    [docs, { name: 'docs/../a' }],
    [{ name: 'docs/a.md' }],
    [docs, { name: 'docs/deep/a.md' }],
  ] as File[][]) {
    await assert.rejects(
      client.upload(uploadOf(await archiveOf(...bad), { channels: ['alpha'] }), signal),
      /answered 500/,
    )
  }
  await client.build(signal)
  assert.deepEqual([fake.versions().get('console/alpha'), fake.shown().get('console/alpha')!.files.size], ['v1.2.3', 0])
  fake.spoilt.add('console@v1.2.3')
  await client.build(signal)
  assert.deepEqual([fake.versions().size, fake.shown().size, fake.builds], [0, 0, 3])
})
