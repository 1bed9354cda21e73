import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageRegistry } from './config.ts'
import { opened } from './testing/opened.ts'

const problems = (given: unknown) => {
  const read = imageRegistry.safeParse(given)
  return read.success
    ? []
    : read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message.split('\n')[0]}`)
}

test('a registry is named by its address or host, and by neither where there is but one', () => {
  assert.deepEqual(problems({ type: 'github' }), [])
  assert.deepEqual(problems({ type: 'dockerhub' }), [])
  assert.deepEqual(problems({ type: 'gitea', url: 'https://git.example.io/under/this' }), [])
  assert.deepEqual(problems({ type: 'oci', host: 'registry.example.io:5000' }), [])
  for (const type of ['gitea', 'forgejo', 'oci'])
    assert.deepEqual(problems({ type }), ['type: needs to know where it is'])
  const both = { type: 'oci', host: 'a.io', url: 'https://a.io' }
  assert.deepEqual(problems(both), ['host: is given beside url'])
  const under = { type: 'oci', url: 'https://a.io/under/this' }
  assert.match(problems(under).join(), /^url: has a path/)
  for (const host of ['https://a.io', 'a.io/path', '-a', 'a.io:port', 'user@a.io', ''])
    assert.deepEqual(problems({ type: 'oci', host }), ['host: is no host of a registry'], host)
  for (const url of ['a.io', 'ftp://a.io', 'https://user:password@a.io', 'https://a.io/?q', 'https://a.io/#x'])
    assert.deepEqual(problems({ type: 'oci', url }), ['url: is no address'], url)
})

test('credentials are given in one way, and whole', () => {
  const at = { type: 'oci', host: 'a.io' }
  const login = { username: 'reader', password: 'secret' }
  assert.deepEqual(problems({ ...at, ...login }), [])
  assert.deepEqual(problems({ ...at, username: 'reader', token: 'secret' }), [])
  assert.deepEqual(problems({ type: 'github', token: 'secret' }), [])
  assert.deepEqual(problems({ type: 'gitea', host: 'a.io', token: 'secret' }), [])
  assert.deepEqual(problems({ ...at, token: 'secret' }), ['token: needs to know whose it is'])
  assert.deepEqual(problems({ type: 'dockerhub', token: 'secret' }), ['token: needs to know whose it is'])
  assert.deepEqual(problems({ ...at, ...login, token: 'x' }), ['token: is given beside password'])
  assert.deepEqual(problems({ ...at, username: 'reader' }), ['username: and password go together'])
  assert.deepEqual(problems({ ...at, ...login, docker_config: 'f' }), ['docker_config: is given beside username'])
  const file = { type: 'github', token: 'x', docker_config: 'f' }
  assert.deepEqual(problems(file), ['docker_config: is given beside token'])
})

test('credentials go over TLS, unless somebody says otherwise', () => {
  const api = 'http://127.0.0.1:3000'
  assert.deepEqual(problems({ type: 'gitea', host: 'a.io', api }), ['api: is without TLS'])
  assert.deepEqual(problems({ type: 'gitea', host: 'a.io', api, plain_http: true }), [])
  assert.deepEqual(problems({ type: 'gitea', url: 'http://a.io', api }), [])
})

test('images are named as engines pull them', async () => {
  const names = async (settings: Readonly<Record<string, unknown>>, image: string) => {
    const registry = opened(settings)
    const name = registry.reference(image)
    await registry.close()
    return name
  }
  assert.equal(await names({ type: 'oci', host: 'Registry.example.io:5000' }, 'a/b'), 'registry.example.io:5000/a/b')
  assert.equal(await names({ type: 'gitea', url: 'https://git.example.io/sub' }, 'A/b'), 'git.example.io/a/b')
  assert.equal(await names({ type: 'github' }, 'Acme/Shop'), 'ghcr.io/acme/shop')
  assert.equal(await names({ type: 'oci', host: '10.0.0.1:5000', pull_host: 'mirror.io' }, 'a'), 'mirror.io/a')
})

test('whoever pulls gets what was given to pull with', async () => {
  for (const [settings, expected] of [
    [{ type: 'oci', host: 'a.io' }, null],
    [
      { type: 'gitea', host: 'a.io', token: 't' },
      { username: 'oauth2', password: 't' },
    ],
    [
      { type: 'github', token: 't' },
      { username: 'x-access-token', password: 't' },
    ],
    [
      { type: 'github', username: 'me', token: 't' },
      { username: 'me', password: 't' },
    ],
  ] as const) {
    const registry = opened(settings)
    assert.deepEqual(await registry.pullCredential('acme/shop'), expected)
    await registry.close()
  }
})
