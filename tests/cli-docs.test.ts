/** What the documentation shows is run: commands of docs/cli.md, configurations of docs/configuration.md. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { configJsonSchema } from '../src/config/json-schema.ts'
import { loadConfig } from '../src/config/load.ts'
import { problemLine, problemsOf } from '../src/config/problem.ts'
import type { JsonObject } from '../src/kernel/json.ts'
import { registries } from '../src/registries/index.ts'
import { syncSettings } from '../src/registries/settings.ts'
import { claimsExample } from './parts/claims-example.ts'
import { imagesExample } from './parts/images-example.ts'
import { command, startCommand } from './parts/commands.ts'
import { serveRegista, type Serving } from './parts/regista.ts'
import { scratch } from './parts/scratch.ts'

const docs = join(import.meta.dirname, '../docs')

/** Fenced blocks of one language, in order. */
function blocks(file: string, language: string): string[] {
  const text = readFileSync(join(docs, file), 'utf8')
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block]) => block!)
}

test('every command of docs/cli.md exits as it says', async () => {
  const lines = blocks('cli.md', 'sh').flatMap((block) => block.trimEnd().split('\n'))
  assert.ok(lines.length >= 25)
  using at = scratch('quickstart')
  let server: Serving | null = null
  try {
    for (const line of lines) {
      const [, text, code = '0'] = /^regista (.*?)(?: # exit (\d+))?$/.exec(line) ?? assert.fail(`cannot run: ${line}`)
      const args = text!.split(' ')
      // Everything after `serve` runs beside it, but for what needs the state for itself.
      if (args[0] === 'restore') await server?.stop()
      if (args[0] === 'serve') {
        server = await serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })
        continue
      }
      const here = args.map((arg) => (arg === 'saved.db' ? at.path(arg) : arg.replace(/^https:.*/, server?.url ?? '')))
      const stop = new AbortController()
      const { printed, ended } = startCommand([...here, '-c', at.path('regista.yaml')], {}, stop.signal)
      while (args.includes('--follow') && !printed.out.includes('SEQ'))
        await new Promise((resolve) => setTimeout(resolve, 10))
      if (args.includes('--follow')) stop.abort('SIGINT')
      const ran = await ended
      assert.equal(ran.code, Number(code), `${line}\n${ran.stderr}`)
      if (args.includes('json')) assert.doesNotThrow(() => JSON.parse(ran.stdout) as unknown, line)
    }
  } finally {
    await server?.stop()
  }
})

test('every command of docs/cli.md about modules exits with 0', async () => {
  const lines = blocks('cli.md', 'sh modules').flatMap((block) => block.trimEnd().split('\n'))
  assert.ok(lines.length >= 3)
  using at = scratch('quickstart')
  cpSync(join(docs, '../examples/modules'), at.path('example'), { recursive: true })
  for (const line of lines) {
    const ran = await command([...line.split(' ').slice(1), '-c', at.path('example/regista.yaml')])
    assert.deepEqual([ran.code, ran.stderr], [0, ''], line)
    if (line.endsWith('json')) assert.doesNotThrow(() => JSON.parse(ran.stdout) as unknown, line)
  }
  const none = await command(['modules', 'list', '-c', at.path('regista.yaml')])
  assert.equal(none.code, 1)
  assert.match(none.stderr, /the configuration has no section modules; docs\/modules\.md shows one/)
})

