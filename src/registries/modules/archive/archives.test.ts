import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { filesOf, ground, signal } from './testing/ground.ts'
import { file, folder, hardLink, image, imageOf, opaque, symlink, whiteout } from './testing/layers.ts'

const archiveOf = async (made: ReturnType<typeof ground>, of: Awaited<ReturnType<typeof image>>) =>
  made.archives.make({ layers: of.layers, blob: of.blob, compat: false }, signal)

suite('the archive of an image', () => {
  test('has the documentation, the two files of the root, and nothing else', async () => {
    using at = ground()
    const content = await at.made(
      await image([
        [
          file('./docs/README.md', 'a'),
          file('openapi/conversions/v2.yaml', 'b'),
          file('/crds/x.yaml', 'c'),
          file('module.yaml', 'd'),
          file('oss.yaml', 'e'),
          file('version.json', 'f'),
          file('docs/test.go', 'g'),
          file('charts/x/crds/a.yaml', 'h'),
          file('my-docs/x', 'i'),
          file('openapi.yaml', 'j'),
        ],
      ]),
    )
    assert.deepEqual(filesOf(content), {
      'crds/x.yaml': 'c',
      'docs/README.md': 'a',
      'module.yaml': 'd',
      'openapi/conversions/v2.yaml': 'b',
      'oss.yaml': 'e',
    })
    assert.deepEqual([...content.keys()].slice(0, 4), ['docs', 'openapi', 'openapi/conversions', 'crds'])
  })

  test('follows the rule of the original on demand', async () => {
    using at = ground()
    const content = await at.made(
      await image([
        [file('docs/a', '1'), file('charts/x/crds/a.yaml', '2'), file('my-docs/x', '3'), file('my-docs/x.go', '4')],
        [file('module.yaml', '5'), file('images', '6')],
      ]),
      true,
    )
    assert.deepEqual(filesOf(content), { 'charts/x/crds/a.yaml': '2', 'docs/a': '1', 'my-docs/x': '3' })
    assert.deepEqual([...content.keys()].slice(4), [
      'charts',
      'charts/x',
      'charts/x/crds',
      'charts/x/crds/a.yaml',
      'docs/a',
      'my-docs',
      'my-docs/x',
    ])
  })

  test('of the original: a file outside the documentation hides the folder that it replaces', async () => {
    using at = ground()
    const content = await at.made(
      await image([[file('x/docs/a'), file('y/docs/b', 'b')], [file('x', 'now a file')]]),
      true,
    )
    assert.deepEqual(filesOf(content), { 'y/docs/b': 'b' })
  })

  test('of an image without documentation has the four folders', async () => {
    using at = ground()
    const content = await at.made(await image([[file('hooks/run.py')], []]))
    assert.deepEqual([...content.keys()], ['docs', 'openapi', 'openapi/conversions', 'crds'])
  })

  for (const packing of ['gzip', 'zstd', 'plain'] as const) {
    test(`reads ${packing} layers, whatever their media type says`, async () => {
      using at = ground()
      const long = `docs/${'long-'.repeat(30)}/${'ß'.repeat(60)}/README.md`
      const content = await at.made(await image([[file('docs/a', 'x'.repeat(100_000))], [file(long, 'b')]], packing))
      assert.deepEqual(filesOf(content), { 'docs/a': 'x'.repeat(100_000), [long]: 'b' })
    })
  }
})

