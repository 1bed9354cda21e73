/** The files that are really out there, where they are at hand. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from 'js-yaml'
import { readRegistryFile } from './registry-file.ts'

const fixtures = join(import.meta.dirname, '../../../../../shared/fixtures/claims')
const skip = existsSync(fixtures) ? false : `${fixtures} is not here`
const read = (name: string) => readFileSync(join(fixtures, name))

/** Lines of `after` that are not those of `before` at the same place. */
function changedLines(before: Buffer, after: Buffer): string[] {
  const [old, now] = [before, after].map((bytes) => bytes.toString().split('\n')) as [string[], string[]]
  assert.equal(now.length, old.length)
  return now.filter((line, index) => line !== old[index])
}

test('one status of the real cluster map: two lines differ', { skip }, () => {
  const before = read('real-clustermap-before.yaml')
  const file = readRegistryFile(before)
  assert.equal(file.layout, 'cluster-map')
  const theirs = load(read('real-clustermap-after-upstream.yaml').toString()) as Record<
    string,
    Record<string, string>[]
  >
  const { statusMessage, lastCheckedAt } = theirs['dev-cluster']![0]! as {
    statusMessage: string
    lastCheckedAt: string
  }
  const after = file.edit([{ claim: file.claims[0]!, set: { statusMessage, lastCheckedAt } }])
  assert.deepEqual(changedLines(before, after), [
    `    statusMessage: ${statusMessage}`,
    `    lastCheckedAt: "${lastCheckedAt}"`,
  ])
  // To every reader it says what the original wrote into ten lines.
  assert.deepEqual(load(after.toString()), theirs)
})

test(
  'the real ClaimRegistry: read whole, an entry that is junk included, and healed after another writer',
  { skip },
  () => {
    const before = read('real-claimregistry-head.yaml')
    const file = readRegistryFile(before)
    assert.equal(file.layout, 'claim-registry')
    const names = file.claims.map(({ name, namespace, path, cluster, claimRef }) => [
      name,
      namespace,
      path,
      cluster,
      claimRef,
    ])
    const written = (load(before.toString()) as { claims: { name: string; namespace: string; path: string }[] }).claims
    assert.deepEqual(
      names,
      written.map(({ name, namespace, path }) => [name, namespace, path, null, null]),
    )
    const set = { statusMessage: 'Ready: True, Synced: True', lastCheckedAt: '2026-11-21T05:00:36Z' }
    const ours = file.edit(file.claims.map((claim) => ({ claim, set })))
    assert.equal(ours.toString().split('\n').length, before.toString().split('\n').length + 2 * file.claims.length)
    for (const { statusMessage, lastCheckedAt } of readRegistryFile(ours).claims) {
      assert.deepEqual({ statusMessage, lastCheckedAt }, set)
    }
    // The other writer knows neither field, and writes the file anew without them: `before` is such a file.
    const healed = readRegistryFile(before)
    assert.deepEqual(
      healed.claims.map(({ statusMessage, lastCheckedAt }) => [statusMessage, lastCheckedAt]),
      healed.claims.map(() => [null, null]),
    )
    assert.deepEqual(healed.edit(healed.claims.map((claim) => ({ claim, set }))), ours)
  },
)
