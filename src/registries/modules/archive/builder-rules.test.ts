/** What builders ask of an archive: no links, parents first, nothing that leads out, a proper end. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createDisk, upload } from '../../../connectors/docs-builder/testing/builder-disk.ts'
import { ground, signal } from './testing/ground.ts'
import { file, folder, hardLink, image, symlink, type Entry, type TestImage } from './testing/layers.ts'
import { readStrictly } from './testing/strict-tar.ts'

async function tarOf(at: ReturnType<typeof ground>, of: TestImage, compat = false): Promise<Buffer> {
  const { digest, size } = await at.archives.make({ layers: of.layers, blob: of.blob, compat }, signal)
  const pieces: Buffer[] = []
  for await (const piece of await at.archives.open(digest)) pieces.push(piece as Buffer)
  const tar = Buffer.concat(pieces)
  assert.equal(tar.length, size)
  return tar
}

const part = fc.oneof(
  fc.constantFrom(
    'docs',
    'crds',
    'a',
    'b',
    '..',
    'x..y',
    'x'.repeat(90),
    'ü'.repeat(60),
    'new\nline',
    'sp ace',
    '\u{1f600}',
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((text) => !/[/\0]/.test(text)),
)
const name = fc
  .tuple(fc.constantFrom('docs', 'crds', 'openapi', 'x'), fc.array(part, { minLength: 1, maxLength: 5 }))
  .map(([first, rest]) => [first, ...rest].join('/'))
  .filter((path) => !/(^|\/)\.\.(\/|$)/.test(path) && !path.includes('.wh.'))
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.tuple(name, fc.nat(2000)).map(([at, size]) => file(at, 'x'.repeat(size))),
  fc.tuple(name, name).map(([at, to]) => symlink(at, `/${to}`)),
  fc.tuple(name, name).map(([at, to]) => hardLink(at, to)),
  name.map((at) => folder(at)),
  name.map((at): Entry => ({ name: at, type: 'character-device' })),
)

suite('every archive keeps the rules of builders', () => {
  test('whatever the image has', async () => {
    using at = ground()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(entry, { maxLength: 8 }), { maxLength: 3 }),
        fc.boolean(),
        async (layers, compat) => {
          const entries = readStrictly(await tarOf(at, await image(layers, 'plain'), compat))
          assert.deepEqual(
            entries.slice(0, 4).map(({ name: path, isFolder }) => [path, isFolder]),
            ['docs', 'openapi', 'openapi/conversions', 'crds'].map((path) => [path, true]),
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  const typical = () =>
    image([
      [
        file('docs/internal/DEEP_RU.md', 'd'),
        file('docs/README.md', 'r'),
        symlink('docs/link.md', 'README.md'),
        file('openapi/config-values.yaml', 'o'),
        file('openapi/conversions/v2.yaml', 'c'),
        file('openapi/other/deep/x.yaml', 'x'),
        file('crds/doc-ru-x.yaml', 'y'),
        file('module.yaml', 'm'),
        file(`docs/${'long'.repeat(40)}/ümlaut.md`, 'u'),
      ],
    ])

  test('a builder takes it whole', async () => {
    using at = ground()
    const disk = createDisk()
    const tar = await tarOf(at, await typical())
    await upload(disk, { module: 'm', version: 'v1.0.0', channels: ['stable'] }, Readable.from([tar]))
    assert.deepEqual([...disk.folders.get('m/stable')!.files.keys()].toSorted(), [
      'content/README.md',
      'content/internal/DEEP.ru.md',
      'content/link.md',
      `content/${'long'.repeat(40)}/ümlaut.md`,
      'data/crds/doc-ru-x.yaml',
      'data/module.yaml',
      'data/openapi/config-values.yaml',
      'data/openapi/conversions/v2.yaml',
    ])
  })

  test('tar lists it without a complaint', async () => {
    using at = ground()
    const of = await typical()
    const { digest } = await at.archives.make({ layers: of.layers, blob: of.blob, compat: false }, signal)
    const path = join(at.folder, 'archives', digest.replace(':', '/'))
    const listed = execFileSync('tar', ['--list', '--quoting-style=literal', '--file', path], { encoding: 'utf8' })
    const names = readStrictly(readFileSync(path)).map(({ name: listedName }) => listedName)
    assert.deepEqual(listed.trimEnd().split('\n'), names)
  })
})
