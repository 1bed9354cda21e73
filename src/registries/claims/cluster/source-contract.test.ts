/** Claims as a cluster has them: the simulated one, and a real API server where KUBEBUILDER_ASSETS names one. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { loadAll } from 'js-yaml'
import { createKubernetes, type Kubernetes } from '../../../connectors/kubernetes/client.ts'
import type { Cluster } from '../../../connectors/kubernetes/cluster.ts'
import { pathOf, type KubernetesObject } from '../../../connectors/kubernetes/objects.ts'
import { startKubeApiServer, withoutKubeApiServer } from '../../../connectors/kubernetes/testing/kube-apiserver.ts'
import { startSimulator, type KindDeclaration } from '../../../connectors/kubernetes/testing/simulator.ts'
import { systemClock } from '../../../kernel/clock.ts'
import { silentLogger } from '../../../kernel/logger.ts'
import { createClusterSource, type ClusterSourceOptions } from './source.ts'
import * as claims from '../testing/claims.ts'
import { createFakeCollector } from '../testing/fake-collector.ts'
import { createInformerGround, until } from '../testing/informer-ground.ts'

interface Ground {
  readonly cluster: Cluster
  /** Somebody who may look at nothing. */
  readonly limited: Cluster
  /** Somebody with the rights of examples/claims/informer-rbac.yaml, where rights are looked at. */
  allowed(): Promise<Cluster>
  install(kind: KindDeclaration): Promise<void>
  restart(): Promise<void>
  dispose(): Promise<void>
}

const { group, databases, compositeDatabases, virtualMachines, listOf, objectOf } = claims
const { signal } = new AbortController()
const fine = 'Ready: True, Synced: True'

async function simulated(): Promise<Ground> {
  const kinds: KindDeclaration[] = []
  const simulator = await startSimulator({ kinds, token: 'right' })
  const limited = { 'authorization': 'Bearer right', 'x-limited': 'yes' }
  const isLimited = ({ headers, path }: { headers: Record<string, unknown>; path: string }) =>
    headers['x-limited'] !== undefined && path.split('/').length > 4
  simulator.fault({ status: 403, times: Infinity, when: isLimited })
  return {
    cluster: simulator.cluster(),
    limited: simulator.cluster({ access: () => Promise.resolve({ headers: limited, tls: {} }) }),
    allowed: () => Promise.resolve(simulator.cluster()),
    install: (kind) => Promise.resolve(void kinds.push(kind)),
    async restart() {
      await simulator.stop()
      await simulator.start()
    },
    dispose: async () => simulator[Symbol.asyncDispose](),
  }
}

async function real(): Promise<Ground> {
  const { cluster, restart, dispose } = await startKubeApiServer()
  const client = createKubernetes({ cluster, clock: systemClock, random: Math.random })
  const as = (user: string): Cluster => ({
    ...cluster,
    async access(renew, on) {
      const access = await cluster.access(renew, on)
      return { ...access, headers: { ...access.headers, 'impersonate-user': user } }
    },
  })
  return {
    cluster,
    limited: as('nobody'),
    async allowed() {
      for (const object of loadAll(readFileSync(rights, 'utf8')) as KubernetesObject[]) {
        await client.create(placeOf(object), object, signal)
      }
      return as('system:serviceaccount:regista:claims-informer')
    },
    async install({ group: of, version, plural, kind, namespaced }) {
      const schema = { openAPIV3Schema: { 'type': 'object', 'x-kubernetes-preserve-unknown-fields': true } }
      const crd = {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `${plural}.${of}` },
        spec: {
          group: of,
          names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
          scope: namespaced ? 'Namespaced' : 'Cluster',
          versions: [{ name: version, served: true, storage: true, schema }],
        },
      }
      const crds = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' }
      // What belongs to Kubernetes' own communities, *.k8s.io, would need an annotation; ours does not.
      await client.create(pathOf(crds), crd, signal)
    },
    restart,
    async dispose() {
      await client.close()
      await dispose()
    },
  }
}

const rights = new URL('../../../../examples/claims/informer-rbac.yaml', import.meta.url)

function placeOf({ apiVersion = '', kind = '', metadata }: KubernetesObject): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion]
  return pathOf(
    { group: group!, version: version!, plural: `${kind.toLowerCase()}s` },
    { namespace: metadata.namespace ?? null },
  )
}

