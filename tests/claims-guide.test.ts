/** docs/claims.md: its commands are run in order, its configurations load, its manifests and messages are those of the code. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { loadAll } from 'js-yaml'
import { informerVariables, serverVariables } from '../src/commands/drop-in/status-collector/variables.ts'
import { readInformerSettings } from '../src/commands/drop-in/status-collector/informer-settings.ts'
import { readServerSettings } from '../src/commands/drop-in/status-collector/server-settings.ts'
import { loadConfig } from '../src/config/load.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import type { ClaimsConfig } from '../src/registries/claims/config.ts'
import { openIdentityFile } from '../src/registries/claims/drop-in-identity.ts'
import { readRegistryFile } from '../src/registries/claims/file/registry-file.ts'
import { claims } from '../src/registries/claims/index.ts'
import { bodyOf } from '../src/registries/claims/rolling/body.ts'
import { registries } from '../src/registries/index.ts'
import { memoryJournal } from '../src/server/testing/serve.ts'
import { claimsExample } from './parts/claims-example.ts'
import { freePorts } from './parts/ports.ts'
import { serveRegista, type Serving } from './parts/regista.ts'
import { guideFolder, guideShell, readGuide, sendRequests, type GuideFolder } from './parts/guide.ts'

const root = resolve(import.meta.dirname, '..')
const { text: guide, blocks } = readGuide('claims.md')

const yaml = blocks.filter(({ language }) => language === 'yaml').map(({ text }) => text)
const configurations = yaml.filter((text) => /^(?:server|claims):/.test(text))
const manifests = yaml
  .filter((text) => text.startsWith('apiVersion:'))
  .concat(readFileSync(join(root, 'examples/claims/informer-rbac.yaml'), 'utf8'))
  .flatMap((text) => loadAll(text) as Manifest[])

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly [field: string]: unknown
}

function manifest<T>(kind: string, name: string): T & Manifest {
  const found = manifests.filter((one) => one.kind === kind && one.metadata.name === name)
  assert.equal(found.length, 1, `${found.length} manifests of kind ${kind}`)
  return found[0] as T & Manifest
}

const linesOf = (text: string) => text.trimEnd().split('\n')

suite('the guide of claims', () => {
  const at = claimsExample({ made: false })
  let server: Serving | null = null
  after(async () => {
    await server?.stop()
    at[Symbol.dispose]()
  })

  test('its commands print what it says', { timeout: 240_000 }, async () => {
    const shell = guideShell(at.folder, { env: { GIT_CONFIG_NOSYSTEM: '1' } })
    let run = 0
    for (const [index, { language, how, text }] of blocks.entries()) {
      if (language !== 'sh') continue
      run += 1
      const [, expected] = blocks.slice(index, index + 2)
      const lines = expected?.language === 'text' ? linesOf(expected.text) : []
      if (how === 'drop-in') {
        await startDropIn(at.folder, text, lines)
        continue
      }
      const serve = text.includes('regista serve')
      const script = () => text.replace('regista serve\n', '').replaceAll('http://localhost:8080', server?.url ?? '')
      for (const end = Date.now() + 100_000; ; await new Promise((done) => setTimeout(done, 200))) {
        const printed = await shell(script())
        const missing = lines.filter((line) => !printed.includes(line))
        if (missing.length === 0) break
        const said = `after\n${text}\nexpected\n${missing.join('\n')}\ngot\n${printed}\n${server?.stderr() ?? ''}`
        assert.ok(how === 'until' && Date.now() < end, said)
      }
      if (serve) server = await serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })
    }
    assert.ok(run >= 9)
    assert.match(at.git('show', 'main:registry.yaml'), /statusMessage: 'Ready: False \(Creating\)/)
  })

  test('its requests are answered', { timeout: 60_000 }, async () => {
    assert.ok((await sendRequests(blocks, (path) => server!.url + path)) >= 9)
  })
})

/** As the line says, but for the port. */
async function startDropIn(cwd: string, line: string, expected: readonly string[]): Promise<void> {
  const words = line.trim().split(' ')
  const from = words.findIndex((word) => !word.includes('='))
  const settings = Object.fromEntries(words.slice(0, from).map((word) => word.split(/=(.*)/, 2)))
  const [program, ...args] = words.slice(from)
  const [port] = (await freePorts(1)) as [number]
  const env = { PATH: process.env['PATH'] ?? '', HOME: cwd, ...settings, COLLECTOR_PORT: String(port) }
  const child = spawn(process.execPath, [join(root, 'bin', `${program}.js`), ...args], { cwd, env })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  try {
    const lines = expected.map((one) => one.replace('8095', String(port)))
    for (const end = Date.now() + 30_000; !lines.every((one) => said.includes(one));) {
      assert.ok(child.exitCode === null && Date.now() < end, said)
      await new Promise((done) => setTimeout(done, 50))
    }
    const ended = once(child, 'close')
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null], said)
  } finally {
    child.kill('SIGKILL')
  }
}

/** As at the reader's: these are set. */
const env = { GITHUB_TOKEN: 't', GITEA_TOKEN: 't', GIT_PASSWORD: 't' }

