/** What is particular to layouts on disk; the rest is in contract.test.ts. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AppError } from '../../kernel/errors.ts'
import { file, imageOf, layerOf } from '../../../tests/parts/images.ts'
import { publishModules } from '../../../tests/parts/module-tree.ts'
import { layoutShelf } from '../../../tests/parts/shelves.ts'
import { createLayout } from './layout.ts'

const never = new AbortController().signal
const refName = 'org.opencontainers.image.ref.name'

async function scratch() {
  const folder = await mkdtemp(join(tmpdir(), 'regista-layout-'))
  return {
    folder,
    shelf: layoutShelf(folder),
    store: createLayout({ folder }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

const built = async () => imageOf([await layerOf([file('a', 'a')])])

const why = (expected: string) => (thrown: unknown) =>
  thrown instanceof AppError && thrown.code === 'source.unavailable' && thrown.data['why'] === expected

test('a layout that is half-written is unavailable, not empty', async () => {
  await using here = await scratch()
  await here.shelf.put('a', 'v1', await built())
  const index = join(here.folder, 'a/index.json')
  const whole = await readFile(index)
  for (const half of [whole.subarray(0, whole.length >> 1), '', 'null', '{}', '{"manifests":[{"digest":1}]}']) {
    await writeFile(index, half)
    await assert.rejects(here.store.tags('a', never), why('malformed'), String(half))
  }
  await rm(index)
  await assert.rejects(here.store.tags('a', never), why('malformed'))
  await rm(join(here.folder, 'a/oci-layout'))
  await assert.rejects(here.store.tags('a', never), why('malformed'), 'its blobs are there')
  await writeFile(index, whole)
  await assert.rejects(here.store.tags('a', never), why('malformed'), 'of no version')
  await writeFile(join(here.folder, 'a/oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  assert.deepEqual(await here.store.tags('a', never), ['v1'])
})

test('a tag whose manifest is not there, or is cut off, is unavailable, not missing', async () => {
  await using here = await scratch()
  const image = await built()
  await here.shelf.put('a', 'v1', image)
  const path = join(here.folder, 'a/blobs', ...image.digest.split(':'))
  await truncate(path, 10)
  await assert.rejects(here.store.head('a', 'v1', never), why('digest-mismatch'))
  await rm(path)
  await assert.rejects(here.store.head('a', 'v1', never), why('malformed'))
  assert.deepEqual(await here.store.head('a', `sha256:${'0'.repeat(64)}`, never), {
    is: 'missing',
  })
})

test('an empty folder may be one where nothing is mounted', async () => {
  await using here = await scratch()
  await assert.rejects(here.store.tags('a', never), why('malformed'))
  await here.shelf.put('b', 'v1', await built())
  assert.equal(await here.store.tags('a', never), null)
})

test('a pipe in the place of a file holds nobody up', async () => {
  await using here = await scratch()
  await mkdir(join(here.folder, 'a'))
  execFileSync('mkfifo', [join(here.folder, 'a/index.json')])
  await assert.rejects(here.store.tags('a', never), why('malformed'))
})

test('a blob is no manifest, and names that are no tags are nobody’s', async () => {
  await using here = await scratch()
  const image = await built()
  await here.shelf.put('a', 'v1', image)
  assert.deepEqual(await here.store.head('a', image.blobs[1]!.digest, never), { is: 'missing' })
  assert.deepEqual(await here.store.head('a', image.blobs[0]!.digest, never), { is: 'missing' })
  const index = join(here.folder, 'a/index.json')
  const { manifests } = JSON.parse(await readFile(index, 'utf8')) as { manifests: object[] }
  const named = (name: string) => ({ ...manifests[0], annotations: { [refName]: name } })
  const all = [
    ...manifests,
    named('registry.example.io/a:v2'),
    { ...manifests[0], annotations: null },
    named('v3'),
    named('v3'),
  ]
  await writeFile(index, JSON.stringify({ schemaVersion: 2, manifests: all }))
  assert.deepEqual(await here.store.tags('a', never), ['v1', 'v3'])
})

test('a tree of modules', async () => {
  await using here = await scratch()
  const modules = { one: { alpha: 'v1.1.0', stable: 'v1.0.0' }, two: { stable: 'v2.0.0' } }
  await publishModules(here.shelf, { base: 'modules', modules })
  const tags = async (repository: string) => (await here.store.tags(repository, never))?.toSorted()
  assert.deepEqual(await tags('modules'), ['one', 'two'])
  assert.deepEqual(await tags('modules/one'), ['v1.0.0', 'v1.1.0'])
  assert.deepEqual(await tags('modules/one/release'), ['alpha', 'stable'])
  assert.equal((await here.store.image('modules/two', 'v2.0.0', never))?.layers.length, 1)
})
