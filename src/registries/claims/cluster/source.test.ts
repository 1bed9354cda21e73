/** Claims of a simulated cluster, through the loop to a collector in memory. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createKubernetes } from '../../../connectors/kubernetes/client.ts'
import {
  startSimulator,
  type KindDeclaration,
  type Simulator,
} from '../../../connectors/kubernetes/testing/simulator.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createClusterSource, type ClusterSourceOptions } from './source.ts'
import * as claims from '../testing/claims.ts'
import { createFakeCollector } from '../testing/fake-collector.ts'
import { createInformerGround, until } from '../testing/informer-ground.ts'

const { group, virtualMachines, databases, compositeDatabases, listOf, objectOf } = claims
const named = (...kinds: readonly KindDeclaration[]) =>
  kinds.map((kind) => ({ group: kind.group, resource: kind.plural }))

interface Options extends Partial<ClusterSourceOptions> {
  readonly served?: KindDeclaration[]
  readonly unserved?: readonly string[]
  readonly prepare?: (simulator: Simulator) => void
}

async function watched(t: TestContext, { served, unserved, prepare, ...options }: Options) {
  const kinds = served ?? [virtualMachines, databases, compositeDatabases, claims.definitions]
  const simulator = await startSimulator({ kinds, ...(unserved && { unserved }) })
  prepare?.(simulator)
  const parts = { clock: systemClock, random: Math.random }
  const kubernetes = createKubernetes({ cluster: simulator.cluster(), clock: systemClock, random: () => 0 })
  const source = createClusterSource({
    cluster: 'prod',
    kubernetes,
    kinds: [],
    discover: false,
    namespaces: [],
    messages: 'full',
    logger: silentLogger,
    ...parts,
    ...options,
  })
  const collector = createFakeCollector(systemClock)
  const cluster = { name: 'prod', alive: () => true, covered: source.covered }
  const ground = createInformerGround({ source, collector, clock: systemClock, target: { cluster } })
  t.after(async () => {
    await ground[Symbol.asyncDispose]()
    await source.close()
    await kubernetes.close()
    await simulator[Symbol.asyncDispose]()
  })
  const tells = (messages: Record<string, string>) => until(() => assert.deepEqual(collector.messages(), messages))
  return { simulator, source, collector, ground, tells, kinds }
}

const fine = 'Ready: True, Synced: True'
const timeout = 60_000
const keyOf = (name: string) => ['prod', group, 'VirtualMachine', 'a', name].join('/')

test('what claims say follows them: changes, deletions, and those made again', { timeout }, async (t) => {
  const { simulator, collector, ground, tells, source } = await watched(t, {
    kinds: named(virtualMachines),
    prepare(cluster) {
      cluster.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, 'one'))
      cluster.put(listOf(virtualMachines, 'b'), objectOf(virtualMachines, 'one', []))
    },
  })
  ground.engine.start()
  await tells({ 'a/one': fine, 'b/one': 'no conditions yet' })
  const [first] = collector.held.values()
  assert.deepEqual(
    { ...first, observedAt: '' },
    {
      cluster: 'prod',
      claimRef: 'a/one',
      statusMessage: fine,
      health: 'active',
      group,
      kind: 'VirtualMachine',
      namespace: 'a',
      name: 'one',
      observedAt: '',
    },
  )
  simulator.put(listOf(virtualMachines, 'b'), objectOf(virtualMachines, 'one'))
  await tells({ 'a/one': fine, 'b/one': fine })
  simulator.remove(listOf(virtualMachines, 'a'), 'one')
  await tells({ 'b/one': fine })
  simulator.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, 'one', []))
  await tells({ 'b/one': fine, 'a/one': 'no conditions yet' })
  assert.deepEqual(source.covered(), [{ group, kind: 'VirtualMachine' }])
})

test('changes of nothing that is told are not told', { timeout }, async (t) => {
  const { simulator, collector, ground, tells, source } = await watched(t, {
    kinds: named(virtualMachines),
    prepare: (cluster) => void cluster.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, 'one')),
  })
  await ground.pass()
  await tells({ 'a/one': fine })
  const before = collector.came.length
  const one = objectOf(virtualMachines, 'one')
  simulator.put(listOf(virtualMachines, 'a'), { ...one, metadata: { ...one.metadata, labels: { a: 'b' } } })
  simulator.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, 'two'))
  await until(async () => {
    await ground.pass()
    assert.deepEqual(collector.messages(), { 'a/one': fine, 'a/two': fine })
  })
  assert.equal(collector.came.length, before + 1)
  const scope = source.scopes[0]!.scope
  const known = () => Promise.resolve(new Map())
  const { signal } = new AbortController()
  const look = await source.look({ scope, known }, signal)
  assert.ok(look.saw === 'complete')
  const { mark = '' } = look
  assert.deepEqual(await source.look({ scope, mark, known }, signal), { saw: 'unchanged' })
  simulator.put(listOf(virtualMachines, 'a'), one)
  simulator.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, 'three'))
  simulator.remove(listOf(virtualMachines, 'a'), 'two')
  await until(async () => {
    const next = await source.look({ scope, mark, known }, signal)
    assert.ok(next.saw === 'delta')
    assert.deepEqual([next.items.map(({ key }) => key), next.gone], [[keyOf('three')], [keyOf('two')]])
  })
})

test('a kind that is missing or forbidden is unavailable with its reason; others go on', { timeout }, async (t) => {
  const other = { ...virtualMachines, plural: 'networks', kind: 'Network' }
  const served = [virtualMachines, databases]
  const { ground, tells, collector, kinds, simulator } = await watched(t, {
    served,
    kinds: named(virtualMachines, databases, other),
    prepare(cluster) {
      cluster.fault({ status: 403, times: Infinity, when: ({ path }) => path.endsWith('/databases') })
      cluster.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, 'one'))
    },
  })
  await ground.pass()
  await tells({ 'a/one': fine })
  assert.deepEqual(await ground.scopes(), {
    [`kind/${group}/databases`]: 'unavailable kind-forbidden',
    [`kind/${group}/networks`]: 'unavailable kind-missing',
    [`kind/${group}/virtualmachines`]: 'ok',
  })
  // Installed later, it is found by itself.
  kinds.push(other)
  simulator.put(listOf(other, 'a'), objectOf(other, 'lan'))
  ground.engine.start()
  await until(() => assert.equal(collector.messages()['a/lan'], fine))
})

test(
  'a deletion that nobody saw is found by the next list, and a cluster that is away deletes nothing',
  { timeout },
  async (t) => {
    const { simulator, ground, tells, collector } = await watched(t, {
      kinds: named(virtualMachines),
      prepare(cluster) {
        for (const name of ['one', 'two']) cluster.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, name))
      },
    })
    ground.engine.start()
    await tells({ 'a/one': fine, 'a/two': fine })
    await simulator.stop()
    simulator.remove(listOf(virtualMachines, 'a'), 'one')
    simulator.compact()
    await until(async () => assert.match(JSON.stringify(await ground.scopes()), /unavailable source-unavailable/))
    assert.equal(Object.keys(collector.messages()).length, 2)
    await simulator.start()
    await tells({ 'a/two': fine })
  },
)

test('takes the cause from the composite resource, and follows it', { timeout }, async (t) => {
  const ref = { resourceRef: { apiVersion: `${group}/v1alpha1`, kind: 'XDatabase', name: 'main-x1' } }
  const unready = (message: string) => ({ type: 'Ready', status: 'False', reason: 'Creating', message })
  const { simulator, ground, tells, collector } = await watched(t, {
    kinds: named(databases),
    prepare(cluster) {
      cluster.put(listOf(databases, 'a'), objectOf(databases, 'main', [claims.waiting, claims.synced], ref))
      cluster.put(
        listOf(compositeDatabases),
        objectOf(compositeDatabases, 'main-x1', [unready('Unready resources: disk')]),
      )
    },
  })
  ground.engine.start()
  await tells({ 'a/main': 'Ready: False (Waiting): Unready resources: disk; Synced: True' })
  assert.equal(collector.came.length, 1, 'the cause was waited for')
  simulator.put(
    listOf(compositeDatabases),
    objectOf(compositeDatabases, 'main-x1', [unready('Unready resources: user')]),
  )
  await tells({ 'a/main': 'Ready: False (Waiting): Unready resources: user; Synced: True' })
  simulator.remove(listOf(compositeDatabases), 'main-x1')
  await tells({ 'a/main': `Ready: False (Waiting): ${claims.waitingText}; Synced: True` })
  simulator.put(listOf(databases, 'a'), objectOf(databases, 'main', [claims.available, claims.synced], ref))
  await tells({ 'a/main': fine })
})

test('without a right to composite resources claims say what they say themselves', { timeout }, async (t) => {
  const ref = { resourceRef: { apiVersion: `${group}/v1alpha1`, kind: 'XDatabase', name: 'main-x1' } }
  const { ground, tells } = await watched(t, {
    kinds: named(databases),
    prepare(cluster) {
      cluster.fault({ status: 403, times: Infinity, when: ({ path }) => path.endsWith('/xdatabases') })
      cluster.put(listOf(databases, 'a'), objectOf(databases, 'main', [claims.waiting], ref))
    },
  })
  ground.engine.start()
  await tells({ 'a/main': `Ready: False (Waiting): ${claims.waitingText}` })
})

test('finds claims and composite resources by their definitions, which come and go', { timeout }, async (t) => {
  const { simulator, ground, tells } = await watched(t, {
    discover: true,
    prepare(cluster) {
      cluster.put(listOf(claims.definitions), claims.definitionOf(compositeDatabases, databases))
      cluster.put(listOf(databases, 'a'), objectOf(databases, 'main'))
      const claimed = { claimRef: { namespace: 'a', name: 'main' } }
      // The claim speaks for this one.
      cluster.put(listOf(compositeDatabases), objectOf(compositeDatabases, 'main-x1', undefined, claimed))
      cluster.put(listOf(compositeDatabases), objectOf(compositeDatabases, 'alone'))
    },
  })
  ground.engine.start()
  await tells({ 'a/main': fine, '/alone': fine })
  simulator.put(listOf(virtualMachines, 'b'), objectOf(virtualMachines, 'one'))
  simulator.put(listOf(claims.definitions), claims.definitionOf(virtualMachines, null, 'Namespaced'))
  await tells({ 'a/main': fine, '/alone': fine, 'b/one': fine })
})

test('all kinds of a group; in some namespaces; without what lives in none', { timeout }, async (t) => {
  const { ground, tells, source } = await watched(t, {
    kinds: [{ group, resource: '*' }],
    namespaces: ['a', 'b'],
    prepare(cluster) {
      cluster.put(listOf(databases, 'a'), objectOf(databases, 'main'))
      cluster.put(listOf(virtualMachines, 'b'), objectOf(virtualMachines, 'one'))
      cluster.put(listOf(virtualMachines, 'c'), objectOf(virtualMachines, 'one'))
      cluster.put(listOf(compositeDatabases), objectOf(compositeDatabases, 'alone'))
    },
  })
  ground.engine.start()
  await tells({ 'a/main': fine, 'b/one': fine })
  assert.deepEqual(source.covered(), [])
  assert.deepEqual(Object.keys(await ground.scopes()).toSorted(), [
    `group/${group}`,
    `group/${group}/databases`,
    `group/${group}/virtualmachines`,
  ])
})

test(
  'in the words of the original, conditions that are no list are not told of, and delete nothing',
  { timeout },
  async (t) => {
    const { simulator, ground, tells, collector } = await watched(t, {
      kinds: named(databases),
      messages: 'original',
      prepare(cluster) {
        cluster.put(listOf(databases, 'a'), objectOf(databases, 'main', [claims.waiting]))
        cluster.put(listOf(databases, 'a'), objectOf(databases, 'odd', [claims.available]))
      },
    })
    ground.engine.start()
    await tells({ 'a/main': claims.waitingText, 'a/odd': 'Ready=True' })
    const odd = objectOf(databases, 'odd')
    simulator.put(listOf(databases, 'a'), { ...odd, status: { conditions: 'none' } })
    simulator.put(listOf(databases, 'a'), objectOf(databases, 'main', [claims.available]))
    await tells({ 'a/main': 'Ready=True', 'a/odd': 'Ready=True' })
    assert.equal(collector.came.length, 3)
  },
)

test('a kind whose version is known needs no right to ask for kinds', { timeout }, async (t) => {
  const { ground, tells } = await watched(t, {
    kinds: [{ group, version: 'v1alpha1', resource: virtualMachines.plural }],
    prepare(cluster) {
      cluster.fault({ status: 403, times: Infinity, when: ({ path }) => path.split('/').length <= 4 })
      cluster.put(listOf(virtualMachines, 'a'), objectOf(virtualMachines, 'one'))
    },
  })
  await ground.pass()
  await tells({ 'a/one': fine })
})

test('only what a selector finds; what leaves it goes', { timeout }, async (t) => {
  const labelled = (name: string, team: string) => {
    const object = objectOf(databases, name)
    return { ...object, metadata: { ...object.metadata, labels: { team } } }
  }
  const { simulator, ground, tells, source } = await watched(t, {
    kinds: named(databases),
    labels: 'team=a',
    prepare(cluster) {
      cluster.put(listOf(databases, 'a'), labelled('ours', 'a'))
      cluster.put(listOf(databases, 'a'), labelled('moves', 'a'))
      cluster.put(listOf(databases, 'a'), labelled('theirs', 'b'))
    },
  })
  ground.engine.start()
  await tells({ 'a/ours': fine, 'a/moves': fine })
  simulator.put(listOf(databases, 'a'), labelled('moves', 'b'))
  await tells({ 'a/ours': fine })
  // Somebody else may tell of the others.
  assert.deepEqual(source.covered(), [])
})
