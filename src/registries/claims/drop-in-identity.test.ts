import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { createHttp } from '../../connectors/http/client.ts'
import { systemClock as clock } from '../../kernel/clock.ts'
import { openIdentityFile } from './drop-in-identity.ts'

test('a file of service accounts, and tokens that their cluster signed', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-identity-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const http = createHttp({ clock, userAgent: 'regista/test' })
  context.after(() => http.close())
  const write = (name: string, value: unknown) => {
    writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value))
    return join(folder, name)
  }
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const keys = write('jwks.json', { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256' }] })
  const issuer = 'https://kubernetes.default.svc'
  const entry = { cluster: 'dev', accounts: ['agents/informer'], issuer, keys }
  const open = (value: unknown) =>
    openIdentityFile(write('who.yaml', value), {
      http,
      clock,
      base: folder,
      kubernetes: () => Promise.reject(new Error('none')),
    })
  const token = (sub: string, audience: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer(issuer)
      .setSubject(`system:serviceaccount:${sub}`)
      .setAudience(audience)
      .setExpirationTime('1h')
      .sign(privateKey)

  const { verify } = await open([entry])
  const usual = 'machinery-status-collector'
  assert.equal((await verify(await token('agents:informer', usual)))?.caller.subject, 'dev')
  assert.equal(await verify(await token('agents:other', usual)), null)
  assert.equal(await verify(await token('agents:informer', 'somebody')), null)
  assert.equal(await verify('no token'), null)

  await assert.rejects(open('- {'), { code: 'config.invalid' })
  await assert.rejects(open({}), /who\.yaml: is no list/)
  await assert.rejects(open([{ ...entry, accounts: ['informer'] }]), /entry 1, accounts\.0: is not NAMESPACE\/NAME/)
  await assert.rejects(open([{ cluster: 'dev', accounts: ['a/b'], review: true }]), /none/)
})
