/** The manifests that tests and benchmarks make up are as large as real ones, and read as they say. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readManifest } from '../src/registries/capabilities/manifest/manifest.ts'
import { generateManifests, keysOf, leastBytes, mostBytes, writeManifests } from './parts/manifests.ts'

test('2,000 made-up manifests: sizes of real ones, and the values that they are said to have', () => {
  const made = generateManifests(2000, 1)
  const sizes = made.map(({ text }) => Buffer.byteLength(text))
  assert.ok(
    Math.min(...sizes) >= leastBytes && Math.max(...sizes) <= mostBytes,
    `${Math.min(...sizes)} ${Math.max(...sizes)}`,
  )
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length
  assert.ok(mean > 1600 && mean < 1800, `mean ${mean}`)
  assert.equal(new Set(made.map(({ id }) => id)).size, made.length)
  for (const { id, file, text, values } of made) {
    const read = readManifest(Buffer.from(text), file, { compat: false, versionSource: 'semver' })
    assert.deepEqual(read, { id, ...values })
    assert.match(file, /^chora\..*\.yaml$/)
  }
  assert.ok(made.some(({ text }) => /[^\x20-\x7e\n]/.test(text)))
  assert.equal(Object.keys(keysOf(made)).length, 8000)
})

test('the same seed makes the same, and a longer list goes on', async () => {
  assert.deepEqual(generateManifests(50, 7), generateManifests(80, 7).slice(0, 50))
  assert.notDeepEqual(generateManifests(50, 7), generateManifests(50, 8))
  const folder = await mkdtemp(join(tmpdir(), 'regista-manifests-'))
  const made = generateManifests(70, 7)
  await writeManifests(folder, made)
  assert.equal((await readdir(folder)).length, 70)
  assert.equal(await readFile(join(folder, made[69]!.file), 'utf8'), made[69]!.text)
  await rm(folder, { recursive: true })
})