suite('layers', () => {
  test('upper entries hide lower ones, and whiteouts what is below them alone', async () => {
    using at = ground()
    const content = await at.made(
      await image([
        [file('docs/a', 'old'), file('docs/b'), file('docs/c/d'), file('docs/c/e'), file('crds/f'), file('crds/g/h')],
        [file('docs/a', 'new'), whiteout('docs/b'), whiteout('docs/c/d'), file('docs/c/d', 'again'), opaque('crds')],
        [file('crds/i', 'i')],
      ]),
    )
    assert.deepEqual(filesOf(content), {
      'crds/i': 'i',
      'docs/a': 'new',
      'docs/c/d': 'again',
      'docs/c/e': 'content of docs/c/e',
    })
  })

  test('a whiteout of the whole folder, and an opaque root', async () => {
    using at = ground()
    const first = await at.made(await image([[file('docs/a'), file('crds/b', 'b')], [whiteout('docs')]]))
    assert.deepEqual(filesOf(first), { 'crds/b': 'b' })
    const second = await at.made(
      await image([
        [file('docs/a'), file('crds/b')],
        [opaque(''), file('docs/c', 'c')],
      ]),
    )
    assert.deepEqual(filesOf(second), { 'docs/c': 'c' })
  })

  test('a file over a folder, a folder over a file, and folders nobody names', async () => {
    using at = ground()
    const content = await at.made(
      await image([
        [file('docs/a/b'), file('docs/c', 'c'), file('docs/e', 'e'), file('docs/g', 'g')],
        [file('docs/a', 'a'), folder('docs/c'), file('docs/e/f', 'f'), file('docs/g/x.go')],
      ]),
    )
    assert.deepEqual(filesOf(content), { 'docs/a': 'a', 'docs/e/f': 'f' })
  })

  test('the last of several entries of one name counts', async () => {
    using at = ground()
    const content = await at.made(
      await image([[file('docs/a', '1'), file('./docs/../docs/a', '2'), file('docs//a', '3')]]),
    )
    assert.deepEqual(filesOf(content), { 'docs/a': '3' })
  })

  test('seen before are not fetched again, and are fetched once by many at a time', async () => {
    using at = ground()
    const first = await image([[file('docs/a', '1')], [file('docs/b', '2')]])
    const made = await Promise.all([archiveOf(at, first), archiveOf(at, first), archiveOf(at, first)])
    assert.equal(first.asked.length, 2)
    assert.equal(
      made.reduce((sum, { fetched }) => sum + fetched, 0),
      first.bytes,
    )
    const second = await image([[file('docs/a', '1')], [file('docs/b', '3')]])
    const { fetched } = await archiveOf(at, second)
    assert.deepEqual(second.asked, [second.layers[1]!.digest])
    assert.equal(fetched, second.layers[1]!.size)
  })

  test('whose bytes are damaged on their way are not believed, and fetched anew', async () => {
    using at = ground()
    const good = await image([[file('docs/a', 'a'.repeat(5000))]])
    const bytes: Buffer[] = []
    for await (const piece of good.blob(good.layers[0]!)) bytes.push(Buffer.from(piece))
    for (const damage of [
      (all: Buffer) => all.subarray(0, all.length - 9),
      (all: Buffer) => Buffer.concat([all, Buffer.from('x')]),
      (all: Buffer) => Buffer.concat([all.subarray(0, 30), Buffer.alloc(all.length - 30)]),
    ]) {
      const bad = imageOf([Buffer.concat(bytes)], damage)
      await assert.rejects(archiveOf(at, bad), /digest mismatch/)
    }
    assert.deepEqual(filesOf(await at.made(good)), { 'docs/a': 'a'.repeat(5000) })
  })
})

suite('links', () => {
  test('are the files that they stand for', async () => {
    using at = ground()
    const content = await at.made(
      await image([
        [
          file('docs/en/a', 'a'),
          symlink('docs/b', 'en/a'),
          symlink('docs/c', '/docs/b'),
          hardLink('docs/d', './docs/en/a'),
        ],
        [symlink('docs/real', 'en'), symlink('docs/e', 'real/a'), symlink('docs/f', '../../../docs/en/../en/a')],
      ]),
    )
    assert.deepEqual(
      filesOf(content),
      Object.fromEntries(['b', 'c', 'd', 'e', 'en/a', 'f'].map((at) => [`docs/${at}`, 'a'])),
    )
  })

  test('a hard link keeps what it linked to, a symbolic link follows', async () => {
    using at = ground()
    const content = await at.made(
      await image([
        [file('docs/a', 'old'), hardLink('docs/hard', 'docs/a'), symlink('docs/soft', 'a')],
        [file('docs/a', 'new')],
      ]),
    )
    assert.deepEqual(filesOf(content), { 'docs/a': 'new', 'docs/hard': 'old', 'docs/soft': 'new' })
  })

  test('lead to files outside of the documentation, over several hops and layers, which are read for them', async () => {
    using at = ground()
    const of = await image([
      [
        file('shared/x.md', 'x'),
        file('README.md', 'readme'),
        file('docs/keep', 'k'),
        file('go/main.go', 'code'),
        file('docs/x.go', 'go'),
      ],
      [symlink('link', 'shared'), symlink('docs/a', '../link/x.md'), hardLink('docs/b', 'README.md')],
      [symlink('docs/c', '../go/main.go'), symlink('docs/d', '../go/../shared/x.md'), hardLink('other', 'README.md')],
      [symlink('docs/e', '../other'), symlink('docs/f', 'x.go')],
    ])
    assert.deepEqual(filesOf(await at.made(of)), {
      'docs/a': 'x',
      'docs/b': 'readme',
      'docs/c': 'code',
      'docs/d': 'x',
      'docs/e': 'readme',
      'docs/f': 'go',
      'docs/keep': 'k',
    })
    const before = of.asked.length
    await at.made(of)
    assert.equal(of.asked.length, before)
  })

  test('a hard link keeps what was no documentation and is hidden by a folder now', async () => {
    using at = ground()
    const of = await image([[file('docs', 'x'), hardLink('module.yaml', 'docs')], [file('docs/a', 'a')]])
    assert.deepEqual(filesOf(await at.made(of)), { 'docs/a': 'a', 'module.yaml': 'x' })
  })

  test('a link to a file that hides a folder of documentation', async () => {
    using at = ground()
    const of = await image([[file('docs/a')], [file('docs', 'x'), symlink('module.yaml', 'docs')]])
    assert.deepEqual(filesOf(await at.made(of)), { 'module.yaml': 'x' })
  })

  test('that lead nowhere are left out and counted, as are devices and names that builders refuse', async () => {
    using at = ground()
    const made = await archiveOf(
      at,
      await image([
        [
          file('docs/a', 'a'),
          symlink('docs/gone', 'nothing'),
          symlink('docs/outside', '../../../../etc/passwd'),
          symlink('docs/loop', 'loop'),
          symlink('docs/folder', '../docs'),
          symlink('docs/through', 'a/b'),
          hardLink('docs/hard', 'nowhere'),
          hardLink('docs/hard-outside', '../../etc/passwd'),
          { name: 'docs/null', type: 'character-device', devmajor: 1, devminor: 3 },
          { name: 'docs/pipe', type: 'fifo' },
          symlink('docs/pipe-link', 'pipe'),
          file('docs/v1..v2.md'),
          file(`docs/${'x'.repeat(256)}`),
          file(`docs/${'d/'.repeat(40)}deep`),
        ],
      ]),
    )
    const at4 = await at.archives.open(made.digest)
    assert.equal(made.files, 1)
    assert.equal(made.leftOut.count, 13)
    assert.deepEqual(Object.fromEntries(made.leftOut.examples.map(({ path, why }) => [path, why])), {
      'docs/folder': 'link-to-directory',
      'docs/gone': 'dangling-link',
      'docs/hard': 'dangling-link',
      'docs/hard-outside': 'not-a-file',
      'docs/loop': 'link-loop',
      'docs/null': 'not-a-file',
      'docs/outside': 'dangling-link',
      'docs/pipe': 'not-a-file',
      'docs/pipe-link': 'not-a-file',
      'docs/through': 'dangling-link',
    })
    at4.destroy()
  })
})

