/** machinery-status-collector, both roles together: from a claim in a cluster to a line in a repository. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { makeCertificates } from './parts/certificates.ts'
import { claim, claimsPath, failing, group, plural, ready, startClaimsCluster } from './parts/claims.ts'
import { skipWithout } from './parts/find.ts'
import { gitOrigin } from './parts/git-remote.ts'
import { until } from './parts/gitops-sync.ts'
import { kubeconfig } from './parts/modules-watcher.ts'
import { statusCollector } from './parts/status-collector.ts'

const entry = (name: string) =>
  `  - name: ${name}\n    namespace: default\n    claimRef: default/${name}\n    statusMessage: ''\n    lastCheckedAt: ''\n`

describe('machinery-status-collector', () => {
  test('informer and server: claims change, and go', { skip: skipWithout('git') }, async () => {
    await using cluster = await startClaimsCluster()
    using origin = gitOrigin()
    origin.commit(new Map([['registry.yaml', `dev:\n${entry('vm')}${entry('volume')}`]]))
    using collector = statusCollector({
      REGISTRY_FORGE: 'git',
      REGISTRY_FORGE_URL: origin.folder,
      REGISTRY_FILE_PATH: 'registry.yaml',
      REGISTRY_ON_DELETE: 'remove',
      COLLECTOR_PORT: '0',
      COLLECTOR_HOST: '127.0.0.1',
      COLLECTOR_RECONCILE_INTERVAL: '200ms',
    })
    const tokens = collector.write('tokens', 'dev hush\n')
    await using server = collector.start('server', { COLLECTOR_TOKENS_FILE: tokens })
    const url = `http://${await server.said(/ server listening on (127\.0\.0\.1:\d+)\n/)}`
    const put = (name: string, conditions: Parameters<typeof claim>[2]) =>
      cluster.put(claimsPath('default'), claim('default', name, conditions))
    put('vm', ready)
    put('volume', failing('no quota'))
    await using informer = collector.start('informer', {
      CLUSTER_NAME: 'dev',
      COLLECTOR_URL: url,
      COLLECTOR_TOKEN_FILE: collector.write('token', 'hush\n'),
      CLAIM_KINDS: `${group}/${plural}`,
      KUBECONFIG: collector.write('kubeconfig', kubeconfig(cluster.url, 'default')),
    })
    const proposed = () => {
      try {
        return origin.git('show', 'machinery-status/main:registry.yaml')
      } catch {
        return ''
      }
    }
    const has = (what: string, text: RegExp) => until(what, () => Promise.resolve(text.test(proposed())))
    await has('both are there', /claimRef: default\/vm\n {4}statusMessage: .*Ready[^]*no quota/)
    put('volume', failing('no disk'))
    await has('one changed', /no disk/)
    cluster.remove(claimsPath('default'), 'volume')
    await until('one is gone', () =>
      Promise.resolve(/default\/vm/.test(proposed()) && !/default\/volume/.test(proposed())),
    )
    assert.equal(origin.git('rev-list', '--count', 'main..machinery-status/main'), '1')
    await informer.said('INFO removal sent cluster=dev claimRef=default/volume\n')
    assert.deepEqual([await informer.stop(), await server.stop()], [0, 0])
    assert.doesNotMatch(informer.stderr() + server.stderr(), /hush/)
  })

  test('over TLS', { skip: skipWithout('openssl') }, async () => {
    await using cluster = await startClaimsCluster()
    cluster.put(claimsPath('default'), claim('default', 'vm', ready))
    using collector = statusCollector()
    const { ca, server: pair } = makeCertificates(`${collector.folder}/certificates`)
    await using server = collector.start('server', {
      REGISTRY_FORGE: 'git',
      REGISTRY_FORGE_URL: '/nowhere',
      REGISTRY_FILE_PATH: 'registry.yaml',
      COLLECTOR_PORT: '0',
      COLLECTOR_HOST: '127.0.0.1',
      COLLECTOR_TLS_CERT_FILE: pair.cert,
      COLLECTOR_TLS_KEY_FILE: pair.key,
    })
    const address = await server.said(/ server listening on (127\.0\.0\.1:\d+)\n/)
    await using informer = collector.start('informer', {
      CLUSTER_NAME: 'dev',
      COLLECTOR_URL: `https://${address}/`,
      COLLECTOR_CA_FILE: ca,
      CLAIM_GROUP: group,
      CLAIM_RESOURCE: plural,
      KUBECONFIG: collector.write('kubeconfig', kubeconfig(cluster.url, 'default')),
    })
    await informer.said('INFO status sent cluster=dev claimRef=default/vm ')
  })

  test('an informer that was away says what went meanwhile, be it the last claim', async () => {
    await using cluster = await startClaimsCluster()
    using collector = statusCollector({
      REGISTRY_FORGE: 'git',
      REGISTRY_FORGE_URL: '/nowhere',
      REGISTRY_FILE_PATH: 'registry.yaml',
      COLLECTOR_PORT: '0',
      COLLECTOR_HOST: '127.0.0.1',
    })
    await using server = collector.start('server')
    const url = `http://${await server.said(/ server listening on (127\.0\.0\.1:\d+)\n/)}`
    const held = async () => (await fetch(`${url}/api/v1/status/dev`)).text()
    const begin = () =>
      collector.start('informer', {
        CLUSTER_NAME: 'dev',
        COLLECTOR_URL: url,
        CLAIM_GROUP: group,
        CLAIM_RESOURCE: plural,
        INFORMER_STATE_DIR: `${collector.folder}/informer`,
        KUBECONFIG: collector.write('kubeconfig', kubeconfig(cluster.url, 'default')),
      })
    cluster.put(claimsPath('default'), claim('default', 'vm', ready))
    {
      await using informer = begin()
      await until('it is told', async () => (await held()).includes('default/vm'))
      await informer.said('INFO status sent')
      assert.equal(await informer.stop(), 0)
    }
    cluster.remove(claimsPath('default'), 'vm')
    await using informer = begin()
    await until('its end is told', async () => (await held()) === '[]\n')
    await informer.said('INFO removal sent cluster=dev claimRef=default/vm\n')
  })

  test('version, and words that no command has', async () => {
    using collector = statusCollector()
    const version = await collector.run('version', 'more')
    assert.match(version.stdout, /^\n[^]*\nVersion: {4}\d\S+\nCommit: {5}\S+\nBuild Date: \S+\n$/)
    assert.deepEqual([version.code, version.stderr], [0, ''])
    const nothing = await collector.run()
    assert.deepEqual([nothing.code, nothing.stderr], [0, ''])
    assert.match(nothing.stdout, /\nUsage:\n {2}machinery-status-collector \[command\]\n/)
    assert.equal((await collector.run('serve')).code, 1)
    const missing = await collector.run('server')
    assert.equal(missing.code, 1)
    assert.match(
      missing.stderr,
      /^Error: missing required environment variables:\n {2}GITHUB_TOKEN\n[^]*\n {2}REGISTRY_FILE_PATH\n$/,
    )
    const script = await collector.run('completion', 'fish')
    assert.match(script.stdout, /complete -c machinery-status-collector/)
    assert.equal((await collector.run('__complete', 'ver')).stdout, 'version\tPrint version information\n:4\n')
  })
})
