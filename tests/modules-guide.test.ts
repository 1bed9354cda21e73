/** docs/modules.md: its commands are run in order, its configurations load, its manifests and messages are those of the code. */
import assert from 'node:assert/strict'
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'
import { loadAll } from 'js-yaml'
import { readGoFlags } from '../src/commands/drop-in/modules-watcher/go-flags.ts'
import { flags, program, settingsOf } from '../src/commands/drop-in/modules-watcher/flags.ts'
import { createWatcherMetrics } from '../src/commands/drop-in/modules-watcher/metrics.ts'
import { loadConfig } from '../src/config/load.ts'
import { errorOfAnswer } from '../src/connectors/docs-builder/errors.ts'
import { readDockerAuths } from '../src/connectors/oci/docker-auths.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { silentLogger } from '../src/kernel/logger.ts'
import { createMetrics } from '../src/kernel/metrics.ts'
import { registries } from '../src/registries/index.ts'
import { modules } from '../src/registries/modules/index.ts'
import type { ModulesConfig } from '../src/registries/modules/config.ts'
import { memoryJournal } from '../src/server/testing/serve.ts'
import { startDockerRegistry } from './parts/docker-registry.ts'
import { skipWithout } from './parts/find.ts'
import { guideFolder, guideShell, readGuide, sendRequests } from './parts/guide.ts'
import { publishModules } from './parts/module-tree.ts'
import { freePorts } from './parts/ports.ts'
import { regista, serveRegista } from './parts/regista.ts'

const root = resolve(import.meta.dirname, '..')
const { text: guide, blocks } = readGuide('modules.md')

const yaml = blocks.filter(({ language }) => language === 'yaml').map(({ text }) => text)
const configurations = yaml.filter((text) => text.startsWith('modules:'))
const manifests = yaml.filter((text) => text.startsWith('apiVersion:')).flatMap((text) => loadAll(text) as Manifest[])

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly [field: string]: unknown
}

/** The one of a kind, as what a test knows it to be. */
function manifest<T>(kind: string, name?: string): T & Manifest {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name))
  assert.equal(found.length, 1, `${found.length} manifests of kind ${kind}`)
  return found[0] as T & Manifest
}

