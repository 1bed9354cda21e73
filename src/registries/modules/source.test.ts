import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { file, imageOf, layerOf } from '../../../tests/parts/images.ts'
import { publishModules, type ModuleTree } from '../../../tests/parts/module-tree.ts'
import type { Ask, Entry, Look, Same } from '../../engine/source.ts'
import { systemClock } from '../../kernel/clock.ts'
import { silentLogger } from '../../kernel/logger.ts'
import { createArchives } from './archive/archives.ts'
import { moduleScope, registryScope, usualChannels } from './layout.ts'
import type { ModuleDocument } from './model.ts'
import { createModulesSource } from './source.ts'
import { memoryImages } from './testing/memory-images.ts'

const base = 'registry.example.io/ee/modules'
const path = 'ee/modules'
const { signal } = new AbortController()
type Seen = Entry<ModuleDocument> | Same

const left: string[] = []
afterEach(() => {
  for (const folder of left.splice(0)) rmSync(folder, { recursive: true, force: true })
})

async function ground(modules: ModuleTree['modules'], options: { compat?: boolean } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'regista-modules-'))
  left.push(folder)
  const images = memoryImages()
  const publish = (more: ModuleTree['modules']) => publishModules(images, { base: path, modules: more })
  await publish(modules)
  const source = createModulesSource({
    places: [{ base, store: images, path }],
    channels: usualChannels,
    archives: createArchives({ folder, clock: systemClock }),
    compat: false,
    interval: 60_000,
    clock: systemClock,
    logger: silentLogger,
    ...options,
  })
  images.asked.length = 0
  return { images, source, publish, folder, look: createLooker(source) }
}

/** Looks as the engine does: what was read is known the next time. */
function createLooker(source: ReturnType<typeof createModulesSource>) {
  const marks = new Map<string, string>()
  const known = new Map<string, Map<string, { stamp: string | null; origin: null }>>()
  const look = async (scope: string, options: { forget?: 'mark' | 'all' } = {}): Promise<Seeing> => {
    const mark = options.forget ? undefined : marks.get(scope)
    const stamps = options.forget === 'all' ? new Map() : (known.get(scope) ?? new Map())
    const ask: Ask = { scope, ...(mark !== undefined && { mark }), known: () => Promise.resolve(stamps) }
    const seen: Look<Seen> = await source.look(ask, signal)
    const items = seen.saw === 'complete' ? await Array.fromAsync(seen.items as Iterable<Seen>) : []
    if (seen.saw === 'complete') {
      if (seen.mark !== undefined && (seen.troubles ?? []).length === 0) marks.set(scope, seen.mark)
      else marks.delete(scope)
      known.set(scope, new Map(items.map(({ key, stamp }) => [key, { stamp: stamp ?? null, origin: null }])))
    }
    return { seen, items: items.toSorted((a, b) => (a.key < b.key ? -1 : 1)) }
  }
  return look
}

interface Seeing {
  readonly seen: Look<Seen>
  readonly items: readonly Seen[]
}

const versions = ({ items }: Seeing) =>
  Object.fromEntries(items.map((item) => [item.key, 'item' in item ? item.item.version : 'same']))
const console_ = moduleScope(base, 'console')

test('modules are the tags of the base; other tags than names are left out', async () => {
  const { look, images } = await ground({ console: { alpha: 'v1.0.0' }, parca: { alpha: 'v1.0.0' } })
  await images.put(path, 'sha256-0a.sig', imageOf([]))
  const { seen } = await look(registryScope(base))
  assert.deepEqual(seen.saw === 'complete' && seen.children?.map(({ scope }) => scope), [
    moduleScope(base, 'console'),
    moduleScope(base, 'parca'),
  ])
  assert.equal((await look(registryScope(base))).seen.saw, 'unchanged')
})

test('a base that the registry does not know is unavailable, one without tags is empty', async () => {
  const { look, images } = await ground({ console: { alpha: 'v1.0.0' } })
  images.remove(path, 'console')
  assert.equal((await look(registryScope(base))).seen.saw, 'complete')
  images.remove(path)
  assert.equal((await look(registryScope(base))).seen.saw, 'unavailable')
})

test('channels become entries; five with one version cost one pull', async () => {
  const all = Object.fromEntries(usualChannels.map((channel) => [channel, 'v1.2.3']))
  const { look, images } = await ground({ console: { ...all } })
  const first = await look(console_)
  assert.deepEqual(versions(first), Object.fromEntries(usualChannels.map((name) => [`console/${name}`, 'v1.2.3'])))
  const pulls = images.asked.filter((what) => what.startsWith('image ') || what.startsWith('blob '))
  assert.equal(pulls.filter((what) => what.startsWith('image ee/modules/console:')).length, 1)
  assert.equal(new Set(pulls).size, pulls.length, pulls.join('\n'))
})

