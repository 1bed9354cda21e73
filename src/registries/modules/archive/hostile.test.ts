import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { globSync } from 'node:fs'
import { suite, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { AppError } from '../../../kernel/errors.ts'
import { compat, shipsCompat, withNames } from './filter.ts'
import type { Limits } from './limits.ts'
import { filesOf, ground, signal } from './testing/ground.ts'
import { file, folder, hardLink, image, imageOf, symlink, tarOf, type Entry, type TestImage } from './testing/layers.ts'

const limits: Partial<Limits> = {
  entries: 50,
  unpacked: 4 * 1024 ** 2,
  path: 300,
  file: 10_000,
  files: 8,
  kept: 25_000,
  layers: 5,
}

async function refused(of: TestImage, why: RegExp, asOriginal = false): Promise<void> {
  using at = ground({ limits })
  const making = at.archives.make({ layers: of.layers, blob: of.blob, compat: asOriginal }, signal)
  await assert.rejects(making, (thrown: AppError) => {
    assert.equal(thrown.code, 'source.invalid')
    assert.equal(thrown.class, 'reject')
    assert.match(thrown.detail, why)
    return true
  })
  assert.deepEqual(globSync('tmp/*', { cwd: at.folder }), [])
}

const many = (count: number, one: (n: number) => Entry) => Array.from({ length: count }, (_, n) => one(n))

suite('an image that cannot be used says why:', () => {
  const cases: [string, readonly (readonly Entry[])[], RegExp][] = [
    ['a name that leads out', [[file('docs/../../etc/passwd')]], /layer sha256:[0-9a-f]{64}: ".*passwd" leads out/],
    ['a name that leads out from unwanted parts', [[file('../x')]], /leads out of the image/],
    ['a name too long', [[file(`bin/${'x/'.repeat(200)}`)]], /longer than 300 bytes/],
    ['a file too large', [[file('docs/a', 'x'.repeat(10_001))]], /"docs\/a" has more than 10000 bytes/],
    ['too much of a layer', [many(3, (n) => file(`docs/${n}`, 'x'.repeat(9_000)))], /more than 25000 bytes of doc/],
    ['too much of all', [1, 2, 3].map((n) => [file(`docs/${n}`, 'x'.repeat(9_000))]), /more than 25000 bytes/],
    [
      'too much by links',
      [[file('docs/a', 'x'.repeat(9_000)), hardLink('docs/b', 'docs/a'), symlink('docs/c', 'a')]],
      /25000/,
    ],
    ['too many files of a layer', [many(9, (n) => file(`docs/${n}`, ''))], /more than 8 files/],
    [
      'too many files of all',
      [many(5, (n) => file(`docs/${n}`)), many(5, (n) => file(`crds/${n}`))],
      /more than 8 files/,
    ],
    ['too many entries', [many(51, (n) => folder(`bin/${n}`))], /more than 50 entries/],
    ['a whiteout of nothing', [[file('docs/.wh.')]], /whiteout of nothing/],
    ['a whiteout of its parent', [[file('docs/.wh...')]], /whiteout of nothing/],
    ['too many layers', many(6, (n) => file(`docs/${n}`)).map((one) => [one]), /more than 5 layers/],
  ]
  for (const [name, layers, why] of cases) test(name, async () => refused(await image(layers), why))

  test('a bomb', async () => {
    const tar = await tarOf([file('bin/zeros', Buffer.alloc(8 * 1024 ** 2))])
    await refused(imageOf([gzipSync(tar)]), /unpacks to more than 4194304 bytes/)
    await refused(imageOf([zstdCompressSync(tar)]), /unpacks to more than 4194304 bytes/)
  })

  test('no tar at all', async () => {
    await refused(imageOf([gzipSync(randomBytes(5000))]), /tar/)
    await refused(imageOf([randomBytes(5000)]), /tar/)
    await refused(imageOf([Buffer.from('<html>not a layer</html>')]), /end of data/)
  })

  test('a layer that breaks off', async () => {
    const tar = await tarOf([file('docs/a', 'x'.repeat(9_000))])
    await refused(imageOf([gzipSync(tar).subarray(0, 40)]), /unexpected end/)
    await refused(imageOf([zstdCompressSync(tar).subarray(0, 40)]), /unexpected end/)
    await refused(imageOf([tar.subarray(0, 5000)]), /end of data/)
  })

  test('garbage behind the compressed tar', async () => {
    const tar = await tarOf([file('docs/a')])
    await refused(imageOf([Buffer.concat([gzipSync(tar), Buffer.from('garbage!')])]), /header/)
    await refused(imageOf([Buffer.concat([zstdCompressSync(tar), Buffer.from('garbage!')])]), /frame/i)
  })

  test('a compression that nobody uses for layers', async () => {
    await refused(imageOf([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0])]), /compressed with xz/)
    await refused(imageOf([Buffer.from('BZh91AY&SY')]), /compressed with bzip2/)
  })

  test('a NUL in a name, which only PAX can carry', async () => {
    await refused(await image([[{ ...file('docs/a'), pax: { path: 'docs/\0a' } }]]), /NUL/)
  })

  test('a digest that is no digest', async () => {
    const of = await image([[file('docs/a')]])
    const layers = of.layers.map((layer) => ({ ...layer, digest: 'sha256:../../../etc/passwd' }))
    await refused({ ...of, layers }, /is no digest/)
  })
})

