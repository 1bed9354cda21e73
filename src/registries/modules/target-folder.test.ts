import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { pack } from 'tar-stream'
import type { Entry } from '../../engine/source.ts'
import { fixedTargets } from '../../engine/target.ts'
import { targetContract } from '../../engine/testing/target-contract.ts'
import { sha256 } from '../../kernel/digest.ts'
import type { ModuleDocument } from './model.ts'
import { createFolderTarget } from './target-folder.ts'
import { createArchives, createDeliveryGround, entryOf } from './testing/delivery-ground.ts'

function scratch() {
  const above = mkdtempSync(join(tmpdir(), 'regista-docs-'))
  const folder = join(above, 'docs')
  return { above, folder, [Symbol.dispose]: () => rmSync(above, { recursive: true, force: true }) }
}

targetContract('folder', async () => {
  const place = scratch()
  const archives = createArchives()
  const keys = ['console/alpha', 'console/beta', 'parca/stable']
  const pages = new Map<string, Entry<ModuleDocument>>()
  for (const key of keys) for (const n of [1, 2]) pages.set(`${key} ${n}`, await archives.document(key, `v${n}`))
  return {
    target: createFolderTarget({ name: 'folder', folder: place.folder, open: (digest) => archives.open(digest) }),
    keys,
    entry: (key, n) => pages.get(`${key} ${n}`)!,
    refused: entryOf('../alpha', 'v1', 'sha256:00', 1),
    tamper: (key) => Promise.resolve(rmSync(join(place.folder, key), { recursive: true })),
    breakDown() {
      const aside = `${place.folder}-aside`
      if (existsSync(place.folder)) renameSync(place.folder, aside)
      writeFileSync(place.folder, '')
      return Promise.resolve(() => {
        rmSync(place.folder)
        if (existsSync(aside)) renameSync(aside, place.folder)
        return Promise.resolve()
      })
    },
    close: () => Promise.resolve(place[Symbol.dispose]()),
  }
})

async function ground(folder: string) {
  const archives = createArchives()
  const open = (digest: string) => archives.open(digest)
  const target = () => fixedTargets(createFolderTarget({ name: 'docs', folder, open }))
  const house = await createDeliveryGround(target(), { budget: { least: 100, share: 1, over: 1_000 } })
  return {
    archives,
    house,
    restart: () => house.restart(target()),
    [Symbol.asyncDispose]: () => house[Symbol.asyncDispose](),
  }
}

const read = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8')

test('unpacks, replaces whole, removes, and leaves nothing beside', async () => {
  using place = scratch()
  await using on = await ground(place.folder)
  const { archives, house } = on
  const alpha = await archives.document('console/alpha', 'v1')
  house.show(alpha, await archives.document('console/beta', 'v1'))
  assert.equal((await house.pass()).ok, true)
  assert.equal(read(place.folder, 'console/alpha/docs/README.md'), 'v1')
  writeFileSync(join(place.folder, 'console/beta/docs/left.md'), '')
  mkdirSync(join(place.folder, '.regista/left-by-an-earlier-process'), { recursive: true })
  await on.restart()
  house.show(alpha, await archives.document('console/beta', 'v2'))
  await house.pass()
  assert.deepEqual(readdirSync(join(place.folder, 'console/beta/docs')), ['README.md'])
  assert.equal(read(place.folder, 'console/beta/docs/README.md'), 'v2')
  assert.deepEqual(readdirSync(join(place.folder, '.regista')), [])
  const opened = archives.opened
  await house.pass()
  house.show()
  await house.pass(10)
  assert.deepEqual(readdirSync(place.folder), ['.regista'])
  assert.equal(archives.opened, opened)
})

