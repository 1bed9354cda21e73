/** What holds on every cluster: the simulated one, and a real API server. */
import assert from 'node:assert/strict'
import { suite, test, before, after } from 'node:test'
import { AppError } from '../../../kernel/errors.ts'
import { createKubernetes, type Kubernetes } from '../client.ts'
import type { Cluster } from '../cluster.ts'
import { whyOf } from '../errors.ts'
import { leasesPath, readLease } from '../leases.ts'
import { pathOf, type KubernetesObject } from '../objects.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { lease, startReading, waitFor } from './reading.ts'

export interface ContractGround {
  readonly cluster: Cluster
  /** The same with a token that nobody knows. */
  readonly stranger: Cluster
  /** Ends every connection, as when the server is replaced; it is back when this resolves. */
  restart(): Promise<void>
  dispose(): Promise<void>
}

const never = new AbortController().signal
const leases = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' }
const configMaps = { group: '', version: 'v1', plural: 'configmaps' }

export function kubernetesContract(
  name: string,
  open: () => Promise<ContractGround>,
  options: { skip: string | false },
) {
  suite(`Kubernetes API: ${name}`, { skip: options.skip }, () => {
    let ground: ContractGround
    let client: Kubernetes
    let count = 0
    before(async () => {
      ground = await open()
      client = createKubernetes({ cluster: ground.cluster, clock: systemClock, random: () => 0.01 })
    })
    after(async () => {
      await client?.close()
      await ground?.dispose()
    })

    /** A namespace of its own for each test. */
    async function room(): Promise<{ path: string; namespace: string; at: (name: string) => string }> {
      const namespace = `room-${(count += 1)}`
      const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
      await client.create(pathOf({ group: '', version: 'v1', plural: 'namespaces' }), object, never)
      return {
        namespace,
        path: leasesPath(namespace),
        at: (object) => pathOf(leases, { namespace, name: object }),
      }
    }

    test('creates, reads, replaces, patches and deletes', async () => {
      const { path, at } = await room()
      assert.equal(await client.get(at('a'), never), null)
      const made = await client.create(path, lease('a', 'one'), never)
      assert.equal(readLease(made).holder, 'one')
      const read = await client.get(at('a'), never)
      assert.equal(read?.metadata.uid, made.metadata.uid)
      const replaced = await client.replace(at('a'), { ...made, spec: { holderIdentity: 'two' } }, never)
      assert.notEqual(replaced.metadata.resourceVersion, made.metadata.resourceVersion)
      const change = { metadata: { labels: { a: 'b' } }, spec: { leaseDurationSeconds: 35 } }
      const patched = await client.patch(at('a'), change, never)
      assert.deepEqual(patched.metadata.labels, { a: 'b' })
      assert.deepEqual({ ...readLease(patched), renewed: null }, { holder: 'two', renewed: null, duration: 35_000 })
      assert.equal(await client.delete(at('a'), {}, never), true)
      assert.equal(await client.delete(at('a'), {}, never), false)
      assert.equal(await client.get(at('a'), never), null)
    })

    test('merges lists by the key of their items, and writes a status apart from the rest', async () => {
      const { namespace } = await room()
      const kind = { group: 'apps', version: 'v1', plural: 'deployments' }
      const at = pathOf(kind, { namespace, name: 'web' })
      const container = (name: string, tag: string) => ({ name, image: `a.example/${name}:${tag}` })
      const made = await client.create(pathOf(kind, { namespace }), twoContainers(container), never)
      const spec = { template: { spec: { containers: [container('side', '2')] } } }
      const { resourceVersion } = made.metadata
      const patched = await client.patchLists(at, { metadata: { resourceVersion }, spec }, never)
      assert.deepEqual(imagesOf(patched), ['a.example/main:1', 'a.example/side:2'])
      assert.equal(patched.metadata.generation, made.metadata.generation! + 1)
      await assert.rejects(client.patchLists(at, { metadata: { resourceVersion }, spec }, never), {
        code: 'target.conflict',
      })
      const status = { observedGeneration: 2, replicas: 1 }
      const told = await client.patch(`${at}/status`, { status, spec: { paused: true } }, never)
      assert.equal((told['spec'] as { paused?: boolean }).paused, undefined)
      assert.equal(told.metadata.generation, patched.metadata.generation)
      assert.deepEqual(told['status'], status)
      const kept = await client.patch(at, { metadata: { labels: { a: 'b' } }, status: { replicas: 7 } }, never)
      assert.deepEqual(kept['status'], status)
    })

    test('applies what was not there and what was', async () => {
      const { at } = await room()
      const first = await client.apply(at('a'), lease('a', 'one', { keep: 'it' }), { manager: 'test' }, never)
      const second = await client.apply(
        at('a'),
        lease('a', 'two', { keep: 'it' }),
        { manager: 'test', force: true },
        never,
      )
      assert.equal(second.metadata.uid, first.metadata.uid)
      assert.equal(readLease(second).holder, 'two')
    })

    test('says what was refused, and why', async () => {
      const { path, at, namespace } = await room()
      const made = await client.create(path, lease('a', 'one'), never)
      await client.replace(at('a'), { ...made, spec: { holderIdentity: 'two' } }, never)
      const refused = async (work: Promise<unknown>) => {
        const thrown: unknown = await work.then(
          () => assert.fail('was accepted'),
          (error: unknown) => error,
        )
        assert.ok(thrown instanceof AppError, String(thrown))
        return [thrown.code, whyOf(thrown), thrown.data['status'], thrown.data['effect']]
      }
      const stale = { ...made, spec: { holderIdentity: 'three' } }
      assert.deepEqual(await refused(client.replace(at('a'), stale, never)), [
        'target.conflict',
        'conflict',
        409,
        'none',
      ])
      assert.deepEqual(await refused(client.create(path, lease('a', 'x'), never)), [
        'target.conflict',
        'conflict',
        409,
        'none',
      ])
      assert.deepEqual(await refused(client.delete(at('a'), { uid: 'another' }, never)), [
        'target.conflict',
        'conflict',
        409,
        'none',
      ])
      assert.deepEqual(await refused(client.create(path, lease('No Name', 'x'), never)), [
        'target.refused',
        'invalid',
        422,
        'none',
      ])
      // Not of leases: those a PUT makes where they are missing.
      const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' } }
      assert.deepEqual(await refused(client.replace(pathOf(configMaps, { namespace, name: 'b' }), configMap, never)), [
        'target.refused',
        'not-found',
        404,
        'none',
      ])
      const unknown = pathOf({ group: 'nobody.io', version: 'v1', plural: 'things' }, { namespace, name: 'a' })
      assert.deepEqual(await refused(client.get(unknown, never)), ['source.unavailable', 'not-found', 404, undefined])
      const stranger = createKubernetes({ cluster: ground.stranger, clock: systemClock, random: () => 0 })
      assert.deepEqual(await refused(stranger.get(at('a'), never)), [
        'source.unavailable',
        'unauthorized',
        401,
        undefined,
      ])
      await stranger.close()
    })

    test('lists in pages', async () => {
      const { namespace } = await room()
      const path = pathOf(configMaps, { namespace })
      const configMap = (name: string): KubernetesObject => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, labels: { of: 'us' } },
      })
      for (let from = 0; from < 520; from += 40) {
        await Promise.all(Array.from({ length: 40 }, (_, n) => client.create(path, configMap(`n${from + n}`), never)))
      }
      const names = new Set<string>()
      const sizes: number[] = []
      for await (const { items, first } of client.list({ path, labelSelector: 'of=us' }, never)) {
        assert.equal(first, sizes.length === 0)
        sizes.push(items.length)
        for (const { metadata } of items) names.add(metadata.name)
      }
      assert.deepEqual(sizes, [500, 20])
      assert.equal(names.size, 520)
    })

    test('tells of what is there and of what becomes of it', async () => {
      const { path, at, namespace } = await room()
      await client.create(path, lease('a', 'one'), never)
      const reading = startReading(client, { path })
      await reading.heard('synced')
      await client.create(path, lease('b', 'two'), never)
      await reading.heard(`put ${namespace}/b two`)
      await client.patch(at('b'), { spec: { holderIdentity: 'three' } }, never)
      await reading.heard(`put ${namespace}/b three`)
      await client.delete(at('a'), {}, never)
      await reading.heard(`gone ${namespace}/a`)
      await reading.stop()
      assert.deepEqual(reading.told, [
        `put ${namespace}/a one`,
        'synced',
        `put ${namespace}/b two`,
        `put ${namespace}/b three`,
        `gone ${namespace}/a`,
      ])
    })

    test('selects by label and by name', async () => {
      const { path, at, namespace } = await room()
      const labelled = startReading(client, { path, labelSelector: 'docs.io/sync' })
      const named = startReading(client, { path, fieldSelector: 'metadata.name=a' })
      await Promise.all([labelled.heard('synced'), named.heard('synced')])
      await client.create(path, lease('b', 'one', { 'docs.io/sync': '' }), never)
      await client.create(path, lease('a', 'two'), never)
      await client.patch(at('b'), { metadata: { labels: { 'docs.io/sync': null } } }, never)
      await client.patch(at('a'), { metadata: { labels: { 'docs.io/sync': '' } } }, never)
      await labelled.heard(`put ${namespace}/a two`)
      await named.heard(`put ${namespace}/a two`, 2)
      await Promise.all([labelled.stop(), named.stop()])
      assert.deepEqual(labelled.told, [
        'synced',
        `put ${namespace}/b one`,
        `gone ${namespace}/b`,
        `put ${namespace}/a two`,
      ])
      assert.deepEqual(named.told, ['synced', `put ${namespace}/a two`, `put ${namespace}/a two`])
    })

    test('goes from watch to watch, each a second long, and misses nothing', async () => {
      const { path, at, namespace } = await room()
      const short = createKubernetes({
        cluster: ground.cluster,
        clock: systemClock,
        random: () => 0.01,
        watch: { open: [1000, 1000] },
      })
      const reading = startReading(short, { path })
      await reading.heard('synced')
      await client.create(path, lease('a', 'none'), never)
      const began = performance.now()
      let last = 0
      for (let n = 0; performance.now() - began < 3500; n++) {
        await client.patch(at('a'), { spec: { holderIdentity: `n${n}` } }, never)
        last = n
      }
      await reading.heard(`put ${namespace}/a n${last}`)
      await reading.stop()
      await short.close()
      const puts = reading.told.filter((text) => text.startsWith('put'))
      assert.equal(new Set(puts).size, last + 2)
      assert.equal(reading.told.filter((text) => text === 'synced').length, 1)
    })

    test('goes on after the server was replaced', async () => {
      const { path, at, namespace } = await room()
      await client.create(path, lease('a', 'one'), never)
      await client.create(path, lease('b', 'one'), never)
      const reading = startReading(client, { path })
      await reading.heard('synced')
      // Moves the cluster on: it then no longer knows the version that the leases were listed at.
      const elsewhere = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'elsewhere' } }
      await client.create(pathOf(configMaps, { namespace }), elsewhere, never)
      await ground.restart()
      await client.delete(at('a'), {}, never)
      await client.patch(at('b'), { spec: { holderIdentity: 'two' } }, never)
      await reading.heard(`gone ${namespace}/a`)
      await reading.heard(`put ${namespace}/b two`)
      await waitFor(
        () => reading.told.lastIndexOf('synced') > reading.told.findLastIndex((text) => text.startsWith('lost')),
        () => reading.told.join(', '),
      )
      await reading.stop()
      assert.equal(reading.told.filter((text) => text.startsWith('gone')).length, 1)
    })
  })
}

function twoContainers(container: (name: string, tag: string) => object): KubernetesObject {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container('main', '1'), container('side', '1')] } },
    },
  }
}

function imagesOf(object: KubernetesObject): readonly string[] {
  const { template } = object['spec'] as { template: { spec: { containers: { image: string }[] } } }
  return template.spec.containers.map(({ image }) => image)
}
