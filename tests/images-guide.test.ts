/** docs/images.md and the pages below docs/images: what they show is run or loaded, and what they name is the code's. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { suite, test } from 'node:test'
import { loadAll } from 'js-yaml'
import { loadConfig } from '../src/config/load.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import type { ImagesConfig } from '../src/registries/images/config.ts'
import { webhookDeployer } from '../src/registries/images/deploy/webhook-config.ts'
import { createWebhookDeployer } from '../src/registries/images/deploy/webhook.ts'
import { images } from '../src/registries/images/index.ts'
import { stageFor } from '../src/registries/images/stages/testing/stages.ts'
import { registries } from '../src/registries/index.ts'
import { memoryJournal } from '../src/server/testing/serve.ts'
import { findPart } from './parts/find.ts'
import { guideFolder, guideShell, readGuide, sendRequests } from './parts/guide.ts'
import { imagesExample } from './parts/images-example.ts'
import { serveRegista } from './parts/regista.ts'

const root = resolve(import.meta.dirname, '..')
const names = ['images.md', ...globSync('images/*.md', { cwd: join(root, 'docs') }).toSorted()]
const pages = new Map(names.map((name) => [basename(name), readGuide(name)]))
const { blocks } = pages.get('images.md')!
const everything = [...pages.values()].map(({ text }) => text).join('\n')
const page = (name: string) => pages.get(name)!.text

/** What the pages say to set. */
const env = {
  FORGE_TOKEN: 'a-token',
  FORGE_HOOK_SECRET: 'a-secret-of-the-forge',
  GITHUB_TOKEN: 'a-token',
  GITHUB_HOOK_SECRET: 'a-secret-of-github',
  HUB_TOKEN: 'a-token',
  HUB_HOOK_ID: 'an-id-that-nobody-can-guess',
  QUAY_HOOK_ID: 'another-id-that-nobody-guesses',
  MIRROR_HOOK_TOKEN: 'Bearer change-me-to-something-long',
  HARBOR_TOKEN: 'a-token',
  HARBOR_HOOK_TOKEN: 'a-header-of-harbor',
  ROLLOUT_TOKEN: 'a-token',
  DEPLOY_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  DEPLOY_TOKEN: 'a-token',
}

interface Example extends AsyncDisposable {
  readonly url: string
  /** As the guide's reader, who has both running. */
  readonly run: (script: string) => Promise<string>
}

async function startExample(): Promise<Example> {
  const at = await imagesExample()
  const server = await serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })
  const shell = guideShell(at.folder)
  return {
    url: server.url,
    run: (script) => shell(script.replaceAll('http://localhost:8080', server.url)),
    async [Symbol.asyncDispose]() {
      await server.stop()
      await at[Symbol.asyncDispose]()
    },
  }
}