test('what it did not write is not touched, and written to once it is gone', async () => {
  using place = scratch()
  await using on = await ground(place.folder)
  const { archives, house } = on
  mkdirSync(join(place.folder, 'console/alpha'), { recursive: true })
  writeFileSync(join(place.folder, 'console/alpha/mine.md'), 'mine')
  mkdirSync(join(place.above, 'elsewhere'))
  symlinkSync(join(place.above, 'elsewhere'), join(place.folder, 'linked'))
  const places = ['console/alpha', 'console/beta', 'linked/alpha']
  house.show(...(await Promise.all(places.map((key) => archives.document(key, 'v1')))))
  await house.pass()
  assert.deepEqual(await house.states('docs'), {
    'console/alpha': 'rejected',
    'console/beta': 'applied',
    'linked/alpha': 'rejected',
  })
  assert.equal(read(place.folder, 'console/alpha/mine.md'), 'mine')
  assert.deepEqual(readdirSync(join(place.above, 'elsewhere')), [])
  rmSync(join(place.folder, 'console/alpha'), { recursive: true })
  await house.pass()
  assert.equal((await house.states('docs'))['console/alpha'], 'applied')
  // Somebody takes the place of ours: not ours to remove any more.
  rmSync(join(place.folder, 'console/beta/.regista.json'))
  house.show(await archives.document('console/alpha', 'v1'))
  await house.pass(10)
  assert.equal(read(place.folder, 'console/beta/docs/README.md'), 'v1')
})

test('without its ledger it knows what lies there', async () => {
  using place = scratch()
  const documents: Entry<ModuleDocument>[] = []
  for (const turn of [1, 2]) {
    await using on = await ground(place.folder)
    if (turn === 1) documents.push(await on.archives.document('console/alpha', 'v1'))
    on.house.show(...documents)
    const report = await on.house.pass()
    assert.deepEqual([report.targets[0]!.applied, report.targets[0]!.adopted], turn === 1 ? [1, 0] : [0, 1])
  }
})

test('an archive that leads out, has links, or is not what it was, changes nothing', async () => {
  using place = scratch()
  const tarOf = async (...headers: { name: string; type?: 'symlink' | 'link' | 'fifo'; linkname?: string }[]) => {
    const tar = pack()
    for (const header of headers) {
      if (header.type === undefined) tar.entry(header, 'text')
      else tar.entry(header)
    }
    tar.finalize()
    return Buffer.concat(await Readable.from(tar).toArray())
  }
  const good = await tarOf({ name: './docs//a.md' }, { name: 'docs/b/c.md' })
  const bad = [
    await tarOf({ name: '../out.md' }),
    await tarOf({ name: 'docs/../../out.md' }),
    await tarOf({ name: '/docs/out.md' }),
    await tarOf({ name: 'docs', type: 'symlink', linkname: '/etc' }, { name: 'docs/out.md' }),
    await tarOf({ name: 'docs/a', type: 'link', linkname: '../../out.md' }),
    await tarOf({ name: 'docs/a', type: 'fifo' }),
    Buffer.from('no tar at all'.repeat(100)),
    Buffer.concat([good.subarray(0, 512), good.subarray(512, 600)]),
  ]
  const target = createFolderTarget({
    name: 'docs',
    folder: place.folder,
    open: (digest) => Promise.resolve(Readable.from([tars.get(digest)!])),
  })
  const tars = new Map<string, Buffer>()
  const put = async (key: string, tar: Buffer, more: Partial<ModuleDocument> = {}) => {
    const archive = `sha256:${sha256(tar)}`
    tars.set(more.archive ?? archive, tar)
    const { item, ...entry } = entryOf(key, 'v1', archive, tar.length)
    const change = { key, op: 'put' as const, effectId: 'e', entry: { ...entry, item: { ...item, ...more } } }
    const batch = { changes: [change], last: true, owed: null, owe: () => Promise.resolve(), fence: () => {} }
    for await (const [, outcome] of target.apply(batch, new AbortController().signal)) return outcome
    throw new Error('no outcome')
  }
  assert.equal((await put('a/alpha', good)).is, 'applied')
  const all = () => readdirSync(place.above, { recursive: true }).map(String).toSorted()
  const whole = all()
  assert.ok(whole.includes('docs/a/alpha/docs/b/c.md'), whole.join('\n'))
  for (const [at, tar] of bad.entries()) assert.equal((await put('a/beta', tar)).is, 'rejected', String(at))
  assert.equal((await put('a/beta', good, { archive: 'sha256:other' })).is, 'rejected')
  assert.equal((await put('a/beta', good, { size: good.length - 1 })).is, 'rejected')
  assert.deepEqual(all(), whole)
})