suite('the bytes', () => {
  test('are the same however the image was built', async () => {
    using one = ground()
    using two = ground()
    const first = await archiveOf(
      one,
      await image([
        [folder('docs'), folder('docs/b'), folder('docs/empty'), file('docs/b/c', 'c'), file('docs/a', 'a')],
      ]),
    )
    const second = await archiveOf(
      two,
      await image(
        [
          [file('docs/a', 'other'), file('docs/x')],
          [{ ...file('docs/a', 'a'), mode: 0o4755, uid: 7 }, whiteout('docs/x')],
          [file('docs/b/c', 'c')],
        ],
        'zstd',
      ),
    )
    assert.equal(first.digest, second.digest)
    assert.equal(first.size, second.size)
  })

  test('never change: every archive would be sent anew', async () => {
    using at = ground()
    const made = await archiveOf(
      at,
      await image([[file('docs/README.md', 'Hello'), file(`docs/ä${'x'.repeat(100)}`, 'y')]]),
    )
    assert.equal(made.digest, 'sha256:3a3a20f09b341b47275a603e3b5095edfa9bf8f845592ba75db0df049afec4c6')
  })

  test('are streamed anew each time, and an archive that is not there says so', async () => {
    using at = ground()
    const { digest, size } = await archiveOf(at, await image([[file('docs/a', 'a'.repeat(200_000))]]))
    for (let time = 0; time < 2; time++) {
      let sum = 0
      for await (const piece of await at.archives.open(digest)) sum += (piece as Buffer).length
      assert.equal(sum, size)
    }
    assert.equal(at.archives.has(digest), true)
    const gone = `sha256:${'0'.repeat(64)}`
    assert.equal(at.archives.has(gone), false)
    await assert.rejects(at.archives.open(gone), { code: 'source.unavailable' })
  })
})

test('small files are read by their names', async () => {
  using at = ground()
  const of = await image([
    [file('./version.json', 'old'), file('etc/x', 'x')],
    [file('version.json', '{"version":"v1"}'), symlink('module.yaml', 'etc/x')],
  ])
  const read = (names: string[]) => at.archives.files({ layers: of.layers, names, blob: of.blob }, signal)
  assert.deepEqual(
    [...(await read(['version.json', 'nothing', 'module.yaml']))].map(([name, bytes]) => [name, bytes.toString()]),
    [
      ['module.yaml', 'x'],
      ['version.json', '{"version":"v1"}'],
    ],
  )
  await at.made(of)
  const before = of.asked.length
  await read(['version.json', 'oss.yaml'])
  assert.equal(of.asked.length, before)
  assert.equal((await read(['etc/x'])).get('etc/x')?.toString(), 'x')
  const large = await image([[file('version.json', 'x'.repeat(1024 ** 2 + 1))]])
  await assert.rejects(at.archives.files({ layers: large.layers, names: ['version.json'], blob: large.blob }, signal), {
    code: 'source.invalid',
  })
})