suite('the guide of images', () => {
  test('its commands print what it says', { timeout: 180_000 }, async () => {
    await using example = await startExample()
    let run = 0
    for (const [index, { language, how, text }] of blocks.entries()) {
      if (language !== 'sh' || how === 'beside') continue
      run += 1
      const printed = await example.run(text)
      const expected = blocks[index + 1]
      if (expected?.language !== 'text') continue
      for (const line of expected.text.trimEnd().split('\n')) {
        assert.ok(printed.includes(line), `after\n${text}\nexpected\n${line}\ngot\n${printed}`)
      }
    }
    assert.ok(run >= 6)
  })

  test('what it says to start is there', () => {
    const [beside] = blocks.filter(({ how }) => how === 'beside')
    assert.deepEqual(beside!.text.trim().split('\n'), ['node registry.js', 'regista serve'])
  })

  test('its requests are answered', { timeout: 60_000 }, async () => {
    await using example = await startExample()
    await example.run('regista images check shop/production')
    assert.ok((await sendRequests(blocks, (path) => `${example.url}${path}`)) >= 15)
  })

  test('a server that follows images has the metrics, as Prometheus wants them', { timeout: 60_000 }, async () => {
    await using example = await startExample()
    await example.run('regista images check shop/test --wait')
    const text = await (await fetch(`${example.url}/metrics`)).text()
    for (const line of [
      'regista_images_stages{state="deployed"} 1',
      'regista_images_checks_total{registry="local",result="first"} 2',
      'regista_images_check_seconds_count{registry="local"} ',
      'regista_images_request_duration_seconds_count{registry="local",method="HEAD",status="200"} ',
      'regista_images_deploys_total{deployer="script",outcome="deployed"} 1',
      'regista_images_poll_lag_seconds{registry="local"} 0',
    ]) {
      assert.ok(text.includes(line), `${line}\n${text.match(/^regista_images.*$/gm)?.join('\n')}`)
    }
    const promtool = findPart('promtool')
    if (promtool !== null)
      execFileSync(promtool, ['check', 'metrics'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] })
  })

  test('every configuration of every page loads, and is built', { timeout: 60_000 }, async () => {
    using at = guideFolder()
    writeFileSync(at.path('docker-config.json'), '{}')
    let loaded = 0
    for (const [name, { blocks: of }] of pages) {
      const configurations = of.filter(({ language, text }) => language === 'yaml' && text.startsWith('images:'))
      assert.ok(configurations.length >= 1, `${name} shows no configuration`)
      for (const { text } of configurations) {
        writeFileSync(at.path('regista.yaml'), text.replace(/docker_config: .*/, 'docker_config: docker-config.json'))
        await assertBuilds(at.path('regista.yaml'), name)
        loaded += 1
      }
    }
    assert.ok(loaded >= 10)
  })
})

async function assertBuilds(file: string, name: string): Promise<void> {
  const base = join(file, '..')
  const config = loadConfig({ file, env, registries, from: base })
  const unused = {} as never
  const built = await images.build(config.sections.get('images') as ImagesConfig, {
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    metrics: createMetrics(),
    journal: memoryJournal(systemClock, images.tables),
    base,
    state: join(base, 'state'),
    retention: { events: 90 * 86_400_000 },
    keyValue: unused,
    engine: () => unused,
  })
  assert.ok(built.routes.length > 20, name)
  await built.close?.()
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
}

/** With those below, in order. */
function keysOf(value: object): unknown[] {
  return Object.entries(value).map(([key, below]) =>
    typeof below === 'object' && below !== null ? [key, keysOf(below as object)] : key,
  )
}

