/** docs/notices.md: the way to verify works, and the configuration is one. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadConfig } from '../src/config/load.ts'
import { signatureOf } from '../src/connectors/webhook/sign.ts'
import { registries } from '../src/registries/index.ts'

const guide = readFileSync(resolve(import.meta.dirname, '../docs/notices.md'), 'utf8')
const block = (language: string) => new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(guide)![1]!
const secret = (fill: number) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`

type Verify = (headers: Record<string, string>, body: Buffer, secret: string) => unknown

test('what the guide verifies with knows ours, and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-notices-'))
  try {
    const file = join(folder, 'verify.mjs')
    writeFileSync(file, block('js'))
    const { verify } = (await import(pathToFileURL(file).href)) as { verify: Verify }
    const body = JSON.stringify({ text: 'Grüße' })
    const headersAt = (seconds: number) => ({
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(seconds),
      'webhook-signature': signatureOf('msg_1', seconds, body, [secret(1), secret(2)]),
    })
    const now = Math.floor(Date.now() / 1000)
    for (const known of [1, 2]) {
      assert.deepEqual(verify(headersAt(now), Buffer.from(body), secret(known)), { text: 'Grüße' })
    }
    assert.throws(() => verify(headersAt(now), Buffer.from(body), secret(3)), /does not match/)
    assert.throws(() => verify(headersAt(now), Buffer.from(`${body} `), secret(1)), /does not match/)
    assert.throws(() => verify({ ...headersAt(now), 'webhook-id': 'msg_2' }, Buffer.from(body), secret(1)), /match/)
    assert.throws(() => verify(headersAt(now - 400), Buffer.from(body), secret(1)), /too old/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the configuration of the guide is one, and tells of no secret', () => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-notices-'))
  try {
    const file = join(folder, 'regista.yaml')
    writeFileSync(file, block('yaml'))
    const env = { CI_HOOK_SECRET: secret(1), PAGER_HOOK_SECRET: secret(2), PAGER_TOKEN: 't0ken' }
    const load = (changed: object) => loadConfig({ registries, file, env: { ...env, ...changed } })
    assert.doesNotThrow(() => load({}))
    assert.throws(
      () => load({ PAGER_HOOK_SECRET: 'plain-text-passphrase' }),
      (thrown: Error) => /notify/.test(thrown.message) && !thrown.message.includes('passphrase'),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