function contract(name: string, open: () => Promise<Ground>, skip: string | false): void {
  suite(`claims of a cluster: ${name}`, { skip, timeout: 300_000 }, () => {
    let ground: Ground
    let admin: Kubernetes
    before(async () => {
      ground = await open()
      admin = createKubernetes({ cluster: ground.cluster, clock: systemClock, random: () => 0 })
      for (const namespace of ['a', 'b']) {
        const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
        await admin.create(pathOf({ group: '', version: 'v1', plural: 'namespaces' }), object, signal)
      }
      for (const kind of [claims.definitions, databases, compositeDatabases]) await ground.install(kind)
      await until(async () => (await admin.kinds(group, null, signal))?.length === 2)
    })
    after(async () => {
      await admin?.close()
      await ground?.dispose()
    })

    async function informed(cluster: Cluster, options: Partial<ClusterSourceOptions>) {
      const kubernetes = createKubernetes({ cluster, clock: systemClock, random: () => 0.01 })
      const source = createClusterSource({
        cluster: 'prod',
        kubernetes,
        kinds: [],
        discover: false,
        namespaces: [],
        messages: 'full',
        clock: systemClock,
        random: () => 0.01,
        logger: silentLogger,
        ...options,
      })
      const collector = createFakeCollector(systemClock)
      const told = { name: 'prod', alive: () => true, covered: source.covered }
      const loop = createInformerGround({ source, collector, clock: systemClock, target: { cluster: told } })
      return {
        collector,
        loop,
        tells: (messages: Record<string, string>) =>
          until(() => assert.deepEqual(collector.messages(), messages), 60_000),
        async [Symbol.asyncDispose]() {
          await loop[Symbol.asyncDispose]()
          await source.close()
          await kubernetes.close()
        },
      }
    }

    test('tells which kinds there are', async () => {
      const kinds = (await admin.kinds(group, null, signal)) ?? []
      const told = kinds.toSorted((a, b) => (a.plural < b.plural ? -1 : 1))
      const shown = told.map(({ plural, kind, namespaced, version }) => [plural, kind, namespaced, version])
      assert.deepEqual(shown, [
        ['databases', 'Database', true, 'v1alpha1'],
        ['xdatabases', 'XDatabase', false, 'v1alpha1'],
      ])
      assert.equal(await admin.kinds(group, 'v9', signal), null)
      assert.equal(await admin.kinds('nobody.example.org', null, signal), null)
    })

    test('definitions, claims, causes, changes, deletions, and a server that is replaced', async () => {
      await using on = await informed(ground.cluster, { discover: true })
      const ref = { resourceRef: { apiVersion: `${group}/v1alpha1`, kind: 'XDatabase', name: 'main-x1' } }
      const unready = { type: 'Ready', status: 'False', reason: 'Creating', message: 'Unready resources: disk' }
      const claimed = { claimRef: { namespace: 'a', name: 'main' } }
      await admin.create(
        listOf(databases, 'a'),
        objectOf(databases, 'main', [claims.waiting, claims.synced], ref),
        signal,
      )
      await admin.create(listOf(databases, 'b'), objectOf(databases, 'main'), signal)
      await admin.create(
        listOf(compositeDatabases),
        objectOf(compositeDatabases, 'main-x1', [unready], claimed),
        signal,
      )
      await admin.create(listOf(claims.definitions), claims.definitionOf(compositeDatabases, databases), signal)
      on.loop.engine.start()
      await on.tells({ 'a/main': 'Ready: False (Waiting): Unready resources: disk; Synced: True', 'b/main': fine })
      const status = { status: { conditions: [claims.available, claims.synced] } }
      await admin.patch(`${listOf(databases, 'a')}/main`, status, signal)
      await on.tells({ 'a/main': fine, 'b/main': fine })
      await ground.restart()
      await admin.delete(`${listOf(databases, 'b')}/main`, {}, signal)
      await on.tells({ 'a/main': fine })
      assert.equal([...on.collector.held.values()][0]!.kind, 'Database')
      // A kind that is installed and defined later.
      await ground.install(virtualMachines)
      await admin.create(listOf(claims.definitions), claims.definitionOf(virtualMachines, null, 'Namespaced'), signal)
      await until(async () => (await admin.kinds(group, null, signal))?.length === 3)
      await until(() => admin.create(listOf(virtualMachines, 'b'), objectOf(virtualMachines, 'one'), signal))
      await on.tells({ 'a/main': fine, 'b/one': fine })
    })

    test('what the manifests of the example allow is enough', async () => {
      await using on = await informed(await ground.allowed(), { discover: true })
      await on.loop.pass()
      await until(async () => {
        await on.loop.pass()
        const scopes = await on.loop.scopes()
        assert.ok(Object.keys(scopes).length > 2, JSON.stringify(scopes))
        assert.deepEqual(new Set(Object.values(scopes)), new Set(['ok']))
      })
    })

    test('who may not list a kind hears so, and what is not installed is missing', async () => {
      const resources = [databases.plural, 'networks']
      await using on = await informed(ground.limited, {
        kinds: resources.map((resource) => ({ group, version: 'v1alpha1', resource })),
      })
      await on.loop.pass()
      const scopes = await on.loop.scopes()
      assert.deepEqual(scopes, {
        [`kind/${group}/databases`]: 'unavailable kind-forbidden',
        [`kind/${group}/networks`]: 'unavailable kind-missing',
      })
      assert.deepEqual(on.collector.messages(), {})
    })
  })
}

contract('simulator', simulated, false)
contract('kube-apiserver', real, withoutKubeApiServer())