suite('what the guide of images names', () => {
  const schema = JSON.parse(readFileSync(join(root, 'docs/regista.schema.json'), 'utf8')) as Schema
  const section = schema.properties!['images']!.properties!
  const sources = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts') && !file.includes('/testing/'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')

  /** In a table, or in a configuration. */
  const lacks = (text: string, keys: readonly string[]) =>
    keys.filter((key) => !new RegExp(`\`(?:[\\w.*]+\\.)?${key}\`|\\b${key}:`).test(text))

  test('every setting', () => {
    const below = (key: string) => section[key]!.additionalProperties!.properties!
    const stage = below('projects')['stages']!.additionalProperties!.properties!
    const { docker, kubernetes, webhook, command, ...shared } = below('deployers')
    const all = [section, below('registries'), below('hooks'), stage, shared].flatMap((keys) => Object.keys(keys))
    assert.ok(all.length >= 45)
    // What settings of all registries share is on its own page.
    const elsewhere = readFileSync(join(root, 'docs/modules.md'), 'utf8')
    assert.deepEqual(lacks(`${everything}\n${elsewhere}`, all), [])
    for (const [name, type] of Object.entries({ docker, kubernetes, webhook, command })) {
      assert.deepEqual(lacks(page(`${name}.md`), Object.keys(type!.properties!)), [], name)
    }
    const container = docker!.properties!['container']!.properties!
    assert.deepEqual(lacks(page('docker.md'), Object.keys(container)), [])
  })

  test('every message of the tables of troubles is one of the code', () => {
    const spoken = sources.replaceAll(/\$\{[^}]*\}/g, '…').replaceAll("\\'", "'")
    let found = 0
    for (const [name, { text }] of pages) {
      const at = text.indexOf('## When something is wrong')
      if (at === -1) continue
      const rows = [...text.slice(at).matchAll(/^\| (.*?) +\| .*\|$/gm)].map(([, cell]) => cell!).slice(2)
      const quoted = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, message]) => message!))
      const parts = quoted.flatMap((message) => message.split(/ ?… ?/)).filter((part) => part !== '')
      assert.deepEqual(
        parts.filter((part) => !spoken.includes(part)),
        [],
        name,
      )
      found += rows.length
    }
    assert.ok(found >= 30)
  })

  test('every metric, and no other', () => {
    const named = new Set(everything.match(/\bregista_images_\w+/g))
    const known = new Set([...sources.matchAll(/'(regista_images_\w+)'/g)].map(([, name]) => name!))
    assert.ok(known.size >= 9)
    assert.deepEqual([...named].toSorted(), [...known].toSorted())
  })

  test('every variable that a command is given', () => {
    const named = new Set(
      page('command.md')
        .match(/`DEPLOY_\w+`/g)
        ?.map((word) => word.slice(1, -1)),
    )
    const source = readFileSync(join(root, 'src/registries/images/deploy/command.ts'), 'utf8')
    assert.deepEqual([...named].toSorted(), [...new Set(source.match(/\bDEPLOY_[A-Z_]+(?=:)/g))].toSorted())
  })

  test('the request that a deployer of its own gets', async () => {
    const { blocks: of } = pages.get('webhook.md')!
    const shown = JSON.parse(of.find(({ language }) => language === 'json')!.text) as object
    const settings = { url: 'https://deploy.example.io/hooks', secret: env.DEPLOY_SECRET }
    const sent: string[] = []
    const deployer = createWebhookDeployer('pipeline', webhookDeployer.parse(settings), {
      clock: systemClock,
      webhook({ body }) {
        sent.push(body)
        return Promise.resolve({ status: 204, retryAfter: null, text: '', location: null })
      },
    })
    const stage = stageFor()
    const digest = `sha256:${'a'.repeat(64)}`
    const version = { tag: 'v1.2.3', digest, revision: digest, at: null, repository: 'registry.example.io/team/shop' }
    const release = { ...version, project: stage.project, stage: stage.stage, registry: stage.registry }
    const was = { revision: digest, tag: 'v1.2.2' }
    const tools = { handle: null, say() {}, fence() {} }
    const request = { stage, release, effectId: 'e', was, credential: null }
    const done = await deployer.deploy(request, tools, new AbortController().signal)
    assert.equal(done.is, 'deployed')
    assert.deepEqual(keysOf(JSON.parse(sent[0]!) as object), keysOf(shown))
    await deployer.close()
  })

  test('the rights that the cluster has to give', () => {
    const role = readFileSync(join(root, 'examples/images/rbac.yaml'), 'utf8')
    const { rules } = loadAll(role).find((one) => (one as { kind: string }).kind === 'ClusterRole') as {
      rules: { resources: string[]; verbs: string[] }[]
    }
    const rows = [...page('kubernetes.md').matchAll(/^\| ([a-z, ]+?) (?:\(core\))? *\| ((?:`\w+`(?:, )?)+) /gm)]
    const named = rows.map(([, resources, verbs]) => [resources!.trim(), verbs!.replaceAll('`', '')])
    assert.deepEqual(
      named,
      rules.map(({ resources, verbs }) => [resources.join(', '), verbs.join(', ')]),
    )
  })

  test('the notifications of Distribution leave pulls out, and carry the header of the hook', () => {
    const block = pages.get('oci.md')!.blocks.find(({ text }) => text.startsWith('notifications:'))!
    const { notifications } = loadAll(block.text)[0] as {
      notifications: { endpoints: { url: string; headers: Record<string, string[]>; ignore: unknown }[] }
    }
    const [endpoint] = notifications.endpoints
    assert.deepEqual(endpoint!.ignore, { mediatypes: ['application/octet-stream'], actions: ['pull'] })
    assert.equal(endpoint!.headers['Authorization']![0], env.MIRROR_HOOK_TOKEN)
    assert.equal(new URL(endpoint!.url).pathname, '/webhooks/mirror')
  })
})
