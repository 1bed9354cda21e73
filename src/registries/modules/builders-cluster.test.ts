/** Builders behind leases of a simulated cluster, from the lease to the page. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDocsBuilder } from '../../connectors/docs-builder/client.ts'
import { startFakeBuilder, type FakeBuilder } from '../../connectors/docs-builder/testing/fake-builder.ts'
import { createKubernetes } from '../../connectors/kubernetes/client.ts'
import type { KubernetesObject } from '../../connectors/kubernetes/objects.ts'
import { startSimulator } from '../../connectors/kubernetes/testing/simulator.ts'
import { systemClock } from '../../kernel/clock.ts'
import { leasesQuery } from './builders-lease.ts'
import { createLeasedBuilders } from './builders.ts'
import { builderLimits, createBuilderTarget } from './target-builder.ts'
import { createArchives, createDeliveryGround, until } from './testing/delivery-ground.ts'

const namespace = 'd8-system'
const query = leasesQuery(namespace)

function lease(
  name: string,
  holder: string,
  labels: Record<string, string> = { [query.labelSelector!]: '' },
): KubernetesObject {
  const spec = { holderIdentity: holder, renewTime: new Date().toISOString(), leaseDurationSeconds: 600 }
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace, labels }, spec }
}

async function ground() {
  const cluster = await startSimulator()
  const archives = createArchives()
  const random = () => 0.01
  const kubernetes = createKubernetes({ cluster: cluster.cluster(), clock: systemClock, random })
  const builders = createLeasedBuilders({
    name: 'docs',
    clock: systemClock,
    random,
    watch: (signal) => kubernetes.listWatch(query, signal),
    open: ({ name, address, identity, newcomer }) =>
      createBuilderTarget({
        name,
        identity,
        newcomer,
        builder: createDocsBuilder({ address, clock: systemClock, bounds: { health: 1_000, connect: 1_000 } }),
        open: (digest) => archives.open(digest),
        newId: () => 'process',
      }),
  })
  const house = await createDeliveryGround(builders, { limits: builderLimits })
  const fakes: FakeBuilder[] = []
  return {
    cluster,
    archives,
    builders,
    house,
    async fake() {
      fakes.push(await startFakeBuilder())
      return fakes.at(-1)!
    },
    async [Symbol.asyncDispose]() {
      await house[Symbol.asyncDispose]()
      await builders.close()
      await kubernetes.close()
      await cluster[Symbol.asyncDispose]()
      for (const fake of fakes) await fake.stop()
    },
  }
}

const shows = (fake: FakeBuilder, version: string) => () => fake.shown().get('console/alpha')?.version === version

test(
  'a new lease brings a builder that gets everything, and one that goes is let alone',
  { timeout: 60_000 },
  async () => {
    await using on = await ground()
    const { cluster, archives, house } = on
    const [one, two, stranger] = [await on.fake(), await on.fake(), await on.fake()]
    cluster.put(query.path, lease('one', one.address))
    cluster.put(query.path, lease('other', stranger.address, {}))
    house.show(await archives.document('console/alpha', 'v1'))
    house.engine.start()
    await until(shows(one, 'v1'))
    cluster.put(query.path, lease('two', two.address))
    await until(shows(two, 'v1'))
    cluster.remove(query.path, 'one')
    await until(async () => (await house.targetState('docs/one')) === 'orphaned')
    const before = one.requests.length
    house.show(await archives.document('console/alpha', 'v2'))
    house.hint()
    await until(shows(two, 'v2'))
    assert.deepEqual([one.requests.length, stranger.requests.length], [before, 0])
    assert.equal(one.shown().get('console/alpha')!.version, 'v1')
  },
)

test('a builder that was there before us is compared; one that comes later gets all, equal versions too', async () => {
  await using on = await ground()
  const { cluster, archives, house } = on
  const [one, two] = [await on.fake(), await on.fake()]
  for (const builder of [one, two]) builder.put('console', 'alpha', 'v1')
  cluster.put(query.path, lease('one', one.address))
  house.show(await archives.document('console/alpha', 'v1'))
  house.engine.start()
  const settled = { 'console/alpha': 'applied' }
  await until(async () => assert.deepEqual(await house.states('docs/one'), settled))
  cluster.put(query.path, lease('two', two.address))
  await until(async () => assert.deepEqual(await house.states('docs/two'), settled))
  const sent = (builder: FakeBuilder) => [builder.asked('upload').length, builder.builds]
  assert.deepEqual(
    [sent(one), sent(two)],
    [
      [0, 0],
      [1, 1],
    ],
  )
})

test('another holder of a lease is another builder', { timeout: 60_000 }, async () => {
  await using on = await ground()
  const { cluster, archives, house } = on
  const [one, two] = [await on.fake(), await on.fake()]
  cluster.put(query.path, lease('a', one.address))
  house.show(await archives.document('console/alpha', 'v1'))
  house.engine.start()
  await until(shows(one, 'v1'))
  // Nothing is left to do when it changes hands.
  await until(async () => assert.deepEqual(await house.states('docs/a'), { 'console/alpha': 'applied' }))
  await one.stop()
  cluster.put(query.path, lease('a', two.address))
  await until(shows(two, 'v1'))
  await until(async () => assert.deepEqual(await house.states('docs/a'), { 'console/alpha': 'applied' }))
})

test('a deletion that nobody saw is found by the next list', { timeout: 60_000 }, async () => {
  await using on = await ground()
  const { cluster, archives, house } = on
  const one = await on.fake()
  cluster.put(query.path, lease('a', one.address))
  house.show(await archives.document('console/alpha', 'v1'))
  house.engine.start()
  await until(shows(one, 'v1'))
  await cluster.stop()
  cluster.remove(query.path, 'a')
  cluster.compact()
  await until(() => on.builders.list(AbortSignal.timeout(5_000)).then(({ saw }) => saw === 'unavailable'))
  assert.equal(await house.targetState('docs/a'), 'ok')
  await cluster.start()
  await until(async () => (await house.targetState('docs/a')) === 'orphaned')
  assert.deepEqual(on.builders.leases(), [])
})
