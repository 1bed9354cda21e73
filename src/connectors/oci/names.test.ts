import assert from 'node:assert/strict'
import { test } from 'node:test'
import { challengesOf } from './challenge.ts'
import { nextOf } from './link.ts'
import { childFor, platformsOf, readManifest, type Index } from './manifest.ts'
import { checkReference, checkRepository, placeOf } from './names.ts'

const digest = `sha256:${'a'.repeat(64)}`

test('knows Docker Hub by each of its names, and that its own repositories are under library/', () => {
  for (const name of ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'Docker.IO']) {
    const place = placeOf(name, false)
    assert.equal(place.name, 'docker.io')
    assert.equal(place.origin, 'https://registry-1.docker.io')
    assert.equal(place.repository('alpine'), 'library/alpine')
    assert.equal(place.repository('grafana/loki'), 'grafana/loki')
  }
  const other = placeOf('registry.example.io:5000', true)
  assert.equal(other.origin, 'http://registry.example.io:5000')
  assert.equal(other.repository('alpine'), 'alpine')
  assert.equal(placeOf('[::1]:5000', false).origin, 'https://[::1]:5000')
  for (const wrong of ['', 'https://a.io', 'a.io/b', 'me@a.io', 'a.io:port', 'a b', '-a.io', 'a.io?x']) {
    assert.throws(() => placeOf(wrong, false), /no host of a registry/, wrong)
  }
})

test('takes names and references of the specification, and no others', () => {
  for (const name of ['a', 'a/b', 'deckhouse/modules/x_y', 'a--b/c.d/e__f']) checkRepository(name, 'r')
  for (const name of ['', 'A', '/a', 'a/', 'a//b', '../a', 'a/..', 'a_-b', 'a?b', 'a'.repeat(256)]) {
    assert.throws(() => checkRepository(name, 'r'), /no name of a repository/, name)
  }
  for (const reference of ['v1.0.0', '_', digest, `sha512:${'0'.repeat(128)}`]) checkReference(reference, 'r')
  for (const reference of ['', '.a', 'a/b', 'a'.repeat(129), 'sha256:abc', `md5:${'a'.repeat(32)}`, 'a\nb']) {
    assert.throws(() => checkReference(reference, 'r'), /neither a tag nor a digest/, reference)
  }
})

test('reads every challenge, however many there are in however many headers', () => {
  const read = (header: string | string[]) =>
    challengesOf(header).map(({ scheme, parameters }) => [scheme, { ...parameters }])
  assert.deepEqual(read('Bearer realm="https://a.io/token?x=1,2",service="a, b",scope="repository:a/b:pull,push"'), [
    ['bearer', { realm: 'https://a.io/token?x=1,2', service: 'a, b', scope: 'repository:a/b:pull,push' }],
  ])
  assert.deepEqual(read('BASIC Realm = "say \\"hi\\", \\\\" , bEARER realm=https , SERVICE=x'), [
    ['basic', { realm: 'say "hi", \\' }],
    // A colon may not stand in a token: what is left of such a header is passed over.
    ['bearer', { realm: 'https', service: 'x' }],
  ])
  assert.deepEqual(read(['Negotiate', 'Basic realm="a"']), [
    ['negotiate', {}],
    ['basic', { realm: 'a' }],
  ])
  assert.deepEqual(read('Negotiate YII+/w==, Basic, Digest qop="auth,auth-int", nonce=x'), [
    ['negotiate', {}],
    ['basic', {}],
    ['digest', { qop: 'auth,auth-int', nonce: 'x' }],
  ])
  assert.deepEqual(read(', ,Bearer realm="a" service="b",,error="x"'), [
    ['bearer', { realm: 'a', service: 'b', error: 'x' }],
  ])
  assert.deepEqual(read('Bearer realm="a",realm="b"'), [['bearer', { realm: 'a' }]])
  assert.deepEqual(read('Bearer realm="not closed, Basic'), [['bearer', {}]])
  assert.deepEqual(read(''), [])
  assert.deepEqual(read('realm="nobody\'s"'), [])
  assert.deepEqual(read(`Basic ${'a'.repeat(100_000)}`).length, 1)
  assert.deepEqual(challengesOf(undefined), [])
})