const kubeconfig = `apiVersion: v1
kind: Config
current-context: east
clusters: [{ name: east, cluster: { server: 'https://127.0.0.1:1' } }]
users: [{ name: east, user: { token: t } }]
contexts: [{ name: east, context: { cluster: east, user: east } }]
`

suite('the configurations of the guide of claims', () => {
  test('load, and syncs are made of them', async () => {
    using at = guideFolder()
    mkdirSync(at.path('tls'))
    writeFileSync(at.path('tls/ca.pem'), '')
    writeFileSync(at.path('app.pem'), 'a key\n')
    writeFileSync(at.path('kubeconfig.yaml'), kubeconfig)
    assert.ok(configurations.length >= 4)
    for (const text of configurations) {
      // Outside of a pod, that is where a cluster is.
      const here = text.replace(/cluster: \{ name/g, 'cluster: { kubeconfig: kubeconfig.yaml, name')
      writeFileSync(at.path('regista.yaml'), here)
      const { sections } = loadConfig({ file: at.path('regista.yaml'), env, registries, from: at.folder })
      const section = sections.get('claims') as ClaimsConfig
      // An App's key is read as one: there is none here.
      for (const { targets } of Object.values(section)) delete targets['app']
      const built = await claims.build(section, {
        clock: systemClock,
        random: Math.random,
        logger: silentLogger,
        metrics: createMetrics(),
        journal: memoryJournal(),
        base: at.folder,
        state: at.path('state'),
        retention: { events: 90 * 86_400_000 },
        keyValue: {} as never,
        engine: () => ({}) as never,
      })
      assert.equal(built.syncs.length, 1)
      await built.close?.()
    }
  })

  test('name every setting', () => {
    const schema = JSON.parse(readFileSync(join(root, 'docs/regista.schema.json'), 'utf8')) as Schema
    const sync = schema.properties!['claims']!.additionalProperties!.properties!
    const target = sync['targets']!.additionalProperties!.properties!
    const file = target['file']!.properties!
    const named = [sync['pushed']!, sync['cluster']!, target['collector']!, target['file']!, file['change']!]
      .concat(file['github']!, file['gitea']!)
      .flatMap(({ properties }) => Object.keys(properties!))
    assert.ok(named.length >= 40)
    // In a table, or in a configuration.
    const missing = named.filter((name) => !new RegExp(`\`(?:[\\w.*]*\\.)?${name}\`|\\b${name}:`).test(guide))
    assert.deepEqual(missing, [])
  })

  test('show registry files that are read', () => {
    const files = yaml.find((text) => text.startsWith('# A cluster map'))!.split('---\n')
    const layouts = files.map((text) => readRegistryFile(Buffer.from(text)).layout)
    assert.deepEqual(layouts, ['cluster-map', 'claim-registry'])
  })

  test('lead to the request that is shown', () => {
    const shown = blocks.find(({ language }) => language === 'markdown')!.text
    const [first, second] = [Date.UTC(2026, 10, 21, 5, 0, 36), Date.UTC(2026, 10, 21, 5, 0, 41)]
    const well = 'Ready: True, Synced: True'
    const becomes = 'Ready: False (Creating): Unready resources: instance'
    const rows = [
      { cluster: 'east', claim: 'team-a/orders', was: well, becomes, since: first },
      { cluster: 'west', claim: 'team-b/cache', was: null, becomes: well, since: second },
    ]
    const body = bodyOf(rows, { commit: 'c', content: 'c'.repeat(64), blob: 'b'.repeat(64) })
    // Without the padding of tables.
    const plain = (text: string) => text.replaceAll('\u200b', '').replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-')
    assert.ok(plain(body).startsWith(plain(shown.trimEnd())), `${plain(body)}\n${plain(shown)}`)
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
}

interface Projected {
  readonly volumes: readonly {
    readonly projected: { readonly sources: readonly { readonly serviceAccountToken: { readonly audience: string } }[] }
  }[]
}

interface Deployment {
  readonly spec: {
    readonly selector: { readonly matchLabels: unknown }
    readonly template: {
      readonly metadata: { readonly labels: unknown }
      readonly spec: {
        readonly serviceAccountName?: string
        readonly containers: readonly Container[]
        readonly volumes: readonly {
          readonly name: string
          readonly configMap?: { readonly name: string }
          readonly persistentVolumeClaim?: { readonly claimName: string }
        }[]
      }
    }
  }
}

interface Container {
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
  readonly ports: readonly { readonly name: string }[]
  readonly livenessProbe: { readonly httpGet: { readonly port: string } }
  readonly readinessProbe: { readonly httpGet: { readonly port: string } }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

suite('the manifests of the guide of claims', () => {
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment') as (Manifest & Deployment)[]
  const names = (kind: string) => manifests.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name)
  let folder: GuideFolder
  before(() => (folder = guideFolder()))
  after(() => folder[Symbol.dispose]())

  test('name what is there', () => {
    assert.equal(deployments.length, 4)
    for (const { metadata, spec } of deployments) {
      assert.equal(metadata.namespace, 'regista')
      assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels)
      const { containers, volumes, serviceAccountName: account } = spec.template.spec
      const [{ ports, livenessProbe, readinessProbe, volumeMounts }] = containers as [Container]
      assert.deepEqual(volumeMounts.map(({ name }) => name).toSorted(), volumes.map(({ name }) => name).toSorted())
      for (const { httpGet } of [livenessProbe, readinessProbe]) {
        assert.ok(ports.some(({ name }) => name === httpGet.port))
      }
      for (const { configMap, persistentVolumeClaim: claim } of volumes) {
        if (configMap) assert.ok(names('ConfigMap').includes(configMap.name))
        if (claim) assert.ok(names('PersistentVolumeClaim').includes(claim.claimName))
      }
      if (account !== undefined) assert.ok(names('ServiceAccount').includes(account))
    }
    const { spec } = manifest<{ spec: { selector: unknown } }>('Service', 'claims-collector')
    const collector = manifest<Deployment>('Deployment', 'claims-collector')
    assert.deepEqual(spec.selector, collector.spec.selector.matchLabels)
  })

  test('have configurations that load, whose files are where the pod has them', () => {
    for (const name of ['claims-informer', 'claims-collector']) {
      const text = manifest<{ data: Record<string, string> }>('ConfigMap', name).data['regista.yaml']!
      const [{ volumeMounts }] = manifest<Deployment>('Deployment', name).spec.template.spec.containers as [Container]
      const mounts = volumeMounts.map(({ mountPath }) => mountPath)
      const used = [...text.matchAll(/(?:file:|: )(\/[\w./-]+)/g)].map(([, path]) => path!)
      assert.ok(used.length >= 3)
      for (const path of used)
        assert.ok(
          mounts.some((mount) => `${path}/`.startsWith(`${mount}/`)),
          path,
        )
      writeFileSync(folder.path('token'), 't\n')
      writeFileSync(folder.path('regista.yaml'), text.replace('/etc/forge/token', folder.path('token')))
      const { sections } = loadConfig({ file: folder.path('regista.yaml'), env, registries, from: folder.folder })
      assert.equal(Object.keys(sections.get('claims') as object).length, 1)
    }
  })

  test('give the drop-in an environment that it takes', () => {
    const environment = (name: string) => {
      const [{ env: given = [] }] = manifest<Deployment>('Deployment', name).spec.template.spec.containers as [
        Container,
      ]
      return Object.fromEntries(given.map((one) => [one.name, one.value ?? 'secret']))
    }
    assert.equal(readServerSettings(environment('machinery-status-collector')).path, 'registry.yaml')
    assert.equal(readInformerSettings(environment('machinery-status-informer')).healthPort, 8096)
  })
})

suite('what the guide of claims names', () => {
  const sources = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts') && !file.includes('/testing/'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')
    .replaceAll(/\$\{[^}]*\}/g, '…')

  test('every message of the table of troubles is one of the code', () => {
    const section = guide.slice(guide.indexOf('## When something is wrong'))
    const rows = [...section.matchAll(/^\| (.*?) +\| .*\|$/gm)].map(([, cell]) => cell!).slice(2)
    assert.ok(rows.length >= 35)
    const quoted = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, text]) => text!))
    const unknown = quoted.filter(
      (text) => !text.startsWith('regista ') && !sources.includes(text.replace(/; …$/, ';')),
    )
    assert.deepEqual(
      unknown.filter((text) => text !== 'GITHUB_TOKEN'),
      [],
    )
  })

  test('every metric', () => {
    const named = [...new Set(guide.match(/\bregista_\w+/g))]
    assert.ok(named.length >= 7)
    assert.deepEqual(
      named.filter((name) => !sources.includes(`'${name}'`)),
      [],
    )
  })

  test('service accounts as the drop-in reads them, for the audience that it wants', async () => {
    using at = guideFolder()
    const file = yaml.find((text) => text.startsWith('- cluster:'))!
    writeFileSync(at.path('identities.yaml'), file)
    let asked = 0
    const kubernetes = () => Promise.resolve((asked += 1) as never)
    const unused = {} as never
    await openIdentityFile(at.path('identities.yaml'), {
      http: unused,
      clock: systemClock,
      base: at.folder,
      kubernetes,
    })
    assert.equal(asked, 1)
    const [volumes] = loadAll(yaml.find((text) => text.startsWith('volumes:'))!) as [Projected]
    const { audience } = volumes.volumes[0]!.projected.sources[0]!.serviceAccountToken
    assert.ok(sources.includes(`.default('${audience}')`))
  })

  test('every variable of the drop-in, and no other', () => {
    const section = guide.slice(guide.indexOf('### Its environment'), guide.indexOf('## Side by side'))
    const listed = [...section.matchAll(/`([A-Z]+(?:_[A-Z]+)+|KUBECONFIG)`/g)].map(([, name]) => name!)
    const known = [...serverVariables, ...informerVariables].map(({ name }) => name)
    assert.deepEqual(
      known.filter((name) => !listed.includes(name)),
      [],
    )
    assert.deepEqual(
      listed.filter((name) => !known.includes(name) && name !== 'XDG_STATE_HOME'),
      [],
    )
  })
})