test('nothing changed: one list, one HEAD a channel, no more', async () => {
  const { look, images } = await ground({ console: { alpha: 'v2.0.0', stable: 'v1.0.0' } })
  await look(console_)
  images.asked.length = 0
  assert.equal((await look(console_)).seen.saw, 'unchanged')
  const wanted = ['tags ee/modules/console/release']
  wanted.push('head ee/modules/console/release:alpha', 'head ee/modules/console/release:stable')
  assert.deepEqual(images.asked.toSorted(), wanted.toSorted())
  // Also where only the stamps of the entries are known.
  images.asked.length = 0
  assert.deepEqual(versions(await look(console_, { forget: 'mark' })), {
    'console/alpha': 'same',
    'console/stable': 'same',
  })
  assert.deepEqual(images.asked.toSorted(), wanted.toSorted())
})

test('a channel that moves is read, the others are not', async () => {
  const { look, images, publish } = await ground({ console: { alpha: 'v1.0.0', stable: 'v1.0.0' } })
  await look(console_)
  await publish({ console: { alpha: 'v1.1.0' } })
  images.asked.length = 0
  assert.deepEqual(versions(await look(console_)), { 'console/alpha': 'v1.1.0', 'console/stable': 'same' })
  assert.equal(images.asked.filter((what) => what.startsWith('blob ee/modules/console@')).length, 1)
})

test('a channel that is gone does not show; a module without any is empty, not unavailable', async () => {
  const { look, images } = await ground({ console: { alpha: 'v1.0.0', stable: 'v1.0.0' } })
  await look(console_)
  images.remove('ee/modules/console/release', 'alpha')
  assert.deepEqual(versions(await look(console_)), { 'console/stable': 'same' })
  images.remove('ee/modules/console/release', 'stable')
  const { seen, items } = await look(console_)
  assert.deepEqual([seen.saw, items], ['complete', []])
  assert.equal((await look(console_)).seen.saw, 'unchanged')
})

test('a list that cannot be read is unavailable, with the time to wait', async () => {
  const { look, images } = await ground({ console: { alpha: 'v1.0.0' } })
  images.refuse(/^tags/, { retryAfter: 60_000 })
  for (const scope of [registryScope(base), console_]) {
    const { seen } = await look(scope)
    assert.ok(seen.saw === 'unavailable' && seen.again !== undefined && seen.again > systemClock.now() + 50_000)
  }
})

test('a channel that cannot be read is a trouble of that key alone', async () => {
  const { look, images } = await ground({ console: { alpha: 'v1.0.0', stable: 'v1.0.0' } })
  await look(console_)
  images.refuse(/release:alpha$/)
  const { seen, items } = await look(console_)
  assert.deepEqual(
    items.map(({ key }) => key),
    ['console/stable'],
  )
  assert.deepEqual(seen.saw === 'complete' && seen.troubles?.map((trouble) => 'key' in trouble && trouble.key), [
    'console/alpha',
  ])
  images.refuse(null)
  assert.deepEqual(versions(await look(console_)), { 'console/stable': 'same', 'console/alpha': 'v1.0.0' })
})

test('a release without a usable version, or whose image is missing, is a trouble that says so', async () => {
  const { look, images } = await ground({ console: { alpha: 'v1.0.0' } })
  const release = async (text: string) => imageOf([await layerOf([file('version.json', text)])])
  const cases = { 'no JSON': '{', 'names no version': '{"version":""}', 'no tag': '{"version":"../x"}' }
  for (const [what, text] of Object.entries({ ...cases, 'no image': '{"version":"v9.9.9"}' })) {
    await images.put('ee/modules/console/release', 'alpha', await release(text))
    const { seen } = await look(console_)
    assert.ok(seen.saw === 'complete')
    assert.match(seen.troubles![0]!.detail!, new RegExp(what))
  }
})

test('an archive that is no longer on disk is made again', async () => {
  const { look, folder } = await ground({ console: { alpha: 'v1.0.0' } })
  const first = await look(console_)
  rmSync(join(folder, 'archives'), { recursive: true })
  const again = await look(console_)
  assert.deepEqual(again.items, first.items)
  assert.equal((await look(console_)).seen.saw, 'unchanged')
})

test('the same documentation in another image is no other document', async () => {
  const { look, images } = await ground({ console: { alpha: 'v1.0.0' } })
  const [before] = (await look(console_)).items as Entry<ModuleDocument>[]
  const release = imageOf([await layerOf([file('version.json', '{"version":"v1.0.0"}'), file('more', 'x')])])
  await images.put('ee/modules/console/release', 'alpha', release)
  const [after] = (await look(console_)).items as Entry<ModuleDocument>[]
  assert.equal(after!.digest, before!.digest)
  assert.notEqual(after!.stamp, before!.stamp)
})
