/** machinery-status-collector informer as a process: claims of a cluster, told to the collector of before. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Simulator } from '../src/connectors/kubernetes/testing/simulator.ts'
import { claim, claimsPath, failing, group, plural, ready, startClaimsCluster } from './parts/claims.ts'
import { until } from './parts/gitops-sync.ts'
import { kubeconfig } from './parts/modules-watcher.ts'
import { startOriginalCollector } from './parts/original-collector.ts'
import { freePorts } from './parts/ports.ts'
import { statusCollector } from './parts/status-collector.ts'

describe('machinery-status-collector informer', () => {
  let cluster: Simulator
  before(async () => void (cluster = await startClaimsCluster()))
  after(() => cluster[Symbol.asyncDispose]())

  /** One namespace for each test. */
  function informer(namespace: string, url: string, more: Readonly<Record<string, string>> = {}) {
    const collector = statusCollector({
      CLUSTER_NAME: `cluster-${namespace}`,
      COLLECTOR_URL: url,
      CLAIM_GROUP: group,
      CLAIM_RESOURCE: plural,
      CLAIM_NAMESPACE: namespace,
      ...more,
    })
    const file = collector.write('kubeconfig', kubeconfig(cluster.url, 'elsewhere'))
    return Object.assign(collector, { begin: () => collector.start('informer', { KUBECONFIG: file }) })
  }

  test('tells the collector of before: what is there, what changes, with a slash at the end of the URL', async () => {
    await using original = await startOriginalCollector()
    cluster.put(claimsPath('one'), claim('one', 'a', ready))
    cluster.put(claimsPath('one'), claim('one', 'b', failing('no quota')))
    using one = informer('one', `${original.url}/`, { CLAIM_MESSAGES: 'original' })
    await using running = one.begin()
    const holds = (what: Readonly<Record<string, string>>) =>
      until(`held: ${JSON.stringify(what)}`, async () => {
        return JSON.stringify(await original.statuses('cluster-one')) === JSON.stringify(what)
      })
    await holds({ 'one/a': 'Ready=True', 'one/b': 'no quota' })
    cluster.put(claimsPath('one'), claim('one', 'b', ready))
    await holds({ 'one/a': 'Ready=True', 'one/b': 'Ready=True' })
    await running.said(`informer starting: cluster=cluster-one gvr=${group}/v1alpha1/${plural} namespace="one"\n`)
    await running.said(/INFO status sent cluster=cluster-one claimRef=one\/a status="?Ready=True"?\n/)
    await running.said('status="no quota"')
    assert.equal(await running.stop(), 0)
    assert.match(running.stderr(), /\d received signal terminated, shutting down\n.*\d informer stopped\n$/)
  })

  test('a collector that is away: each claim is told once when it is back, as it is then', async () => {
    const [port] = await freePorts(1)
    using two = informer('two', `http://127.0.0.1:${port}/`, { INFORMER_HEALTH_PORT: '0' })
    const names = Array.from({ length: 50 }, (_, index) => `claim-${index}`)
    const put = (message: string) => {
      for (const name of names) cluster.put(claimsPath('two'), claim('two', name, failing(message)))
    }
    put('before')
    await using running = two.begin()
    await running.said(/ERROR send status error="[^"]*127\.0\.0\.1:/)
    for (let event = 1; event <= 20; event++) put(`event ${event}`)
    // Watches tell in order: whoever knows this one knows all before it.
    cluster.put(claimsPath('two'), claim('two', 'last', failing('event 20')))
    const health = await running.said(/INFO health port address=\S*:(\d+)\n/)
    await until('all of it is known', async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text()
      return /^regista_entries\{.*state="live".*\} 51$/m.test(metrics)
    })
    await using original = await startOriginalCollector(port)
    await until('all of it is told', async () => {
      const messages = Object.values(await original.statuses('cluster-two'))
      return messages.length === 51 && messages.every((message) => message.includes('event 20'))
    })
    // Who is told what it was told already may as well be the original program.
    assert.ok((original.posts() ?? 51) <= 51, `${original.posts()} posts`)
    await running.said('INFO collector answers again\n')
    assert.equal(await running.stop('SIGINT'), 0)
    assert.match(running.stderr(), /received signal interrupt, shutting down\n/)
  })

  test('says on its health port what it cannot watch', async () => {
    await using original = await startOriginalCollector()
    using three = informer('three', original.url, { INFORMER_HEALTH_PORT: '0', CLAIM_RESOURCE: 'nothings' })
    await using running = three.begin()
    const port = await running.said(/INFO health port address=\S*:(\d+)\n/)
    const get = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`)
      return { status: answer.status, text: await answer.text() }
    }
    const why = async () => (JSON.parse((await get('/readyz')).text) as { kinds: { why?: string }[] }).kinds[0]?.why
    await until('the kind is missing', async () => (await why()) === 'kind-missing')
    assert.equal((await get('/readyz')).status, 503)
    assert.equal((await get('/livez')).status, 200)
    assert.match((await get('/metrics')).text, /regista_/)
  })

  test('without a cluster it ends with code 1', async () => {
    using four = statusCollector({ CLUSTER_NAME: 'c', COLLECTOR_URL: 'http://c', CLAIM_DISCOVER: 'true' })
    const { code, stderr, stdout } = await four.run('informer')
    assert.deepEqual([code, stdout], [1, ''])
    const message = `build kubernetes client: load kubeconfig: kubeconfig ${four.folder}/.kube/config cannot be read (ENOENT)`
    const usage = 'Usage:\n  machinery-status-collector informer [flags]\n\nFlags:\n  -h, --help   help for informer\n'
    assert.equal(stderr, `Error: ${message}\n${usage}\n${message}\n`)
  })
})