suite('what is odd is taken all the same:', () => {
  test('layers of several gzip members, or zstd frames, cut anywhere', async () => {
    using at = ground()
    const tar = await tarOf([file('docs/a', 'a'.repeat(7000)), file('docs/b', 'b')])
    const cut = (pack: (bytes: Buffer) => Buffer) =>
      Buffer.concat([pack(tar.subarray(0, 1234)), pack(tar.subarray(1234))])
    // As zstd:chunked has behind its frames: magic, length, anything.
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
    for (const blob of [
      cut(gzipSync),
      Buffer.concat([gzipSync(tar), Buffer.alloc(300)]),
      cut(zstdCompressSync),
      Buffer.concat([skippable, cut(zstdCompressSync), skippable]),
    ]) {
      assert.deepEqual(filesOf(await at.made(imageOf([blob]))), { 'docs/a': 'a'.repeat(7000), 'docs/b': 'b' })
    }
  })

  test('an empty blob, an empty tar, and entries that mean nothing', async () => {
    using at = ground()
    const aufs = [file('.wh..wh.plnk/1'), file('docs/.wh..wh.aufs'), file('docs/.wh.x/y'), folder('./')]
    const of = await image([[], aufs, [file('docs/a', 'a')]])
    assert.deepEqual(filesOf(await at.made(of)), { 'docs/a': 'a' })
    assert.deepEqual(filesOf(await at.made(imageOf([Buffer.alloc(0)]))), {})
  })

  test('names like those of every object', async () => {
    using at = ground()
    const names = ['__proto__', 'constructor', 'toString'].map((name) => `docs/${name}`)
    const of = await image([names.map((name) => file(name, 'x')), [symlink('docs/__proto__', 'constructor')]])
    assert.equal(Object.keys(filesOf(await at.made(of))).length, 3)
  })

  test('a sparse file is left out', async () => {
    using at = ground()
    const sparse = { ...file('docs/s'), pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' } }
    assert.deepEqual(filesOf(await at.made(await image([[sparse, file('docs/a', 'a')]]))), { 'docs/a': 'a' })
  })
})

test('more links out of the documentation than are followed are left out, and end', async () => {
  using at = ground()
  const chain = many(30, (n) => symlink(`out/${n}/x`, `../${n + 1}/x`))
  const of = await image([
    [symlink('docs/a', '../out/0/x'), symlink('docs/b', '../out/27/x'), ...chain, file('out/30/x', 'x')],
  ])
  assert.deepEqual(filesOf(await at.made(of)), { 'docs/b': 'x' })
})

test('a filter with names has a name of its own, whatever their order', () => {
  const name = (...names: string[]) => withNames(compat, new Set(names)).name
  assert.equal(name('a', 'b'), name('b', 'a'))
  assert.notEqual(name('a', 'b'), name('a,b'))
  assert.equal(shipsCompat('a/docs/x.go'), false)
})
