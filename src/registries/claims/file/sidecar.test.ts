import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { pairWithSidecar, readRegistryFile, readSidecarFile } from './registry-file.ts'

const registry = readRegistryFile(
  Buffer.from(
    'b:\n  - {name: x, namespace: n, claimRef: n/x}\na:\n  - {name: z, namespace: n}\n  - {name: y, namespace: n}\n',
  ),
)
const set = { statusMessage: 'no', lastCheckedAt: '2026-11-21T05:00:36Z' }
const entries = (bytes: Buffer) => (load(bytes.toString()) as { claims: unknown[] }).claims

test('a sidecar gains entries in the order of their names, whoever is added first', () => {
  const once = readSidecarFile(null).edit(registry.claims.map((add) => ({ add, set })))
  assert.deepEqual(entries(once), [
    { cluster: 'a', namespace: 'n', name: 'y', ...set },
    { cluster: 'a', namespace: 'n', name: 'z', ...set },
    { cluster: 'b', namespace: 'n', name: 'x', claimRef: 'n/x', ...set },
  ])
  let oneByOne: Buffer | null = null
  for (const add of registry.claims) oneByOne = readSidecarFile(oneByOne).edit([{ add, set }])
  assert.deepEqual(oneByOne, once)
})

test('entries of a sidecar are found again, changed and taken out', () => {
  const sidecar = readSidecarFile(readSidecarFile(null).edit(registry.claims.map((add) => ({ add, set }))))
  const pairs = pairWithSidecar(registry, sidecar)
  assert.deepEqual(
    [...pairs].map(([claim, beside]) => [claim.name, beside.name, beside.statusMessage]),
    [
      ['x', 'x', 'no'],
      ['z', 'z', 'no'],
      ['y', 'y', 'no'],
    ],
  )
  const [x, z, y] = [...pairs.values()] as [
    (typeof sidecar.claims)[0],
    (typeof sidecar.claims)[0],
    (typeof sidecar.claims)[0],
  ]
  const add = { cluster: null, namespace: '', name: 'w', claimRef: null }
  const edited = sidecar.edit([
    { claim: x, set: { statusMessage: 'yes' } },
    { claim: z, remove: true },
    { claim: y, remove: true },
    { add, set: {} },
  ])
  assert.deepEqual(entries(edited), [
    { namespace: '', name: 'w' },
    { cluster: 'b', namespace: 'n', name: 'x', claimRef: 'n/x', ...set, statusMessage: 'yes' },
  ])
  const empty = sidecar.edit(sidecar.claims.map((claim) => ({ claim, remove: true })))
  assert.deepEqual(readSidecarFile(empty).claims, [])
  assert.deepEqual(entries(empty), [])
})

test('a file that is something else is no sidecar, and only a sidecar gains entries', () => {
  assert.throws(() => readSidecarFile(Buffer.from('a: []\n')), /line 1: .*give a path that nothing else has/)
  assert.throws(() => registry.edit([{ add: registry.claims[0]!, set }]), /only a sidecar takes new entries/)
  assert.deepEqual(readSidecarFile(Buffer.from(' \n')).claims, [])
})
