/** `regista serve` with modules as a process: a real registry with TLS and tokens, docs-builders, leases of a cluster. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startFakeBuilder, type FakeBuilder } from '../src/connectors/docs-builder/testing/fake-builder.ts'
import { leasesPath } from '../src/connectors/kubernetes/leases.ts'
import { startSimulator, type Simulator } from '../src/connectors/kubernetes/testing/simulator.ts'
import { startDockerRegistry, type DockerRegistry } from './parts/docker-registry.ts'
import { skipWithout } from './parts/find.ts'
import { modulesGround, realRegistry, sentTo, sync, untilExact, type ModulesServed } from './parts/modules-ground.ts'
import { until } from './parts/served.ts'
import { createReleases, type Releases } from './parts/modules-releases.ts'
import { builderLease, kubeconfig } from './parts/modules-watcher.ts'
import { freePorts } from './parts/ports.ts'

const notifications = `/api/v1/syncs/${sync}/notifications`

describe('modules', { skip: skipWithout('docker-registry', 'openssl'), timeout: 240_000 }, () => {
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

  const releasesOf = (base: string, from: DockerRegistry = registry): Releases =>
    createReleases({ base, shelf: from.disk, untag: from.untag })
  const lease = (namespace: string, name: string, builder: FakeBuilder) =>
    cluster.put(leasesPath(namespace), builderLease(name, namespace, builder.address))
  const targetsOf = (served: ModulesServed) => served.list<{ target: string; state: string }>('/api/v1/targets')

  test('a channel moves: one upload, no removal; one goes: one removal; each time one build', async () => {
    const releases = releasesOf('one/modules')
    await releases.put('console', 'alpha', 'v1.0.0')
    await releases.put('console', 'beta', 'v1.0.0')
    await releases.put('parca', 'stable', 'v0.1.0')
    await using builder = await startFakeBuilder()
    const targets = { builder: { address: builder.address } }
    using ground = modulesGround({ registries: [realRegistry(registry, 'one/modules')], targets })
    await using served = await ground.serve()
    await untilExact([builder], await releases.truth())
    await served.passes(1, true)
    // On a slow machine the first scan may be delivered in two parts.
    const { builds } = sentTo(builder)
    assert.deepEqual(sentTo(builder), { uploads: 2, deletes: 0, builds })

    await releases.put('console', 'alpha', 'v1.1.0')
    await untilExact([builder], await releases.truth())
    assert.deepEqual(sentTo(builder), { uploads: 3, deletes: 0, builds: builds + 1 })
    assert.equal(builder.asked('upload').at(-1)!.url, '/api/v1/doc/console/v1.1.0?channels=alpha')

    await releases.withdraw('console', 'beta')
    await untilExact([builder], await releases.truth())
    assert.deepEqual(sentTo(builder), { uploads: 3, deletes: 1, builds: builds + 2 })
    assert.equal(builder.asked('delete').at(-1)!.url, '/api/v1/doc/console?channels=beta')
    await served.passes(1, true)
    assert.equal(sentTo(builder).builds, builds + 2)
  })

  test('builders come with their leases, change hands and go', async () => {
    const releases = releasesOf('two/modules')
    for (const module of ['console', 'parca']) await releases.put(module, 'alpha', 'v1.0.0')
    await using first = await startFakeBuilder()
    lease('two', 'builder-0', first)
    const targets = { docs: { leases: { kubeconfig: 'kubeconfig' } } }
    using ground = modulesGround({ registries: [realRegistry(registry, 'two/modules')], targets })
    ground.at.write('kubeconfig', kubeconfig(cluster.url, 'two'))
    await using served = await ground.serve()
    await untilExact([first], await releases.truth())

    await using second = await startFakeBuilder()
    lease('two', 'builder-1', second)
    await untilExact([second], await releases.truth())
    assert.deepEqual(sentTo(second), { uploads: 2, deletes: 0, builds: 1 })

    await using third = await startFakeBuilder()
    lease('two', 'builder-1', third)
    await untilExact([third], await releases.truth())
    assert.deepEqual(sentTo(third), { uploads: 2, deletes: 0, builds: 1 })

    cluster.remove(leasesPath('two'), 'builder-1')
    await until('its target is orphaned', async () => {
      const states = (await targetsOf(served)).map(({ target, state }) => `${target} ${state}`).toSorted()
      return states.join() === 'docs/builder-0 ok,docs/builder-1 orphaned'
    })
    await releases.put('parca', 'alpha', 'v1.1.0')
    await untilExact([first], await releases.truth())
    // The builder that lost its lease, and the one whose lease is gone.
    for (const gone of [second, third]) assert.deepEqual(sentTo(gone), { uploads: 2, deletes: 0, builds: 1 })
  })

  test('one module in two registries: the first counts, the other is shown, and takes over', async () => {
    const [ours, theirs] = [releasesOf('three/ours'), releasesOf('three/theirs')]
    await ours.put('console', 'alpha', 'v1.0.0')
    await ours.put('parca', 'alpha', 'v1.0.0')
    await theirs.put('console', 'alpha', 'v9.0.0')
    await theirs.put('console', 'beta', 'v9.0.0')
    await using builder = await startFakeBuilder()
    const registries = ['three/ours', 'three/theirs'].map((path) => realRegistry(registry, path))
    using ground = modulesGround({ registries, targets: { builder: { address: builder.address } } })
    await using served = await ground.serve()
    const shown = (wanted: Readonly<Record<string, string>>) =>
      until(`shown: ${JSON.stringify(wanted)}`, () => {
        const found = [...builder.shown()].map(([key, { version }]) => `${key} ${version}`)
        const all = Object.entries(wanted).map(([key, version]) => `${key} ${version}`)
        return found.toSorted().join() === all.toSorted().join()
      })
    await shown({ 'console/alpha': 'v1.0.0', 'console/beta': 'v9.0.0', 'parca/alpha': 'v1.0.0' })
    const listed = async () => {
      const items = await served.list<{ module: string; channel: string; version: string; shadowed: boolean }>(
        '/api/v1/modules',
        { sync, module: 'console' },
      )
      return items.map(({ channel, version, shadowed }) => `${channel} ${version} ${shadowed}`).toSorted()
    }
    assert.deepEqual(await listed(), ['alpha v1.0.0 false', 'alpha v9.0.0 true', 'beta v9.0.0 false'])
    assert.equal(await served.metric(`regista_modules_remarks{sync="${sync}",kind="shadowed"}`), 1)

    await ours.withdraw('console', 'alpha')
    await shown({ 'console/alpha': 'v9.0.0', 'console/beta': 'v9.0.0', 'parca/alpha': 'v1.0.0' })
    assert.equal(sentTo(builder).deletes, 0)
    assert.deepEqual(await listed(), ['alpha v9.0.0 false', 'beta v9.0.0 false'])
  })

  test('what a registry tells of a push is looked at at once', async () => {
    const [port] = (await freePorts(1)) as [number]
    const url = `http://127.0.0.1:${port}${notifications}`
    await using telling = await startDockerRegistry({ tls: true, auth: 'token', notify: { url } })
    const { shelf, untag } = telling
    const releases = createReleases({ base: 'four/modules', shelf, untag })
    await releases.put('console', 'alpha', 'v1.0.0')
    await using builder = await startFakeBuilder()
    const targets = { builder: { address: builder.address } }
    const registries = [realRegistry(telling, 'four/modules')]
    using ground = modulesGround({ registries, targets, interval: '1h' }, port)
    await using _served = await ground.serve()
    await untilExact([builder], await releases.truth())
    // Nobody would look for an hour.
    await releases.put('console', 'alpha', 'v1.1.0')
    await releases.put('parca', 'alpha', 'v1.0.0')
    await untilExact([builder], await releases.truth())
  })

  test('pulls are not looked at', async () => {
    const releases = releasesOf('five/modules')
    for (const module of ['console', 'parca']) await releases.put(module, 'alpha', 'v1.0.0')
    await using builder = await startFakeBuilder()
    const targets = { builder: { address: builder.address } }
    using ground = modulesGround({ registries: [realRegistry(registry, 'five/modules')], targets, interval: '1h' })
    await using served = await ground.serve()
    await until('the first pass', async () => (await served.status()).lastPassOk === true)
    await registry.forget()
    for (const module of ['console', 'parca']) await releases.put(module, 'alpha', 'v1.1.0')
    const tell = async (action: string, module: string) => {
      const target = { repository: `five/modules/${module}/release`, tag: 'alpha' }
      return (await served.post(notifications, { events: [{ action, target }] })).body
    }
    assert.deepEqual(await tell('pull', 'parca'), { scopes: 0 })
    assert.deepEqual(await tell('push', 'console'), { scopes: 1 })
    const versions = () => [...builder.shown()].map(([key, { version }]) => `${key} ${version}`).toSorted()
    await until('what was pushed is shown', () => versions().join() === 'console/alpha v1.1.0,parca/alpha v1.0.0')
    const asked = (await registry.requests()).filter(({ path }) => path.includes('/five/modules/parca/'))
    assert.deepEqual(asked, [])
  })
})
