/** What a real engine cannot be made to show. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeCertificates } from '../../../tests/parts/certificates.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { systemClock } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import { createDockerEngine, type DockerEngine, type EngineAddress } from './client.ts'
import { readOutput } from './output.ts'
import { startFakeEngine, type FakeEngine, type FakeEngineOptions } from './testing/fake-engine.ts'
import { digest } from './testing/grounds.ts'

const soon = () => AbortSignal.timeout(20_000)
const clock = systemClock

async function on(options: FakeEngineOptions, body: (fake: FakeEngine, engine: DockerEngine) => Promise<void>) {
  await using fake = await startFakeEngine(options)
  await withEngine({ socket: fake.socket }, (engine) => body(fake, engine))
}

async function withEngine(address: EngineAddress, body: (engine: DockerEngine) => Promise<void>): Promise<void> {
  const engine = createDockerEngine({ address, clock })
  try {
    await body(engine)
  } finally {
    await engine.close()
  }
}

async function errorOf(work: Promise<unknown>): Promise<AppError> {
  const thrown = await work.then(
    () => assert.fail('it did not reject'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof AppError, String(thrown))
  return thrown
}

const askFor = (of: string) => ({
  repository: 'registry.test/shop',
  digest: of,
  platform: null,
  credential: { username: 'reader', password: 'pull-me?>please' },
  timeout: 5000,
})

test('the newest version of the API that both know is spoken', async () => {
  await on({ api: '1.41' }, async (_, engine) => {
    assert.equal((await engine.version(soon())).api, '1.41')
    await engine.list({}, soon())
  })
  await on({ api: '1.99', least: '1.44' }, async (_, engine) => {
    assert.equal((await engine.version(soon())).api, '1.51')
    await engine.list({}, soon())
  })
})

test('an engine that is too old or too new is named as that, with what to update', async () => {
  await on({ api: '1.20' }, async (_, engine) => {
    const error = await errorOf(engine.list({}, soon()))
    assert.equal(error.class, 'reject')
    assert.match(error.detail, /API 1\.20 at most.*update the engine/)
  })
  await on({ api: '1.99', least: '1.60' }, async (_, engine) => {
    assert.match((await errorOf(engine.list({}, soon()))).detail, /API 1\.60 at least.*update Regista/)
  })
})

test('what comes back as another version is asked anew', async () => {
  await on({ api: '1.44' }, async (fake, engine) => {
    await engine.list({}, soon())
    fake.fail('GET /containers/json', {
      status: 400,
      message: 'client version 1.44 is too old. Minimum supported API version is 1.48',
    })
    await errorOf(engine.list({}, soon()))
    await engine.list({}, soon())
    assert.equal(fake.requests.filter((request) => request === 'GET /version').length, 2)
  })
})

test('a pull that fails within its answer fails, and has no effect', async () => {
  await on({}, async (fake, engine) => {
    const of = digest()
    fake.offer('registry.test/shop', of)
    const faults = [
      [{ line: 'toomanyrequests: You have reached your pull rate limit' }, 'target.unavailable'],
      [{ line: 'manifest for registry.test/shop not found: manifest unknown' }, 'target.refused'],
      [{ line: 'no matching manifest for linux/arm64/v8 in the manifest list entries' }, 'target.refused'],
      ['cut', 'target.unavailable'],
      ['drop', 'target.unavailable'],
      [{ status: 500, message: 'Get "https://registry.test/v2/": dial tcp: lookup' }, 'target.unavailable'],
      [{ status: 404, message: 'pull access denied for x, repository does not exist' }, 'target.unavailable'],
    ] as const
    for (const [fault, code] of faults) {
      fake.fail('POST /images/create', fault)
      const error = await errorOf(engine.pull(askFor(of), () => {}, soon()))
      assert.equal(error.code, code, JSON.stringify(fault))
      assert.equal(error.data['effect'], 'none')
      assert.equal(await engine.image(`registry.test/shop@${of}`, soon()), null)
    }
    await engine.pull(askFor(of), () => {}, soon())
    assert.notEqual(await engine.image(`registry.test/shop@${of}`, soon()), null)
  })
})

test('a pull that is silent ends in time', async () => {
  await on({}, async (fake, engine) => {
    fake.fail('POST /images/create', 'hang')
    const error = await errorOf(engine.pull({ ...askFor(digest()), timeout: 100 }, () => {}, soon()))
    assert.equal(error.code, 'target.unavailable')
    assert.equal(error.data['why'], 'timed-out')
  })
})

test('credentials go in their header, and nowhere else', async () => {
  await on({}, async (fake, engine) => {
    const error = await errorOf(engine.pull(askFor(digest()), () => {}, soon()))
    assert.deepEqual(JSON.parse(fake.auths[0]!), {
      username: 'reader',
      password: 'pull-me?>please',
      serveraddress: 'registry.test',
    })
    assert.doesNotMatch(JSON.stringify([error, error.message, error.stack]), /pull-me/)
  })
})

test('whether a call may have been done is told', async () => {
  await on({}, async (fake, engine) => {
    const of = digest()
    fake.offer('registry.test/shop', of)
    await engine.pull(askFor(of), () => {}, soon())
    const create = () => engine.create('shop', { Image: `registry.test/shop@${of}` }, soon())
    fake.fail('POST /containers/create', 'lose')
    const lost = await errorOf(create())
    assert.equal(lost.code, 'target.unavailable')
    assert.equal(lost.data['effect'], 'unknown')
    const again = await errorOf(create())
    assert.equal(again.code, 'target.conflict')
    assert.equal(again.data['effect'], 'none')
    await fake.die()
    assert.equal((await errorOf(create())).data['effect'], 'none')
  })
})

test('what cannot be removed at this moment is removed a moment later', async () => {
  await on({}, async (fake, engine) => {
    fake.offer('registry.test/shop', digest())
    const [image] = fake.state.images.values()
    image!.pulled = true
    const of = await engine.create('shop', { Image: image!.id }, soon())
    fake.fail('DELETE /containers/:id', { status: 409, message: 'removal of container shop is already in progress' }, 2)
    await engine.remove(of, soon())
    assert.equal(fake.state.containers.size, 0)
    assert.equal(fake.requests.filter((request) => request.startsWith('DELETE')).length, 3)
  })
})

test('no socket: it says so, and what to do', async () => {
  await withEngine({ socket: '/nowhere/engine.sock' }, async (engine) => {
    const error = await errorOf(engine.list({}, soon()))
    assert.match(error.detail, /unix:\/nowhere\/engine\.sock.*ENOENT.*is the engine running\?/)
  })
})

test('an abort, and the end of the client, end what hangs', async () => {
  await on({}, async (fake, engine) => {
    fake.fail('GET /containers/json', 'hang', 2)
    const abort = new AbortController()
    const aborted = errorOf(engine.list({}, abort.signal))
    setImmediate(() => abort.abort())
    assert.equal((await aborted).code, 'aborted')
    fake.after = null
    const ended = errorOf(engine.list({}, soon()))
    setImmediate(() => void engine.close())
    assert.equal((await ended).code, 'aborted')
  })
})

test('what is no engine is named as that', async () => {
  for (const body of ['<html>', '{}', '[]', '{"ApiVersion":7}', '']) {
    const server = createServer((_, response) => void response.end(body))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await withEngine({ url: `http://127.0.0.1:${port}`, tls: {} }, async (engine) => {
      assert.equal((await errorOf(engine.list({}, soon()))).data['why'], 'malformed', body)
    })
    server.closeAllConnections()
    server.close()
  }
})

test(
  'an engine of another machine is spoken to over TLS, both sides known',
  { skip: skipWithout('openssl') },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'regista-docker-tls-'))
    const made = makeCertificates(folder)
    const text = (path: string) => readFileSync(path, 'utf8')
    const pair = (of: { cert: string; key: string }) => ({ cert: text(of.cert), key: text(of.key) })
    const [own, shown] = [pair(made.server), pair(made.client)]
    const server = createSecure(
      { ...own, ca: text(made.ca), requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        const known = { ApiVersion: '1.44', MinAPIVersion: '1.24' }
        response.end(request.url === '/version' ? JSON.stringify(known) : '[]')
      },
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const ca = text(made.ca)
      await withEngine({ url, tls: { ca, ...shown } }, async (engine) => {
        assert.deepEqual(await engine.list({}, soon()), [])
      })
      await withEngine({ url, tls: { ca } }, async (engine) => {
        assert.equal((await errorOf(engine.list({}, soon()))).code, 'target.unavailable')
      })
      await withEngine({ url, tls: { ...shown } }, async (engine) => {
        assert.match((await errorOf(engine.list({}, soon()))).detail, /tls\.ca/)
      })
    } finally {
      server.closeAllConnections()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

test('output is read from frames however they were cut, and as it is without them', async () => {
  const frame = (text: string) => {
    const bytes = Buffer.from(text)
    const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
    header.writeUInt32BE(bytes.length, 4)
    return Buffer.concat([header, bytes])
  }
  const texts = fc.array(fc.string({ minLength: 1, unit: 'binary' }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(
      texts,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 4, max: 40 }),
      async (parts, cut, most) => {
        const whole = Buffer.concat(parts.map(frame))
        async function* chunks() {
          for (let at = 0; at < whole.length; at += cut) yield whole.subarray(at, at + cut)
        }
        const bytes = Buffer.from(parts.join(''))
        assert.equal(
          await readOutput(chunks(), most),
          bytes.subarray(Math.max(0, bytes.length - most)).toString('utf8'),
        )
      },
    ),
  )
  async function* plain() {
    yield Buffer.from('he')
    yield Buffer.from('llo, terminal')
  }
  assert.equal(await readOutput(plain(), 100), 'hello, terminal')
  assert.equal(await readOutput(plain(), 8), 'terminal')
})
