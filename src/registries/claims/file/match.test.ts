import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, type ClaimStatus, type ObjectName } from '../model.ts'
import { manifestPaths, objectsOfManifest } from './manifest.ts'
import { matchStatuses, type MatchOptions } from './match.ts'
import { readRegistryFile } from './registry-file.ts'

const group = 'resources.example.org'
const object = (kind: string, name: string, namespace = 'default'): ObjectName => ({ group, kind, namespace, name })

/** As an informer of the original says it, or as ours does. */
function said(cluster: string, told: string | ObjectName, claimRef?: string): ClaimStatus {
  const ref = typeof told === 'string' ? told : (claimRef ?? `${told.namespace}/${told.name}`)
  const of = typeof told === 'string' ? null : told
  return { cluster, claimRef: ref, object: of, message: 'm', health: null, observedAt: 0 as ClaimStatus['observedAt'] }
}

/** Per status: the line of its entry, or what became of it. */
function matched(text: string, statuses: readonly ClaimStatus[], options: MatchOptions = {}): (number | string)[] {
  const keyed = statuses.map((status) => [keyOf(status), status] as const)
  const match = matchStatuses(readRegistryFile(Buffer.from(text)), keyed, options)
  return keyed.map(([key]) => {
    const superseding = match.superseded.get(key)
    const all = [
      match.found.get(key)?.line,
      match.ambiguous.get(key),
      match.unmatched.includes(key) ? 'unmatched' : undefined,
      superseding === undefined ? undefined : `see ${keyed.findIndex(([other]) => other === superseding)}`,
    ].filter((it) => it !== undefined)
    assert.equal(all.length, 1, `each has one fate: ${all.join('; ')}`)
    return all[0]!
  })
}

const entry = (fields: string) => `  - {${fields}}\n`
const claimRegistry = (...entries: string[]) => `kind: ClaimRegistry\nclaims:\n${entries.map(entry).join('')}`
const clusterMap = (...entries: string[]) => `a:\n${entries.map(entry).join('')}`

test('the claimRef, exactly, in its cluster: of several entries the first', () => {
  const text = 'a:\n  - {name: x, claimRef: g/v1/K}\n  - {name: y, claimRef: g/v1/K}\nb:\n  - {name: z, claimRef: r}\n'
  assert.deepEqual(
    matched(text, [said('a', 'g/v1/K'), said('b', 'g/v1/K'), said('a', 'r'), said('b', 'r'), said('b', 'R')]),
    [2, 'unmatched', 'unmatched', 5, 'unmatched'],
  )
})

test('else namespace/name; without a namespace as informers say it', () => {
  const text = clusterMap('name: x, namespace: n, claimRef: g/v1/K', 'name: y', 'name: ""', 'claimRef: ""')
  assert.deepEqual(matched(text, [said('a', 'n/x'), said('a', '/y'), said('a', 'y'), said('a', '/'), said('a', '')]), [
    2,
    3,
    'unmatched',
    'unmatched',
    'unmatched',
  ])
})

test('a kind in the claimRef must be that of the object, and tells two of one name apart', () => {
  const vm = `name: x, namespace: default, claimRef: ${group}/v1alpha1/HarvesterVM`
  const volume = `name: x, namespace: default, claimRef: ${group}/v1alpha1/VolumeClaim`
  const statuses = [said('a', object('HarvesterVM', 'x')), said('a', object('VolumeClaim', 'x'))]
  assert.deepEqual(matched(clusterMap(vm), statuses), [2, 'unmatched'])
  assert.deepEqual(matched(clusterMap(volume, vm), statuses), [3, 2])
  const elsewhere = { ...object('HarvesterVM', 'x'), group: 'other.example.org' }
  assert.deepEqual(matched(clusterMap(vm), [said('a', elsewhere)]), ['unmatched'])
  // Three fields tell no kind: both are as near.
  assert.deepEqual(matched(clusterMap(volume, vm), [said('a', 'default/x')]), [
    '2 entries have its name, on lines 2, 3',
  ])
})

test('a claimRef that is only a kind is that of the object with the name', () => {
  const ref = `${group}/v1/K`
  const text = clusterMap(
    `name: x, namespace: default, claimRef: ${ref}`,
    `name: y, namespace: default, claimRef: ${ref}`,
  )
  const statuses = ['x', 'y', 'z'].map((name) => said('a', object('K', name), ref))
  assert.deepEqual(matched(text, statuses), [2, 3, 'unmatched'])
})

test('resource/name, with a version or without, must fit the object', () => {
  const text = clusterMap(
    'name: db, namespace: default, claimRef: postgresqls.2.2.2/my-db',
    'namespace: n, claimRef: proxies/p',
  )
  const of = (kind: string, name: string, namespace?: string) => said('a', object(kind, name, namespace))
  assert.deepEqual(
    matched(text, [of('PostgreSQL', 'my-db'), of('Proxy', 'p', 'n'), of('Other', 'my-db'), of('Proxy', 'p')]),
    [2, 3, 'unmatched', 'unmatched'],
  )
})