test('every command of docs/cli.md about images exits as it says', { timeout: 120_000 }, async () => {
  const lines = blocks('cli.md', 'sh images').flatMap((block) => block.trimEnd().split('\n'))
  assert.ok(lines.length >= 20)
  await using at = await imagesExample()
  for (const line of lines) {
    const [, text, code = '0'] = /^regista (.*?)(?: # exit (\d+))?$/.exec(line) ?? assert.fail(`cannot run: ${line}`)
    const ran = await command([...text!.split(' '), '-c', at.path('regista.yaml')])
    assert.equal(ran.code, Number(code), `${line}\n${ran.stdout}${ran.stderr}`)
    if (line.endsWith('json')) assert.doesNotThrow(() => JSON.parse(ran.stdout) as unknown, line)
  }
  using other = scratch('quickstart')
  for (const below of ['ls', 'get a/b', 'tags a b', 'check a/b', 'hooks', 'settings', 'rm a/b']) {
    const none = await command(['images', ...below.split(' '), '-c', other.path('regista.yaml')])
    assert.equal(none.code, 1)
    assert.match(none.stderr, /the configuration has no section images; docs\/images\.md shows one/)
  }
})

test('every command of docs/cli.md about claims exits as it says', async () => {
  const lines = blocks('cli.md', 'sh claims').flatMap((block) => block.trimEnd().split('\n'))
  assert.ok(lines.length >= 5)
  using at = claimsExample()
  for (const line of lines) {
    const [, text, code = '0'] = /^regista (.*?)(?: # exit (\d+))?$/.exec(line) ?? assert.fail(`cannot run: ${line}`)
    const ran = await command([...text!.split(' '), '-c', at.path('regista.yaml')])
    assert.equal(ran.code, Number(code), `${line}\n${ran.stderr}`)
    if (line.endsWith('json')) assert.doesNotThrow(() => JSON.parse(ran.stdout) as unknown, line)
  }
  using other = scratch('quickstart')
  for (const below of ['list', 'show east team-a/orders', 'clusters', 'unmatched', 'preview', 'reconcile']) {
    const none = await command(['claims', ...below.split(' '), '-c', other.path('regista.yaml')])
    assert.equal(none.code, 1)
    assert.match(none.stderr, /the configuration has no section claims; docs\/claims\.md shows one/)
  }
})

test('every command of docs/cli.md about services exits as it says', { timeout: 120_000 }, async () => {
  const lines = blocks('cli.md', 'sh services').flatMap((block) => block.trimEnd().split('\n'))
  assert.ok(lines.length >= 20)
  using at = scratch('services: {}\n')
  for (const line of lines) {
    const [, text, code = '0'] = /^regista (.*?)(?: # exit (\d+))?$/.exec(line) ?? assert.fail(`cannot run: ${line}`)
    const ran = await command([...text!.split(' '), '-c', at.path('regista.yaml')])
    assert.equal(ran.code, Number(code), `${line}\n${ran.stderr}`)
    if (line.endsWith('json')) assert.doesNotThrow(() => JSON.parse(ran.stdout) as unknown, line)
  }
  using other = scratch('quickstart')
  for (const below of ['ls', 'get agent a', 'events', 'stats', 'purge']) {
    const none = await command(['services', ...below.split(' '), '-c', other.path('regista.yaml')])
    assert.equal(none.code, 1)
    assert.match(none.stderr, /the configuration has no section services; docs\/services\.md shows one/)
  }
})

/** As at the reader's: these are set. */
const env = {
  ETCD_PASSWORD: 's3cret',
  PGPASSWORD: 's3cret',
  GITHUB_TOKEN: 's3cret',
  FORGE_TOKEN: 's3cret',
  FORGE_HOOK_SECRET: 's3cret-of-the-hook',
}

test('every configuration of docs/configuration.md loads, and the wrong one fails as it says', () => {
  using at = scratch('')
  const load = (text: string) => {
    at.write('regista.yaml', text)
    return loadConfig({ file: at.path('regista.yaml'), env, registries, from: at.folder })
  }
  const good = blocks('configuration.md', 'yaml')
  assert.ok(good.length >= 3)
  for (const text of good) assert.doesNotThrow(() => load(text), text)
  const [wrong] = blocks('configuration.md', 'yaml wrong')
  const [expected] = blocks('configuration.md', 'text problems')
  assert.throws(
    () => load(wrong!),
    (error) => {
      assert.equal(`${problemsOf(error).map(problemLine).join('\n')}\n`, expected)
      return true
    },
  )
})

test('docs/configuration.md names every setting of the house and of every sync', () => {
  const text = readFileSync(join(docs, 'configuration.md'), 'utf8')
  const schema = configJsonSchema([]) as JsonObject
  const named = (path: string) => {
    const [section = '', ...rest] = path.split('.')
    return text.includes(`\`${path}\``) || (text.includes(`\`${section}.`) && text.includes(`\`.${rest.at(-1)}\``))
  }
  const missing = [...settingsOf(schema), ...Object.keys(syncSettings)].filter(
    (path) => !named(path) && !text.includes(`\`${path}.`),
  )
  assert.deepEqual(missing, [])
})

function settingsOf(schema: JsonObject, above = ''): string[] {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, JsonObject>)
  return properties.flatMap(([name, below]) =>
    'properties' in below ? settingsOf(below, `${above}${name}.`) : [above + name],
  )
}
