/** The real registry as tests start it, and images made by hand as other programs take them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startDockerRegistry, type DockerRegistry } from './docker-registry.ts'
import { findPart, skipWithout } from './find.ts'
import {
  directory,
  file,
  hardLink,
  imageOf,
  indexOf,
  layerOf,
  opaque,
  symlink,
  whiteout,
  type Built,
} from './images.ts'
import { publishModules } from './module-tree.ts'
import { layoutShelf } from './shelves.ts'

const skip = skipWithout('docker-registry', 'openssl')
const run = promisify(execFile)

async function image(): Promise<Built> {
  return imageOf([
    await layerOf([directory('docs'), file('docs/a', 'a'), file('docs/b', randomUUID())]),
    await layerOf([whiteout('docs/a'), opaque('crds'), symlink('docs/c', 'b'), hardLink('docs/d', 'docs/b')], 'plain'),
  ])
}

async function ask(registry: DockerRegistry, path: string, authorization?: string): Promise<Response> {
  return fetch(`${registry.url}${path}`, authorization === undefined ? {} : { headers: { authorization } })
}

async function tagsOf(registry: DockerRegistry, repository: string): Promise<string[]> {
  const answer = await ask(registry, `/v2/${repository}/tags/list`)
  return ((await answer.json()) as { tags: string[] }).tags
}

const accept = Object.fromEntries([
  ['accept', 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json'],
])

test(
  'another client copies what was made by hand: from a layout, and from the registry',
  {
    skip: skip || skipWithout('skopeo'),
  },
  async () => {
    await using registry = await startDockerRegistry()
    const folder = await mkdtemp(join(tmpdir(), 'regista-images-'))
    try {
      const linux = await image()
      const both = indexOf([
        { image: linux, platform: { os: 'linux', architecture: 'amd64' } },
        { image: await image(), platform: { os: 'linux', architecture: 'arm64' } },
      ])
      const zstd = imageOf([await layerOf([file('a', 'a')], 'zstd')])
      const docker = imageOf([await layerOf([file('a', 'b')])], { types: 'docker' })
      const layout = layoutShelf(join(folder, 'from'))
      for (const [tag, built] of Object.entries({ both, zstd })) {
        await layout.put('a/b', tag, built)
        await copy('--all', `oci:${join(folder, 'from/a/b')}:${tag}`, `docker://${registry.host}/copied:${tag}`)
        const answer = await fetch(`${registry.url}/v2/copied/manifests/${tag}`, { headers: accept })
        assert.equal(answer.headers.get('docker-content-digest'), built.digest)
      }
      await registry.shelf.put('pushed', 'docker', docker)
      await copy(`docker://${registry.host}/pushed:docker`, `dir:${join(folder, 'to')}`)
      const config = docker.blobs[0]!
      assert.deepEqual(await readFile(join(folder, 'to', config.digest.slice('sha256:'.length))), config.bytes)
      assert.equal((await readdir(join(folder, 'to'))).length, 4)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)

async function copy(...args: string[]): Promise<void> {
  const flags = [
    '--insecure-policy',
    'copy',
    '--quiet',
    '--preserve-digests',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
  ]
  await run(findPart('skopeo')!, [...flags, ...args], { timeout: 60_000 })
}

test('it keeps what it has when it is killed, and tells what it was asked', { skip }, async () => {
  await using registry = await startDockerRegistry()
  await registry.shelf.put('a/b', 'v1', await image())
  await registry.shelf.put('a/b', 'v2', await image())
  await registry.kill()
  await assert.rejects(ask(registry, '/v2/'))
  await registry.start()
  await registry.forget()
  assert.deepEqual((await tagsOf(registry, 'a/b')).toSorted(), ['v1', 'v2'])
  assert.equal((await ask(registry, '/v2/no/tags/list')).status, 404)
  for (const tag of ['v1', 'v2']) await registry.untag('a/b', tag)
  assert.deepEqual(await (await ask(registry, '/v2/a/b/tags/list')).json(), { name: 'a/b', tags: null })
  assert.deepEqual(
    (await registry.requests()).map(({ method, path, status }) => `${method} ${path} ${status}`),
    ['GET /v2/a/b/tags/list 200', 'GET /v2/no/tags/list 404', 'GET /v2/a/b/tags/list 200'],
  )
})

test('a password file, and a token server whose tokens end', { skip }, async () => {
  await using closed = await startDockerRegistry({ auth: 'htpasswd' })
  await closed.shelf.put('a', 'v1', await image())
  const { username, password } = closed.user
  const basic = (secret: string) => `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`
  assert.equal((await ask(closed, '/v2/a/tags/list')).status, 401)
  assert.equal((await ask(closed, '/v2/a/tags/list', basic('wrong'))).status, 401)
  assert.equal((await ask(closed, '/v2/a/tags/list', basic(password))).status, 200)

  await using registry = await startDockerRegistry({ auth: 'token' })
  await registry.shelf.put('a', 'v1', await image())
  const tokens = registry.tokens!
  const given = (lifetime: number) => `Bearer ${tokens.mint('a', ['pull'], lifetime)}`
  const refused = await ask(registry, '/v2/a/tags/list')
  assert.equal(refused.status, 401)
  assert.match(String(refused.headers.get('www-authenticate')), /^Bearer realm="http:.*",scope="repository:a:pull"/)
  assert.equal((await ask(registry, '/v2/a/tags/list', given(100))).status, 200)
  assert.equal((await ask(registry, '/v2/a/tags/list', given(-1))).status, 401)
  const query = `?service=x&scope=${encodeURIComponent('repository:a:pull')}`
  assert.equal((await fetch(`${tokens.realm}${query}`)).status, 401)
  const answer = await fetch(`${tokens.realm}${query}`, { headers: { authorization: basic(password) } })
  const { token } = (await answer.json()) as { token: string }
  assert.equal((await ask(registry, '/v2/a/tags/list', `Bearer ${token}`)).status, 200)
  assert.deepEqual(
    tokens.calls.map(({ user, status }) => [user, status]),
    [
      [null, 401],
      [username, 200],
    ],
  )
})

test('a tree of modules over TLS, of which the registry tells', { skip }, async () => {
  const told: string[] = []
  const receiver = createServer((incoming, answer) => {
    void (async () => {
      let body = ''
      for await (const chunk of incoming) body += String(chunk)
      for (const { action, target } of JSON.parse(body).events) {
        told.push(`${incoming.headers.authorization} ${action} ${target.repository}:${target.tag ?? ''}`)
      }
      answer.end()
    })()
  })
  await new Promise<void>((resolve) => {
    receiver.listen(0, '127.0.0.1', resolve)
  })
  try {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
    await using registry = await startDockerRegistry({ tls: true, notify: { url, headers: { authorization: 'hook' } } })
    const modules = { one: { alpha: 'v1.1.0', stable: 'v1.0.0' }, two: { stable: 'v2.0.0' } }
    await publishModules(registry.shelf, { base: 'deckhouse/ee/modules', modules })
    for (let tries = 0; !told.includes('hook push deckhouse/ee/modules:two'); tries += 1) {
      assert.ok(tries < 1000, `told: ${told.join(', ')}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await assert.rejects(fetch(`${registry.url}/v2/`), 'its authority is not known here')
    const pushed = (await registry.requests()).filter(
      ({ method, path }) => method === 'PUT' && !path.includes('digest='),
    )
    assert.deepEqual(pushed.map(({ path }) => path).toSorted(), [
      '/v2/deckhouse/ee/modules/manifests/one',
      '/v2/deckhouse/ee/modules/manifests/two',
      '/v2/deckhouse/ee/modules/one/manifests/v1.0.0',
      '/v2/deckhouse/ee/modules/one/manifests/v1.1.0',
      '/v2/deckhouse/ee/modules/one/release/manifests/alpha',
      '/v2/deckhouse/ee/modules/one/release/manifests/stable',
      '/v2/deckhouse/ee/modules/two/manifests/v2.0.0',
      '/v2/deckhouse/ee/modules/two/release/manifests/stable',
    ])
  } finally {
    await new Promise((resolve) => receiver.close(resolve))
  }
})
