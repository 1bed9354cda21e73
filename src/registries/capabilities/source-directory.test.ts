import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../engine/scope.ts'
import type { Ask, Entry, Hint, Same, Trouble } from '../../engine/source.ts'
import { sourceContract } from '../../engine/testing/source-contract.ts'
import { systemClock, type Clock } from '../../kernel/clock.ts'
import type { Capability } from './model.ts'
import { createDirectorySource, type DirectoryOptions } from './source-directory.ts'

const signal = new AbortController().signal
/** Files count as settled at once. */
const later: Clock = { ...systemClock, now: () => systemClock.now() + 60_000 }

const manifest = (id: string, more = '') => `metadata: {dc_identifier: ${id}, dc_type: Service}\n${more}`

async function scratch(): Promise<
  { folder: string; write: (id: string, more?: string) => Promise<void> } & AsyncDisposable
> {
  const folder = await mkdtemp(join(tmpdir(), 'regista-manifests-'))
  return {
    folder,
    write: (id, more) => writeFile(join(folder, `chora.${id}.yaml`), manifest(`chora.${id}`, more)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

function sourceAt(directory: string, options: Partial<DirectoryOptions> = {}) {
  const rules = { compat: false, versionSource: 'semver' } as const
  return createDirectorySource({ directory, glob: 'chora.*.yaml', rules, interval: 60_000, clock: later, ...options })
}

type Known = Awaited<ReturnType<Ask['known']>>

async function look(source: ReturnType<typeof sourceAt>, mark?: string, known: Known = new Map()) {
  const seen = await source.look({ scope: root, known: () => Promise.resolve(known), ...(mark && { mark }) }, signal)
  assert.equal(seen.saw, 'complete', JSON.stringify(seen))
  const complete = seen as Extract<typeof seen, { saw: 'complete' }>
  const items = [...(complete.items as Iterable<Entry<Capability> | Same>)]
  return { items, keys: items.map(({ key }) => key), troubles: complete.troubles ?? [], mark: complete.mark }
}

const detailsOf = (troubles: readonly Trouble[]) => [...new Set(troubles.map(({ detail }) => detail))]

for (const threadFrom of [1000, 0]) {
  sourceContract(`directory of manifests${threadFrom === 0 ? ', listed by a thread' : ''}`, () => subject(threadFrom))
}

async function subject(threadFrom: number) {
  const place = await scratch()
  const { folder, write } = place
  for (const id of ['a.one', 'a.two', 'b.three']) await write(id)
  let edits = 0
  const file = (key: string) => join(folder, `${key}.yaml`)
  return {
    source: sourceAt(folder, { threadFrom }),
    scope: root,
    async add() {
      await write('c.added')
      return 'chora.c.added'
    },
    edit: (key: string) => write(key.replace('chora.', ''), `chora_version: 1.0.${'1'.repeat(++edits)}\n`),
    remove: (key: string) => rm(file(key)),
    spoil: (key: string) => writeFile(file(key), 'metadata: [\n'),
    async breakDown() {
      await rename(folder, `${folder}-away`)
      return () => rename(`${folder}-away`, folder)
    },
    close: async () => place[Symbol.asyncDispose](),
  }
}

test('an empty directory is seen whole; a missing one, or a file in its place, is not seen', async () => {
  await using place = await scratch()
  assert.deepEqual((await look(sourceAt(place.folder))).items, [])
  await place.write('a.b')
  for (const directory of [join(place.folder, 'missing'), join(place.folder, 'chora.a.b.yaml')]) {
    const seen = await sourceAt(directory).look({ scope: root, known: () => Promise.resolve(new Map()) }, signal)
    assert.equal(seen.saw, 'unavailable')
    assert.equal('detail' in seen && seen.detail, `Capabilities directory not found: ${directory}`)
  }
})

test('only files of the directory itself that match count', async () => {
  await using place = await scratch()
  for (const name of ['chora.a.yml', 'other.yaml', 'chora.json', 'xchora.a.yaml', 'chora.a.yaml.bak', 'choraXa.yaml']) {
    await writeFile(join(place.folder, name), manifest('no'))
  }
  await mkdir(join(place.folder, 'below'))
  await writeFile(join(place.folder, 'below/chora.c.yaml'), manifest('no'))
  await place.write('a.b')
  assert.deepEqual((await look(sourceAt(place.folder))).keys, ['chora.a.b'])
})

test('a file that cannot be read is named once and costs no other', async () => {
  await using place = await scratch()
  const { folder } = place
  for (const id of ['good.1', 'good.2']) await place.write(id)
  const at = (name: string) => join(folder, `chora.${name}.yaml`)
  await mkdir(at('folder'))
  await symlink('nowhere', at('dangling'))
  await symlink('chora.circle.yaml', at('circle'))
  await writeFile(at('huge'), Buffer.alloc(50_000_000, 0x20))
  await writeFile(at('latin'), Buffer.from([0x61, 0x3a, 0xe9]))
  await writeFile(at('utf16'), Buffer.from('\ufeffmetadata: {}', 'utf16le'))
  await writeFile(at('nul'), Buffer.alloc(4096))
  await writeFile(
    at('bomb'),
    `metadata: {dc_identifier: bomb, x: &a [${'x, '.repeat(50_000)}], y: [*a, *a, *a, *a, *a, *a, *a, *a]}\nchora_service:\n`,
  )
  execFileSync('mkfifo', [at('pipe')])
  const { keys, troubles, mark } = await look(sourceAt(folder))
  assert.deepEqual(keys, ['chora.good.1', 'chora.good.2'])
  const details = detailsOf(troubles)
  for (const name of ['folder', 'dangling', 'circle', 'huge', 'latin', 'utf16', 'nul', 'pipe']) {
    assert.equal(
      details.filter((detail) => detail?.includes(`chora.${name}.yaml`)).length,
      1,
      `${name}: ${details.join('\n')}`,
    )
  }
  assert.ok(details.includes('Failed to sync bomb to etcd: JSON text is longer than 1048576 bytes (chora.bomb.yaml)'))
  assert.equal(details.length, 9)
  assert.equal(mark, undefined)
  const listedByThread = sourceAt(folder, { threadFrom: 0 })
  for (let again = 0; again < 2; again++) {
    const seen = await look(listedByThread)
    assert.deepEqual([seen.keys, seen.troubles], [keys, troubles])
  }
})

test('a manifest that was renamed and broken at once still shields its capability', async () => {
  await using place = await scratch()
  await place.write('a.b', 'chora_service: [\n')
  const { troubles } = await look(sourceAt(place.folder))
  assert.ok(troubles.some((trouble) => 'key' in trouble && trouble.key === 'chora.a.b'))
  const known = new Map([['chora.a.b', { stamp: null, origin: 'chora.a.b.yaml' }]])
  assert.deepEqual((await look(sourceAt(place.folder), undefined, known)).troubles.length, 1)
})

test('two files with one identifier: both named, neither told, the key shielded', async () => {
  await using place = await scratch()
  await place.write('a.b')
  await place.write('a.c')
  const twin = join(place.folder, 'chora.twin.yaml')
  await writeFile(twin, manifest('chora.a.b', 'chora_version: 9.9.9\n'))
  const { keys, troubles } = await look(sourceAt(place.folder))
  assert.deepEqual(keys, ['chora.a.c'])
  const [trouble] = troubles
  assert.equal(troubles.length, 1)
  assert.equal(trouble && 'key' in trouble && trouble.key, 'chora.a.b')
  assert.match(trouble?.detail ?? '', /chora\.a\.b\.yaml, chora\.twin\.yaml/)
  await rm(twin)
  assert.deepEqual((await look(sourceAt(place.folder))).keys, ['chora.a.b', 'chora.a.c'])
})

test('a file that did not change is not read again; one that changed a moment ago is', async () => {
  await using place = await scratch()
  await place.write('a.b')
  await place.write('a.c')
  const first = await look(sourceAt(place.folder))
  const known = new Map(
    first.items.map((item) => [item.key, { stamp: item.stamp ?? null, origin: `${item.key}.yaml` }]),
  )
  await place.write('a.c', 'chora_version: 2.0.0\n')
  const second = await look(sourceAt(place.folder), first.mark, known)
  assert.deepEqual(
    second.items.map((item) => 'digest' in item),
    [false, true],
  )
  // Other rules give another reading of the same bytes.
  const dated = sourceAt(place.folder, { rules: { compat: false, versionSource: 'dc_date' } })
  assert.ok((await look(dated, second.mark, known)).items.every((item) => 'digest' in item))
  const now = sourceAt(place.folder, { clock: systemClock })
  const fresh = await look(now, first.mark, known)
  assert.ok(fresh.items.every((item) => 'digest' in item && item.stamp === undefined))
  assert.equal(fresh.mark, undefined)
})

test('absence takes two looks, as far apart as the interval, 20 s at most', async () => {
  assert.deepEqual(sourceAt('/x', { interval: 1000 }).absence, { looks: 2, apart: 1000 })
  assert.deepEqual(sourceAt('/x', { interval: 3_600_000 }).absence, { looks: 2, apart: 20_000 })
})

test('hints: a save, a swapped ConfigMap volume, a replaced directory', { timeout: 30_000 }, async () => {
  await using place = await scratch()
  const data = (name: string) => join(place.folder, name)
  const volume = data('volume')
  await mkdir(volume)
  for (const version of ['1', '2']) {
    await mkdir(join(volume, `..${version}`))
    await writeFile(
      join(volume, `..${version}`, 'chora.a.yaml'),
      manifest('chora.a', `chora_version: ${version}.0.0\n`),
    )
  }
  await symlink('..1', join(volume, '..data'))
  await symlink('..data/chora.a.yaml', join(volume, 'chora.a.yaml'))

  const source = sourceAt(volume)
  await hinted(source, () => writeFile(join(volume, 'chora.new.yaml'), manifest('chora.new')))
  await hinted(source, async () => {
    await symlink('..2', join(volume, '..swap'))
    await rename(join(volume, '..swap'), join(volume, '..data'))
  })
  const { items } = await look(source)
  assert.equal((items[0] as Entry<Capability>).label, '2.0.0')
  await hinted(source, async () => {
    await rename(volume, data('old'))
    await mkdir(volume)
  })
  await assert.rejects(sourceAt(data('missing')).hints!(signal)[Symbol.asyncIterator]().next())
})

/** Watches, waits until watching shows effect, acts, and waits for the hint. */
async function hinted(source: ReturnType<typeof sourceAt>, act: () => Promise<unknown>): Promise<void> {
  const controller = new AbortController()
  const hints = source.hints!(controller.signal)[Symbol.asyncIterator]()
  const next: Promise<IteratorResult<Hint>> = hints.next()
  await act()
  const result = await Promise.race([next, systemClock.sleep(5000).then(() => null)])
  assert.deepEqual(result?.value, { scope: root })
  controller.abort()
  await hints.next().catch(() => {})
}
