import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { exportJWK, SignJWT, type CryptoKey, type KeyObject } from 'jose'
import { createHttp } from '../../../connectors/http/client.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { readIssuerKeys, type KeySet } from './keys.ts'
import { createReview } from './review.ts'
import { createClusterIdentity, type Reviewer } from './cluster-identity.ts'

const issuer = 'https://kubernetes.default.svc.cluster.local'
const start = Date.UTC(2026, 0, 1)
const account = { namespace: 'claims', name: 'informer' }
const accounts = ['claims/informer']
const audience = 'regista'

async function pair(kid: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } }
}

interface Said {
  readonly iss?: string
  readonly aud?: string
  readonly sub?: string
  readonly exp?: number
  readonly alg?: string
}

function sign(key: { kid: string; privateKey: KeyObject | CryptoKey | Uint8Array }, said: Said = {}): Promise<string> {
  const { iss = issuer, aud = audience, exp = start / 1000 + 600, alg = 'ES256' } = said
  const { sub = `system:serviceaccount:${account.namespace}:${account.name}` } = said
  return new SignJWT({ 'kubernetes.io': account })
    .setProtectedHeader({ alg, kid: key.kid })
    .setIssuer(iss)
    .setAudience(aud)
    .setSubject(sub)
    .setExpirationTime(exp)
    .sign(key.privateKey)
}

describe('service accounts of clusters', () => {
  it('are known by the keys of their cluster', async () => {
    const clock = createFakeClock({ start })
    const key = await pair('1')
    const keys = () => Promise.resolve({ keys: [key.jwk] })
    const issuers = [{ cluster: 'prod-1', issuer, audience, accounts, keys }]
    const { verify } = createClusterIdentity({ issuers, reviewers: [], clock })
    assert.deepEqual(await verify(await sign(key)), {
      caller: { name: 'account:prod-1/claims/informer', role: 'operator', scopes: null, subject: 'prod-1' },
      until: start + 600_000,
    })
    const stranger = await pair('1')
    const secret = { kid: '1', privateKey: Buffer.from(JSON.stringify(key.jwk)) }
    const refused: Record<string, string> = {
      'another key': await sign(stranger),
      'another audience': await sign(key, { aud: 'https://kubernetes.default.svc' }),
      'another issuer': await sign(key, { iss: 'https://elsewhere.example' }),
      'another account': await sign(key, { sub: 'system:serviceaccount:claims:default' }),
      'no account': await sign(key, { sub: 'informer' }),
      'expired': await sign(key, { exp: start / 1000 - 60 }),
      'the public key as a secret': await sign(secret, { alg: 'HS256' }),
      'unsigned': `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await sign(key)).split('.')[1]}.`,
      'no token': 'abc',
      'nothing readable': 'a.b.c',
    }
    for (const [what, token] of Object.entries(refused)) assert.equal(await verify(token), null, what)
  })

  it('of two clusters with one issuer are told apart by their keys', async () => {
    const clock = createFakeClock({ start })
    const [one, two] = [await pair('1'), await pair('2')]
    const of = (cluster: string, key: typeof one) => {
      return { cluster, issuer, audience, accounts, keys: () => Promise.resolve({ keys: [key.jwk] }) }
    }
    const { verify } = createClusterIdentity({ issuers: [of('a', one), of('b', two)], reviewers: [], clock })
    assert.equal((await verify(await sign(two)))?.caller.subject, 'b')
    assert.equal((await verify(await sign(one)))?.caller.subject, 'a')
  })

  it('are known by new keys, and strangers do not make the issuer busy', async () => {
    const clock = createFakeClock({ start })
    const [old, next, stranger] = [await pair('1'), await pair('2'), await pair('3')]
    let current: KeySet = { keys: [old.jwk] }
    let reads = 0
    const keys = () => {
      reads += 1
      return Promise.resolve(current)
    }
    const { verify } = createClusterIdentity({
      issuers: [{ cluster: 'c', issuer, audience, accounts, keys }],
      reviewers: [],
      clock,
    })
    assert.notEqual(await verify(await sign(old)), null)
    current = { keys: [next.jwk] }
    for (let count = 0; count < 5; count += 1) assert.equal(await verify(await sign(stranger)), null)
    assert.equal(reads, 1)
    await clock.advance(31_000)
    assert.notEqual(await verify(await sign(next)), null)
    assert.equal(await verify(await sign(old)), null)
    assert.equal(reads, 2)
    await clock.advance(500_000)
    assert.equal(reads, 2)
  })

  it('cannot be told while the issuer does not answer', async () => {
    const keys = () => Promise.reject(new AppError('source.unavailable', 'down'))
    const clock = createFakeClock({ start })
    const { verify } = createClusterIdentity({
      issuers: [{ cluster: 'c', issuer, audience, accounts, keys }],
      reviewers: [],
      clock,
    })
    await assert.rejects(verify(await sign(await pair('1'))), { code: 'source.unavailable' })
  })

  it('are known by their own cluster, asked about them', async () => {
    const clock = createFakeClock({ start })
    const asked: unknown[] = []
    const status: Record<string, unknown> = {
      authenticated: true,
      user: { username: 'system:serviceaccount:claims:informer' },
      audiences: [audience],
    }
    const create = (path: string, body: unknown) => {
      asked.push([path, body])
      return Promise.resolve({ metadata: {}, status } as never)
    }
    const review = createReview({ create, name: 'local' }, clock)
    const reviewer: Reviewer = { cluster: 'local', audience, accounts, review }
    const { verify } = createClusterIdentity({ issuers: [], reviewers: [reviewer], clock })
    const token = await sign(await pair('1'))
    assert.equal((await verify(token))?.caller.subject, 'local')
    const spec = { token, audiences: [audience] }
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec }
    assert.deepEqual(asked, [['/apis/authentication.k8s.io/v1/tokenreviews', body]])
    status['audiences'] = ['https://kubernetes.default.svc']
    assert.equal(await verify(token), null)
    status['audiences'] = undefined
    status['authenticated'] = false
    assert.equal(await verify(token), null)
    asked.length = 0
    assert.equal(await verify('opaque'), null)
    assert.equal(asked.length, 0)
  })

  it('are asked about a few at a time', async () => {
    const clock = createFakeClock({ start })
    const gate = Promise.withResolvers<null>()
    const reviewer: Reviewer = { cluster: 'local', audience, accounts, review: () => gate.promise }
    const { verify } = createClusterIdentity({ issuers: [], reviewers: [reviewer], clock })
    const token = await sign(await pair('1'))
    const waiting = Array.from({ length: 8 }, () => verify(token))
    await assert.rejects(verify(token), { code: 'request.too-many' })
    gate.resolve(null)
    assert.deepEqual(
      await Promise.all(waiting),
      Array.from({ length: 8 }, () => null),
    )
  })
})

