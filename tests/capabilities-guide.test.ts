/** docs/capabilities.md: its commands are run in order, and print what stands below them. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../src/config/load.ts'
import { registries } from '../src/registries/index.ts'
import { startEtcd } from './parts/etcd.ts'
import { skipWithout } from './parts/find.ts'
import { guideShell, readGuide } from './parts/guide.ts'

const { blocks } = readGuide('capabilities.md')

test('the commands print what the guide says', { skip: skipWithout('etcd', 'etcdctl'), timeout: 120_000 }, async () => {
  await using etcd = await startEtcd()
  const folder = mkdtempSync(join(tmpdir(), 'regista-guide-'))
  try {
    const shell = guideShell(folder, {
      env: { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: `127.0.0.1:${etcd.port}` },
      programs: { 'regista': '', 'gitops-sync-registry': `--etcd-port ${etcd.port}` },
    })
    let run = 0
    for (const [at, { language, text }] of blocks.entries()) {
      if (language === 'yaml') writeFileSync(join(folder, 'regista.yaml'), text.replaceAll('2379', String(etcd.port)))
      if (language !== 'sh') continue
      run += 1
      const printed = await shell(text)
      const expected = blocks[at + 1]
      if (expected?.language !== 'text') continue
      for (const line of expected.text.trimEnd().split('\n')) {
        const wanted = line.replaceAll('2379', String(etcd.port))
        assert.ok(printed.includes(wanted), `after\n${text}\nexpected\n${wanted}\ngot\n${printed}`)
      }
    }
    assert.ok(run >= 7)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('its configurations load', () => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-guide-'))
  const file = join(folder, 'regista.yaml')
  const configurations = blocks.filter(({ language }) => language === 'yaml')
  assert.ok(configurations.length >= 2)
  for (const { text } of configurations) {
    writeFileSync(file, text)
    const config = loadConfig({ file, env: { ETCD_PASSWORD: 'secret', GIT_TOKEN: 'secret' }, registries, from: folder })
    assert.ok(config.sections.has('capabilities'))
  }
  rmSync(folder, { recursive: true })
})
