/** registry-modules-watcher as a process: a real registry with TLS and tokens, docs-builders, leases of a cluster. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startFakeBuilder, type FakeBuilder } from '../src/connectors/docs-builder/testing/fake-builder.ts'
import { leasesPath } from '../src/connectors/kubernetes/leases.ts'
import { startSimulator, type Simulator } from '../src/connectors/kubernetes/testing/simulator.ts'
import { startFakeRegistry } from '../src/connectors/oci/testing/fake-registry.ts'
import { startDockerRegistry, type DockerRegistry } from './parts/docker-registry.ts'
import { skipWithout } from './parts/find.ts'
import { until } from './parts/gitops-sync.ts'
import {
  builderLease,
  kubeconfig,
  modulesWatcher,
  releaseModule,
  type ModulesWatcher,
} from './parts/modules-watcher.ts'

describe('registry-modules-watcher', { skip: skipWithout('docker-registry', 'openssl') }, () => {
  let registry: DockerRegistry
  let cluster: Simulator
  before(async () => {
    registry = await startDockerRegistry({ tls: true, auth: 'token' })
    cluster = await startSimulator()
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
    await registry?.[Symbol.asyncDispose]()
  })

  const auths = () => {
    const { username, password } = registry.user
    const auth = Buffer.from(`${username}:${password}`).toString('base64')
    return JSON.stringify({ auths: { [registry.host]: { auth } } })
  }
  const watcherWith = (more: Readonly<Record<string, string>> = {}): ModulesWatcher =>
    modulesWatcher({ REGISTRY_AUTHS: auths(), SSL_CERT_FILE: registry.certificates!.ca, ...more })
  /** Flags for a base of its own; every test has a namespace and modules that no other test sees. */
  const flagsFor = (name: string, ...more: string[]) => [
    `-watch-registries=${registry.host}/${name}`,
    '-scan-interval=1s',
    ...more,
  ]
  const release = (base: string, module: string, version: string, ...channels: string[]) =>
    releaseModule(registry.shelf, base, module, { version, channels })
  const lease = (namespace: string, name: string, builder: FakeBuilder) =>
    cluster.put(leasesPath(namespace), builderLease(name, namespace, builder.address))
  const shows = (what: Readonly<Record<string, string>>, ...builders: readonly FakeBuilder[]) =>
    until(`shown: ${JSON.stringify(what)}`, () => {
      const wanted = linesOf(Object.entries(what))
      return Promise.resolve(builders.every((builder) => shownBy(builder) === wanted))
    })
  const shownBy = (builder: FakeBuilder) => linesOf([...builder.shown()].map(([key, { version }]) => [key, version]))
  const sent = (builder: FakeBuilder) => ({
    uploads: builder.asked('upload').map(({ url }) => url),
    deletes: builder.asked('delete').map(({ url }) => url),
    builds: builder.builds,
  })

  test('first sync, a channel moves, one goes; restart with nothing changed sends nothing', async () => {
    await release('one', 'console', 'v1.0.0', 'alpha', 'beta')
    await release('one', 'parca', 'v0.1.0', 'stable')
    await using first = await startFakeBuilder()
    await using second = await startFakeBuilder({ documents: 'missing' })
    lease('one', 'module-docs-builder-0', first)
    lease('one', 'module-docs-builder-1', second)
    using watcher = watcherWith()
    const flags = flagsFor('one', '-kubeconfig', watcher.write('kubeconfig', kubeconfig(cluster.url, 'one')))
    const released = { 'console/alpha': 'v1.0.0', 'console/beta': 'v1.0.0', 'parca/stable': 'v0.1.0' }
    {
      await using watching = await watcher.start(...flags)
      assert.deepEqual(await watching.probe('/readyz'), [200, 'ok'])
      await shows(released, first, second)
      for (const builder of [first, second]) {
        const uploads = ['/api/v1/doc/console/v1.0.0?channels=alpha,beta', '/api/v1/doc/parca/v0.1.0?channels=stable']
        const { uploads: came, ...others } = sent(builder)
        // Versions of one sync are uploaded side by side: whichever is read sooner arrives first.
        assert.deepEqual([came.toSorted(), others], [uploads, { deletes: [], builds: 1 }])
        assert.equal(builder.asked('upload')[0]!.headers['content-type'], 'application/tar')
        await watching.said(`msg='Adding backend' backend='${builder.address}'`)
        await watching.said(`msg='Sending documentation to new backend' backend='${builder.address}' docs_count='2' \n`)
      }
      await watching.said(`msg='watch modules' registry='${registry.host}/one' \n`)
      await watching.said("logger=registry-scanner msg='module versions changed in registry' create='3' delete='0' \n")
      await watching.said(/logger=sender msg='build response' backend='[^']+' status_code='200' \n/)

      await release('one', 'console', 'v1.1.0', 'alpha')
      await registry.untag('one/parca/release', 'stable')
      await shows({ 'console/alpha': 'v1.1.0', 'console/beta': 'v1.0.0' }, first, second)
      for (const builder of [first, second]) {
        const { uploads, deletes } = sent(builder)
        assert.deepEqual(uploads.slice(2), ['/api/v1/doc/console/v1.1.0?channels=alpha'])
        assert.deepEqual(deletes, ['/api/v1/doc/parca?channels=stable'])
      }
      const status = await watching.status()
      const [one] = status.registries
      assert.deepEqual(
        [one!.registry, one!.state, one!.modules.map(({ module, channels }) => `${module} ${channels.length}`)],
        [`${registry.host}/one`, 'ok', ['console 2', 'parca 0']],
      )
      assert.equal(await watching.stop(), 0)
    }
    const before = [first, second].map(sent)
    {
      await using watching = await watcher.start(...flags)
      const scanned = async () => (await watching.status()).scan?.lastAt ?? ''
      const began = await scanned()
      await until('a scan of this process', async () => (await scanned()) > began)
      const { backends, state } = await watching.status()
      assert.ok(state?.startsWith(watcher.state))
      assert.deepEqual(
        linesOf(backends.map(({ backend, state: how, delivered, pending }) => [backend, how, delivered, pending])),
        linesOf([first, second].map(({ address }) => [address, 'ok', 2, 0])),
      )
      assert.equal(await watching.stop('SIGINT'), 0)
    }
    assert.deepEqual([first, second].map(sent), before)
  })

  test('builders come, go and change; what a new one holds already is not sent', async () => {
    await release('two', 'console', 'v1.0.0', 'alpha')
    await release('two', 'parca', 'v0.1.0', 'alpha')
    await using first = await startFakeBuilder()
    first.put('console', 'alpha', 'v1.0.0')
    first.put('foreign', 'alpha', 'v9.0.0')
    lease('two', 'module-docs-builder-0', first)
    using watcher = watcherWith({ POD_NAMESPACE: 'two' })
    const flags = flagsFor('two', '-kubeconfig', watcher.write('kubeconfig', kubeconfig(cluster.url, 'elsewhere')))
    await using watching = await watcher.start(...flags, '-metrics-prefix=')
    await until('the missing one is built', () => Promise.resolve(first.builds === 1))
    assert.deepEqual(sent(first), { uploads: ['/api/v1/doc/parca/v0.1.0?channels=alpha'], deletes: [], builds: 1 })
    assert.equal(first.versions().get('foreign/alpha'), 'v9.0.0')

    await using second = await startFakeBuilder()
    lease('two', 'module-docs-builder-1', second)
    await shows({ 'console/alpha': 'v1.0.0', 'parca/alpha': 'v0.1.0' }, second)
    assert.match(await watching.metrics(), /^registry_watcher_backends_total 2$/m)

    await using third = await startFakeBuilder()
    lease('two', 'module-docs-builder-1', third)
    await shows({ 'console/alpha': 'v1.0.0', 'parca/alpha': 'v0.1.0' }, third)
    await watching.said(`msg='Removing backend' backend='${second.address}'`)

    cluster.remove(leasesPath('two'), 'module-docs-builder-1')
    await watching.said(`msg='Removing backend' backend='${third.address}'`)
    const before = [second, third].map(sent)
    await release('two', 'console', 'v1.1.0', 'alpha')
    await until('the one that is left has it', () =>
      Promise.resolve(first.shown().get('console/alpha')?.version === 'v1.1.0'),
    )
    assert.deepEqual([second, third].map(sent), before)
    const metrics = await watching.metrics()
    assert.match(metrics, /^registry_watcher_backends_total 1$/m)
    assert.match(metrics, /^registry_watcher_new_backends_total 3$/m)
  })

  test('a registry that is away deletes nothing, and is shown', async () => {
    await release('three', 'console', 'v1.0.0', 'alpha', 'beta')
    await using builder = await startFakeBuilder()
    using watcher = watcherWith()
    await using watching = await watcher.start(...flagsFor('three', '-builder', `http://${builder.address}`))
    await shows({ 'console/alpha': 'v1.0.0', 'console/beta': 'v1.0.0' }, builder)
    const name = `${registry.host}/three`
    await registry.kill()
    try {
      await watching.said(
        new RegExp(`ERROR logger=registry-scanner msg='registry is unavailable' error='[^']+' registry='${name}'`),
      )
      await until('it shows', async () => {
        const [one] = (await watching.status()).registries
        return one!.state === 'unavailable' && one!.since !== undefined && one!.modules[0]!.channels.length === 2
      })
      const unavailable = `d8_telemetry_registry_scanner_registry_unavailable{registry="${name}"}`
      assert.ok((await watching.metrics()).includes(`${unavailable} 1\n`))
      // As many looks as would be believed, had they been looks.
      const failures = () => watching.stdout().split('registry is unavailable').length
      const soFar = failures()
      await until('three more scans', () => Promise.resolve(failures() >= soFar + 3))
      assert.deepEqual(await watching.probe('/healthz'), [200, 'ok'])
    } finally {
      await registry.start()
    }
    await release('three', 'console', 'v1.1.0', 'beta')
    await shows({ 'console/alpha': 'v1.0.0', 'console/beta': 'v1.1.0' }, builder)
    assert.deepEqual(sent(builder).deletes, [])
    assert.equal(sent(builder).uploads.length, 2)
  })

  test('a builder that is away gets what it missed, with one build; a hanging one does not keep us from ending', async () => {
    await release('four', 'console', 'v1.0.0', 'alpha')
    await using builder = await startFakeBuilder()
    await using other = await startFakeBuilder()
    using watcher = watcherWith({ SSL_CERT_FILE: '/dev/null' })
    await using watching = await watcher.start(
      ...flagsFor('four', '-builder', builder.address, '-builder', other.address, '-ca', registry.certificates!.ca),
    )
    await shows({ 'console/alpha': 'v1.0.0' }, builder, other)
    await builder.stop()
    await release('four', 'console', 'v1.1.0', 'alpha')
    await shows({ 'console/alpha': 'v1.1.0' }, other)
    await until('it is shown as away', async () => {
      const away = (await watching.status()).backends.find(({ backend }) => backend === builder.address)
      return away?.state === 'unavailable' && away.since !== undefined && away.pending === 1
    })
    await builder.start()
    await shows({ 'console/alpha': 'v1.1.0' }, builder)
    assert.equal(builder.builds, 2)
    other.fault({ on: 'build', is: 'hang' })
    await release('four', 'console', 'v1.2.0', 'alpha')
    await until('the build hangs', () => Promise.resolve(other.asked('build').length === 3))
    assert.equal(await watching.stop(), 0)
  })

  test('--compat: every namespace, everything again after a restart, files by their substring', async () => {
    await releaseModule(registry.shelf, 'five', 'console', {
      version: 'v1.0.0',
      channels: ['alpha'],
      files: ['charts/x/crds/a.yaml'],
    })
    await using first = await startFakeBuilder()
    await using second = await startFakeBuilder()
    // Of its own: other tests have leases, too.
    await using clusterOfAll = await startSimulator()
    for (const [namespace, builder] of [
      ['a', first],
      ['b', second],
    ] as const) {
      clusterOfAll.put(leasesPath(namespace), builderLease('module-docs-builder-0', namespace, builder.address))
    }
    using watcher = watcherWith()
    const flags = flagsFor(
      'five',
      '-compat',
      '-kubeconfig',
      watcher.write('kubeconfig', kubeconfig(clusterOfAll.url, 'a')),
    )
    for (const times of [1, 2]) {
      await using watching = await watcher.start(...flags)
      await until('both have it', () => Promise.resolve([first, second].every(({ builds }) => builds >= times)))
      assert.equal((await watching.status()).state, null)
      assert.equal(await watching.stop(), 0)
    }
    await using third = await startFakeBuilder()
    await using plain = await watcher.start(...flagsFor('five', '-builder', third.address))
    await shows({ 'console/alpha': 'v1.0.0' }, third)
    assert.equal(await plain.stop(), 0)
    const sizeOf = (builder: FakeBuilder) => Number(builder.asked('upload')[0]!.headers['content-length'])
    for (const builder of [first, second]) {
      const url = '/api/v1/doc/console/v1.0.0?channels=alpha'
      assert.deepEqual(sent(builder), { uploads: [url, url], deletes: [], builds: 2 })
      assert.ok(sizeOf(builder) > sizeOf(third))
    }
  })

  test('what goes all at once is held until somebody allows it', async () => {
    await release('six', 'console', 'v1.0.0', 'alpha')
    await using builder = await startFakeBuilder()
    using watcher = watcherWith()
    const flags = flagsFor('six', '-builder', builder.address)
    {
      await using watching = await watcher.start(...flags)
      await shows({ 'console/alpha': 'v1.0.0' }, builder)
      await registry.untag('six/console/release', 'alpha')
      await until('it is held', async () => (await watching.status()).held.length === 1)
      const { held } = await watching.status()
      assert.deepEqual([held[0]!.change, held[0]!.reason, held[0]!.module], ['delete', 'source-empty', 'console'])
      assert.equal(await watching.stop(), 0)
    }
    assert.deepEqual(sent(builder).deletes, [])
    await using watching = await watcher.start(...flags, '-allow-deletes=5')
    await shows({}, builder)
    assert.deepEqual(sent(builder).deletes, ['/api/v1/doc/console?channels=alpha'])
    await watching.said(
      `msg='find module version to remove, processing...' backend='${builder.address}' channel='alpha'`,
    )
  })

  test('a state folder that cannot be used costs a warning; a registry without TLS, on demand', async () => {
    await using plain = await startFakeRegistry()
    await releaseModule(plain, 'modules', 'console', { version: 'v1.0.0', channels: ['alpha'] })
    await using builder = await startFakeBuilder()
    using watcher = modulesWatcher({ REGISTRY_AUTHS: JSON.stringify({ auths: { [plain.host]: {} } }) })
    const flags = [`-watch-registries=${plain.host}/modules`, '-builder', builder.address, '-plain-http']
    await using watching = await watcher.start(...flags, '-state-dir=/dev/null/no')
    await watching.said("WARN msg='state is kept in memory for this run only' error='")
    await shows({ 'console/alpha': 'v1.0.0' }, builder)
    assert.equal(await watching.stop(), 0)
    await using again = await watcher.start(...flags, '-state-dir=/proc/no')
    await until('it is adopted', async () => (await again.status()).backends[0]?.delivered === 1)
    assert.deepEqual(sent(builder), { uploads: ['/api/v1/doc/console/v1.0.0?channels=alpha'], deletes: [], builds: 1 })
  })

  test('one that replaces another waits for its state', async () => {
    await release('eight', 'console', 'v1.0.0', 'alpha')
    await using builder = await startFakeBuilder({ documents: 'missing' })
    using watcher = watcherWith()
    const flags = flagsFor('eight', '-builder', builder.address)
    await using old = await watcher.start(...flags)
    await shows({ 'console/alpha': 'v1.0.0' }, builder)
    await using next = await watcher.start(...flags)
    await next.said("msg='watch modules'")
    assert.deepEqual(await next.probe('/readyz'), [200, 'ok'])
    assert.equal((await next.status()).scan, null)
    assert.equal(await old.stop(), 0)
    await until('it scans', async () => (await next.status()).scan?.lastOk === true)
    assert.ok((await next.status()).state?.startsWith(watcher.state))
    assert.equal(sent(builder).uploads.length, 1)
  })
})

function linesOf(rows: readonly (readonly unknown[])[]): string {
  return rows
    .map((row) => row.join(' '))
    .toSorted()
    .join('\n')
}