describe('the keys of an issuer', () => {
  it('are found by its discovery document, at its own origin', async (context) => {
    const key = await pair('1')
    let elsewhere = ''
    const server = createServer((request, response) => {
      const base = `http://${request.headers.host}`
      const pages: Record<string, unknown> = {
        '/.well-known/openid-configuration': { issuer: base, jwks_uri: `${elsewhere || base}/openid/v1/jwks` },
        '/openid/v1/jwks': { keys: [key.jwk] },
        '/none': {},
      }
      const page = pages[request.url ?? '']
      const allowed = request.headers.authorization === 'Bearer t'
      response.writeHead(page === undefined ? 404 : allowed ? 200 : 401).end(JSON.stringify(page ?? {}))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const http = createHttp({ clock: createFakeClock(), userAgent: 'test' })
    context.after(async () => {
      await http.close()
      server.close()
      server.closeAllConnections()
    })
    const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { signal } = new AbortController()
    const read = (url: string | null, token: string | null = 't') =>
      readIssuerKeys(http, { issuer: here, url, token }, signal)
    assert.deepEqual(await read(null), { keys: [key.jwk] })
    assert.deepEqual(await read(`${here}/openid/v1/jwks`), { keys: [key.jwk] })
    await assert.rejects(read(null, null), { code: 'source.unavailable' })
    await assert.rejects(read(`${here}/none`), { code: 'source.invalid' })
    elsewhere = 'http://169.254.169.254'
    await assert.rejects(read(null), { code: 'source.invalid' })
  })
})
