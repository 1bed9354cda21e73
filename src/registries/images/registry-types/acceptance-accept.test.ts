import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { startDockerRegistry } from '../../../../tests/parts/docker-registry.ts'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { indexOf } from '../../../../tests/parts/images.ts'
import { imageWith } from './testing/contract.ts'
import { opened } from './testing/opened.ts'
import { never } from './testing/tags.ts'

test(
  'acceptance 4: a Docker image and an OCI index have the digest by which they were pushed, whatever a registry converts',
  { skip: skipWithout('docker-registry') },
  async () => {
    await using real = await startDockerRegistry()
    const registry = opened({ type: 'oci', host: real.host, plain_http: true })
    const docker = await imageWith('docker', { types: 'docker' })
    const child = await imageWith('child')
    const index = indexOf([{ image: child, platform: { os: 'linux', architecture: 'amd64' } }])
    await real.shelf.put('acme/shop', 'docker', docker)
    await real.shelf.put('acme/shop', 'oci', index)
    // The trap is there: without types, or with too few of them.
    const head = async (tag: string, accept?: string) => {
      const url = `${real.url}/v2/acme/shop/manifests/${tag}`
      const headers = accept === undefined ? {} : { accept }
      const answer = await request(url, { method: 'HEAD', headers, signal: AbortSignal.timeout(10_000) })
      await answer.body.dump()
      return answer
    }
    assert.notEqual((await head('docker')).headers['docker-content-digest'], docker.digest)
    assert.equal((await head('oci', 'application/vnd.oci.image.manifest.v1+json')).statusCode, 404)

    for (const [tag, built] of [
      ['docker', docker],
      ['oci', index],
    ] as const) {
      assert.equal(await registry.digestOf('acme/shop', tag, never), built.digest)
      assert.equal(await registry.digestOf('acme/shop', tag, never, built.digest), 'unchanged')
      const fixed = { tags: [tag], strategy: 'digest', range: null } as const
      assert.equal((await registry.getLatestTag('acme/shop', fixed, never))?.digest, built.digest)
    }
    const platform = { os: 'linux', architecture: 'amd64' }
    assert.equal(await registry.platformDigest('acme/shop', index.digest, platform, never), child.digest)
    assert.equal(await registry.platformDigest('acme/shop', docker.digest, platform, never), docker.digest)
    // As of old, 304s: nobody is notified of a pull for them.
    const statuses = (await real.requests()).filter(
      ({ method, agent }) => method === 'HEAD' && agent.startsWith('regista/'),
    )
    const count = (wanted: number) => statuses.filter(({ status }) => status === wanted).length
    assert.deepEqual([count(200), count(304)], [4, 2])
    await registry.close()
  },
)