test('a file without clusters: the one that is named, else any, but never two for one entry', () => {
  const text = claimRegistry('name: x, namespace: n', 'name: y, namespace: n')
  const statuses = [said('a', 'n/x'), said('b', 'n/x'), said('b', 'n/y')]
  assert.deepEqual(matched(text, statuses, { cluster: 'b' }), ['unmatched', 3, 4])
  const both = 'clusters "a", "b" have a claim for the entry on line 3'
  assert.deepEqual(matched(text, statuses), [both, both, 4])
  // In a cluster map the map says it.
  assert.deepEqual(matched(clusterMap('name: x, namespace: n'), statuses, { cluster: 'b' }), [
    2,
    'unmatched',
    'unmatched',
  ])
})

test('what names the object supersedes what three fields say of it', () => {
  const text = clusterMap('name: x, namespace: default')
  assert.deepEqual(matched(text, [said('a', 'default/x'), said('a', object('K', 'x'))]), ['see 1', 2])
  const byRef = clusterMap(`name: x, namespace: default, claimRef: ${group}/v1/K`)
  assert.deepEqual(matched(byRef, [said('a', `${group}/v1/K`), said('a', 'default/x')]), [2, 'see 0'])
})

test('two objects of one name: the template decides, else neither is written', () => {
  const statuses = [said('a', object('HarvesterVM', 'x')), said('a', object('VolumeClaim', 'x'))]
  assert.deepEqual(matched(claimRegistry('name: x, namespace: default, template: volumeclaim'), statuses), [
    'unmatched',
    3,
  ])
  const neither = '"HarvesterVM default/x", "VolumeClaim default/x" all have the name of the entry on line 3'
  assert.deepEqual(matched(claimRegistry('name: x, namespace: default, template: t'), statuses), [neither, neither])
  // A template may be called anything: alone it refuses nobody.
  assert.deepEqual(matched(claimRegistry('name: x, namespace: default, template: t'), statuses.slice(0, 1)), [3])
})

test('an entry that an alias repeats is found, in each cluster, though it cannot be changed there', () => {
  const text = 'a: &all\n  - {name: x, namespace: n}\nb: *all\n'
  assert.deepEqual(matched(text, [said('a', 'n/x'), said('b', 'n/x')]), [2, 2])
})

test('the manifest at the path says which object an entry is, whatever its name', () => {
  const text = claimRegistry(
    'name: harvestervm-developer-martin, namespace: default, path: claims/a.yaml',
    'name: martin, namespace: default, path: claims/b.yaml',
    'name: c, namespace: other, path: claims/c.yaml',
    'name: junk, path: .',
  )
  const { claims } = readRegistryFile(Buffer.from(text))
  assert.deepEqual(manifestPaths(claims), ['claims/a.yaml', 'claims/b.yaml', 'claims/c.yaml'])
  const manifest = (kind: string, name: string, more = '') =>
    objectsOfManifest(Buffer.from(`apiVersion: ${group}/v1\nkind: ${kind}\nmetadata: {name: ${name}${more}}\n`))
  const byPath = new Map([
    ['claims/a.yaml', manifest('HarvesterVM', 'martin')],
    ['claims/b.yaml', manifest('HarvesterVM', 'somebody-else', ', namespace: default')],
    ['claims/c.yaml', manifest('Wide', 'w')],
  ])
  const statuses = [
    said('a', object('HarvesterVM', 'martin')),
    said('a', object('VolumeClaim', 'martin')),
    said('a', object('Wide', 'w', '')),
    said('a', object('Wide', 'w', 'default')),
  ]
  assert.deepEqual(matched(text, statuses, { byPath }), [3, 'unmatched', 5, 'unmatched'])
  assert.deepEqual(matched(text, statuses.slice(0, 1)), [4])
})

test('manifests: several documents, lists, and files that are none', () => {
  const text =
    'apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: g/v1, kind: K, metadata: {name: a}}\n---\n---\njust: text\n'
  assert.deepEqual(objectsOfManifest(Buffer.from(text)), [{ group: 'g', kind: 'K', namespace: '', name: 'a' }])
  assert.deepEqual(objectsOfManifest(Buffer.from('a: [')), [])
  assert.deepEqual(
    manifestPaths(
      readRegistryFile(Buffer.from(claimRegistry('path: /a', 'path: ../a', 'path: ""', 'path: a/b'))).claims,
    ),
    ['a/b'],
  )
})

test('10,000 statuses of 10,000 entries', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `claim-${index}`)
  const text = clusterMap(...names.map((name) => `name: ${name}, namespace: default`))
  const lines = matched(text, names.map((name) => said('a', `default/${name}`)).slice(0, 300))
  assert.deepEqual(
    lines,
    names.slice(0, 300).map((_, index) => index + 2),
  )
  const keyed = names.map((name) => said('a', object('K', name))).map((status) => [keyOf(status), status] as const)
  assert.equal(matchStatuses(readRegistryFile(Buffer.from(text)), keyed).found.size, 10_000)
})
