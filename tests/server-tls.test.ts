/** HTTPS with real certificates: client certificates, and renewal under open connections. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { systemClock, type Clock } from '../src/kernel/clock.ts'
import { silentLogger, type Logger } from '../src/kernel/logger.ts'
import { serve } from '../src/server/testing/serve.ts'
import { makeCertificates, type Certificates } from './parts/certificates.ts'
import { skipWithout } from './parts/find.ts'

/** The five seconds between two looks at the files pass in no time. */
const fast: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms === 5000 ? 10 : ms, signal) }

suite('tls', { skip: skipWithout('openssl') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-tls-'))
  const files = { cert: join(folder, 'live.pem'), key: join(folder, 'live.key') }
  let [first, second] = [] as unknown as [Certificates, Certificates]
  const install = ({ server }: Certificates, ...names: ('cert' | 'key')[]) => {
    for (const name of names) copyFileSync(server[name], files[name])
  }

  before(() => {
    first = makeCertificates(join(folder, 'first'))
    second = makeCertificates(join(folder, 'second'))
    install(first, 'cert', 'key')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const both = () => [first, second].map(({ ca }) => readFileSync(ca))

  async function get(url: string, agent: Agent): Promise<{ status: number; issuer: Buffer }> {
    const asked = request(`${url}/livez`, { agent }).end()
    const [reply] = (await once(asked, 'response')) as [IncomingMessage]
    const { raw } = (reply.socket as TLSSocket).getPeerCertificate()
    await text(reply)
    return { status: reply.statusCode!, issuer: raw }
  }

  async function until(met: () => Promise<boolean>, what: string): Promise<void> {
    const bound = Date.now() + 10_000
    while (!(await met())) {
      assert.ok(Date.now() < bound, `never: ${what}`)
      await systemClock.sleep(20)
    }
  }

  test('a renewed pair is taken up without dropping a connection, a torn one is not', async () => {
    const warned = Promise.withResolvers<void>()
    const logger: Logger = { ...silentLogger, info() {}, debug() {}, warn: () => warned.resolve(), child: () => logger }
    await using served = await serve({ settings: { tls: files }, clock: fast, logger })
    assert.match(served.addresses.url, /^https:/)
    const kept = new Agent({ ca: both(), keepAlive: true, maxSockets: 1 })
    const fresh = () => get(served.addresses.url, new Agent({ ca: both() }))
    const original = await get(served.addresses.url, kept)
    assert.equal(original.status, 200)

    install(second, 'cert')
    // Certificate and key do not fit: the old pair goes on for as long as that lasts.
    await warned.promise
    assert.deepEqual((await fresh()).issuer, original.issuer)

    install(second, 'key')
    await until(async () => !(await fresh()).issuer.equals(original.issuer), 'the new certificate is served')
    const same = await get(served.addresses.url, kept)
    assert.deepEqual([same.status, same.issuer], [200, original.issuer])
    kept.destroy()
    install(first, 'cert', 'key')
  })

  test('with client_ca only callers with a certificate of it come in', async () => {
    await using served = await serve({ settings: { tls: { ...files, client_ca: first.ca } } })
    const ca = readFileSync(first.ca)
    const pair = (of: Certificates) => ({ cert: readFileSync(of.client.cert), key: readFileSync(of.client.key) })
    const { status } = await get(served.addresses.url, new Agent({ ca, ...pair(first) }))
    assert.equal(status, 200)
    await assert.rejects(get(served.addresses.url, new Agent({ ca })))
    await assert.rejects(get(served.addresses.url, new Agent({ ca, ...pair(second) })))
  })

  test('files that are missing or do not fit stop the start', async () => {
    const wrong = [
      { ...files, key: second.server.key },
      { ...files, cert: join(folder, 'none') },
    ]
    for (const tls of wrong) await assert.rejects(serve({ settings: { tls } }), { code: 'config.invalid' })
  })
})