suite('the guide of modules', () => {
  test('its commands print what it says', { timeout: 180_000 }, async () => {
    using at = guideFolder()
    cpSync(join(root, 'examples/modules'), at.folder, { recursive: true })
    const shell = guideShell(at.folder)
    let run = 0
    for (const [index, { language, text }] of blocks.entries()) {
      if (language !== 'sh') continue
      run += 1
      const printed = await shell(text)
      const expected = blocks[index + 1]
      if (expected?.language !== 'text') continue
      for (const line of expected.text.trimEnd().split('\n')) {
        assert.ok(printed.includes(line), `after\n${text}\nexpected\n${line}\ngot\n${printed}`)
      }
    }
    assert.ok(run >= 5)
  })

  test('its requests are answered', { timeout: 60_000 }, async () => {
    using at = guideFolder()
    cpSync(join(root, 'examples/modules'), at.folder, { recursive: true })
    await using server = await serveRegista(['--listen', '127.0.0.1:0'], { cwd: at.folder })
    const urlOf = (path: string) => `${server.url}${path.replace(/\bdocs\b/, 'example')}`
    assert.ok((await sendRequests(blocks, urlOf)) >= 8)
  })

  test('its configurations load, and syncs are made of them', async () => {
    using at = guideFolder()
    mkdirSync(at.path('tls'))
    writeFileSync(at.path('tls/internal-ca.pem'), 'read when it is needed\n')
    assert.ok(configurations.length >= 3)
    for (const text of configurations) {
      writeFileSync(at.path('regista.yaml'), text)
      await assertBuilds(at.path('regista.yaml'), ['docs'])
    }
  })

  test('it names every setting of a registry and of a target', () => {
    const schema = JSON.parse(readFileSync(join(root, 'docs/regista.schema.json'), 'utf8')) as Schema
    const sync = schema.properties!['modules']!.additionalProperties!.properties!
    const shared = readFileSync(join(root, 'docs/configuration.md'), 'utf8')
    const named = [
      ...Object.keys(sync['registries']!.items!.properties!),
      ...Object.keys(sync['targets']!.additionalProperties!.properties!),
      ...Object.keys(sync).filter((name) => !shared.includes(`| \`${name}\``)),
    ]
    assert.ok(named.length >= 15)
    // In a table, or in a configuration.
    const missing = named.filter((name) => !new RegExp(`\`(?:[\\w.*]+\\.)?${name}\`|\\b${name}:`).test(guide))
    assert.deepEqual(missing, [])
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
}

async function assertBuilds(file: string, names: readonly string[]): Promise<void> {
  const from = join(file, '..')
  const config = loadConfig({ file, env: { REGISTRY_PASSWORD: 'secret' }, registries, from })
  const unused = {} as never
  const built = await modules.build(config.sections.get('modules') as ModulesConfig, {
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
    metrics: createMetrics(),
    journal: memoryJournal(),
    base: from,
    state: join(from, 'state'),
    retention: { events: 90 * 86_400_000 },
    keyValue: unused,
    engine: () => unused,
  })
  assert.deepEqual(
    built.syncs.map(({ name }) => name),
    names,
  )
  await built.close?.()
}

suite('the manifests of the guide of modules', () => {
  test('a role that may read leases, bound to the account that both deployments run as', () => {
    const role = manifest<{ rules: unknown }>('Role')
    assert.deepEqual(role.rules, [
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list', 'watch'] },
    ])
    const account = manifest('ServiceAccount').metadata
    const binding = manifest<{ roleRef: unknown; subjects: unknown }>('RoleBinding')
    assert.deepEqual(binding.roleRef, {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'Role',
      name: role.metadata.name,
    })
    assert.deepEqual(binding.subjects, [{ kind: 'ServiceAccount', ...account }])
    for (const name of ['regista', 'modules-watcher']) {
      assert.equal(podOf(name).serviceAccountName, account.name)
    }
    assert.deepEqual([...new Set(manifests.map(({ metadata }) => metadata.namespace))], [account.namespace])
  })

  test('what pods mount and read is there, and their selectors match', () => {
    const names = (kind: string) => manifests.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name)
    for (const name of ['regista', 'modules-watcher']) {
      const { spec } = manifest<Deployment>('Deployment', name)
      assert.deepEqual(spec.selector.matchLabels, spec.template.metadata.labels)
      const { volumes, containers } = podOf(name)
      assert.deepEqual(
        containers[0]!.volumeMounts.map((mount) => mount.name).toSorted(),
        volumes.map((volume) => volume.name).toSorted(),
      )
      for (const { configMap, secret, persistentVolumeClaim: claim } of volumes) {
        if (configMap) assert.ok(names('ConfigMap').includes(configMap.name))
        if (secret) assert.ok(names('Secret').includes(secret.secretName))
        if (claim) assert.ok(names('PersistentVolumeClaim').includes(claim.claimName))
      }
      for (const probe of [containers[0]!.livenessProbe, containers[0]!.readinessProbe]) {
        assert.ok(containers[0]!.ports.some((port) => port.name === probe.httpGet.port))
      }
    }
  })

  test('the configuration in the map loads, and its files are where the pod has them', async () => {
    using at = guideFolder()
    const text = manifest<{ data: Record<string, string> }>('ConfigMap').data['regista.yaml']!
    writeFileSync(at.path('regista.yaml'), text)
    await assertBuilds(at.path('regista.yaml'), ['docs'])
    const { containers } = podOf('regista')
    const mounts = containers[0]!.volumeMounts.map(({ mountPath }) => mountPath)
    const [, state] = /^state: (.*)$/m.exec(text)!
    const [, credentials] = /docker_config: (.*)\/\.dockerconfigjson$/m.exec(text)!
    assert.ok(mounts.includes(state!) && mounts.includes(credentials!))
    const config = manifest<{ stringData: Record<string, string> }>('Secret').stringData['.dockerconfigjson']!
    const [, host] = /base: ([^/]+)\//.exec(text)!
    assert.equal(readDockerAuths(config)!.entries(host!, 'team/modules').length, 1)
  })

  test('the drop-in takes the flags of its pod, and has those that the guide lists', () => {
    const { args = [], env = [] } = podOf('modules-watcher').containers[0]!
    const parsed = readGoFlags(program, flags, args)
    assert.ok(parsed.is === 'values')
    const settings = settingsOf(parsed.values)
    assert.ok(typeof settings === 'object')
    assert.deepEqual([settings.registries.length, settings.interval], [2, 300_000])
    assert.deepEqual(env.map(({ name }) => name).toSorted(), ['POD_NAMESPACE', 'REGISTRY_AUTHS'])
    const listed = [...guide.matchAll(/`--([a-z][a-z-]+)/g)].map(([, name]) => name!)
    const known = flags.map(({ name }) => name)
    assert.deepEqual(
      known.filter((name) => !listed.includes(name)),
      [],
    )
    assert.deepEqual(
      listed.filter((name) => !known.includes(name)),
      [],
    )
  })
})

interface Deployment {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: Pod
    }
  }
}

interface Pod {
  readonly serviceAccountName: string
  readonly containers: readonly Container[]
  readonly volumes: readonly {
    readonly name: string
    readonly configMap?: { readonly name: string }
    readonly secret?: { readonly secretName: string }
    readonly persistentVolumeClaim?: { readonly claimName: string }
  }[]
}

interface Probe {
  readonly httpGet: { readonly port: string }
}

interface Container {
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string }[]
  readonly ports: readonly { readonly name: string }[]
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

function podOf(name: string): Pod {
  return manifest<Deployment>('Deployment', name).spec.template.spec
}

interface Notifications {
  readonly notifications: {
    readonly endpoints: readonly {
      readonly url: string
      readonly headers: Readonly<Record<string, readonly [string]>>
      readonly ignore: unknown
    }[]
  }
}

suite('the notifications of the guide of modules', () => {
  const [endpoint] = (loadAll(yaml.find((text) => text.startsWith('notifications:'))!)[0] as Notifications)
    .notifications.endpoints

  test('leave pulls out, and carry a token', () => {
    assert.deepEqual(endpoint!.ignore, { mediatypes: ['application/octet-stream'], actions: ['pull'] })
    assert.match(endpoint!.headers['Authorization']![0], /^Bearer regista_/)
  })

  test(
    'a push to a real registry is delivered at once, with the token that the guide makes',
    { skip: skipWithout('docker-registry'), timeout: 120_000 },
    async () => {
      using at = guideFolder()
      const [port] = (await freePorts(1)) as [number]
      const [, made] = /^\$ regista (tokens create .*)$/m.exec(guide)!
      const cluster = { cwd: at.folder }
      const config = (host: string) =>
        writeFileSync(
          at.path('regista.yaml'),
          `server: { port: ${port}, auth: tokens }
state: state
modules:
  docs:
    registries: [{ base: '${host}/team/modules', plain_http: true }]
    interval: 1h
    targets: { files: { folder: files } }
`,
        )
      config('127.0.0.1:1')
      const { stdout } = await regista([...made!.split(' '), '--output', 'json'], cluster)
      const [token] = /regista_[\w-]+/.exec(stdout) ?? assert.fail(stdout)
      const url = `http://127.0.0.1:${port}${new URL(endpoint!.url).pathname}`
      const headers = { Authorization: endpoint!.headers['Authorization']![0].replace(/regista_.*/, token) }
      await using registry = await startDockerRegistry({ notify: { url, headers } })
      const tree = (version: string) => ({ base: 'team/modules', modules: { echo: { stable: version } } })
      await publishModules(registry.shelf, tree('v1.0.0'))
      config(registry.host)
      await using server = await serveRegista([], cluster)
      const until = async (version: string) => {
        const file = at.path('files/echo/stable/docs/README.md')
        for (const end = Date.now() + 60_000; ; await new Promise((done) => setTimeout(done, 50))) {
          const [found] = globSync(file).map((path) => readFileSync(path, 'utf8'))
          if (found?.includes(version)) return
          assert.ok(Date.now() < end, `${version} did not come\n${server.stderr()}`)
        }
      }
      await until('v1.0.0')
      const event = { id: '1', action: 'pull', target: { repository: 'team/modules', size: 1 }, actor: {} }
      const body = JSON.stringify({ events: [event] })
      const type = 'application/vnd.docker.distribution.events.v1+json'
      const told = await fetch(url, { method: 'POST', headers: { ...headers, 'content-type': type }, body })
      assert.equal(told.status, 202, await told.text())
      // The next look of its own would be an hour later.
      await publishModules(registry.shelf, tree('v1.1.0'))
      await until('v1.1.0')
    },
  )
})

suite('what the guide of modules names', () => {
  const sources = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts') && !file.includes('/testing/'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n')

  test('every message of the table of troubles is one of the code', () => {
    const section = guide.slice(guide.indexOf('## When something is wrong'))
    const rows = [...section.matchAll(/^\| (.*?) +\| .*\|$/gm)].map(([, cell]) => cell!).slice(2)
    assert.ok(rows.length >= 20)
    const said = errorOfAnswer('docs-builder:8081', 'upload of echo v1.1.0', 500, 'Internal server error\n').detail
    const spoken = `${said}\n${sources.replaceAll(/\$\{[^}]*\}/g, '…')}`
    const quoted = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, text]) => text!))
    const unknown = quoted.filter((text) => !text.startsWith('regista ') && !spoken.includes(text))
    assert.deepEqual(unknown, [])
  })

  test('every metric', async () => {
    const named = [...new Set(guide.match(/\bregista_(?!put)\w+/g))]
    assert.ok(named.length >= 7)
    assert.deepEqual(
      named.filter((name) => !sources.includes(`'${name}'`)),
      [],
    )
    const prefix = 'registry_modules_watcher_'
    const onTheWire = [...new Set(guide.match(/\bregistry_modules_watcher_\w+|\bd8_telemetry_\w+/g))]
    for (const [given, names] of [
      [prefix, onTheWire],
      ['', onTheWire.map((name) => name.replace(prefix, ''))],
    ] as const) {
      const metrics = createMetrics()
      createWatcherMetrics(metrics, given, systemClock)
      const text = await metrics.text()
      const missing = names.filter((name) => !text.includes(`# TYPE ${name} `))
      assert.deepEqual(missing, [])
      assert.ok(names.every((name) => guide.includes(`\`${name}\``)))
    }
  })
})