test('finds the link to the next page among others', () => {
  assert.equal(nextOf(['</v2/a/tags/list?last=b&n=2>; rel="next"']), '/v2/a/tags/list?last=b&n=2')
  assert.equal(nextOf(['<a>; rel=prev, <b,c>; title="x, <y>"; Rel="last NEXT"']), 'b,c')
  assert.equal(nextOf(['<a>; rel=prev', '<b>;rel=next;n=1']), 'b')
  for (const none of ['', '<a>', '<a>; rel="nextish"', 'a; rel=next', '<a; rel=next', '<a>; title="rel=next"']) {
    assert.equal(nextOf([none]), null, none)
  }
})

const manifest = (document: object) =>
  readManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, ...document })), 'type/x', 'a.io/b')
const descriptor = { mediaType: 'm', digest, size: 1 }

test('reads manifests and indexes, and refuses what is neither or both', () => {
  const image = manifest({ config: descriptor, layers: [descriptor], annotations: null })
  assert.deepEqual(image, {
    is: 'image',
    mediaType: 'type/x',
    annotations: {},
    config: descriptor,
    layers: [descriptor],
  })
  assert.equal(manifest({ manifests: [] }).is, 'index')
  const wrong: object[] = [
    {},
    { config: descriptor },
    { config: descriptor, layers: 'all' },
    { manifests: [], layers: [] },
    { schemaVersion: 1, config: descriptor, layers: [] },
    { config: descriptor, layers: [], annotations: { a: 1 } },
    { config: descriptor, layers: Array.from({ length: 1001 }, () => descriptor) },
    { manifests: [{ ...descriptor, platform: 'linux' }] },
  ]
  for (const change of [{ digest: 'sha256:../..' }, { size: -1 }, { size: 1.5 }, { size: '1' }, { mediaType: 1 }]) {
    wrong.push({ config: { ...descriptor, ...change }, layers: [] })
  }
  for (const document of wrong)
    assert.throws(() => manifest(document), { code: 'source.unavailable' }, JSON.stringify(document))
  for (const text of ['', '[]', 'null', '<html>']) {
    assert.throws(() => readManifest(Buffer.from(text), 'x', 'a.io/b'), { code: 'source.unavailable' }, text)
  }
})

test('finds the child for a platform', () => {
  const child = (platform: object | null, at: number) => ({
    ...descriptor,
    digest: `sha256:${String(at).repeat(64)}`,
    ...(platform && { platform }),
  })
  const index = (...platforms: (object | null)[]) => manifest({ manifests: platforms.map(child) }) as Index
  const at = (found: { digest: string } | null) => (found === null ? null : Number(found.digest.at(-1)))
  const [amd64, arm64, v7] = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64' },
    { os: 'linux', architecture: 'arm', variant: 'v7' },
  ]
  const v6 = { ...v7, variant: 'v6' }
  const many = index({ os: 'windows', architecture: 'amd64' }, v6, v7, arm64, { ...amd64, variant: 'v1' })
  assert.equal(at(childFor(many, amd64)), 4)
  assert.equal(at(childFor(many, v7)), 2)
  assert.equal(at(childFor(many, { os: 'linux', architecture: 'arm' })), 1)
  assert.equal(at(childFor(many, { ...arm64, variant: 'v8' })), 3)
  assert.equal(childFor(many, { ...amd64, variant: 'v3' }), null)
  assert.equal(childFor(many, { os: 'linux', architecture: 's390x' }), null)
  // Beside an image without a platform builders put attestations.
  assert.equal(at(childFor(index(null, { os: 'unknown', architecture: 'unknown' }), amd64)), 0)
  assert.equal(childFor(index(null, null), amd64), null)
  assert.equal(platformsOf(many), 'windows/amd64, linux/arm/v6, linux/arm/v7, linux/arm64, linux/amd64/v1')
  assert.equal(platformsOf(index()), 'none')
})
