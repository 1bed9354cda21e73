/** Random stacks of layers, against a flattener that holds everything in memory. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { shipsCompat, shipsDocumentation } from './filter.ts'
import { filesOf, ground, signal } from './testing/ground.ts'
import { file, folder, hardLink, image, opaque, symlink, whiteout, type Entry } from './testing/layers.ts'
import { flatten, read } from './testing/naive.ts'

/** Few names, so that they meet: as folders, files and links of each other. */
const name = fc.constantFrom('docs', 'crds', 'openapi', 'a', 'b', 'a', 'b', 'x.go', 'module.yaml')
const under = fc.constantFrom('docs', 'docs', 'crds', 'openapi', 'a')
const path = fc
  .tuple(fc.oneof(under, name), fc.array(name, { maxLength: 3 }))
  .map(([first, rest]) => [first, ...rest].join('/'))
const linkTo = fc
  .tuple(fc.constantFrom('', '/', '../', '../../', './'), path)
  .map(([prefix, target]) => `${prefix}${target}`)

const entry: fc.Arbitrary<Entry> = fc.oneof(
  { arbitrary: fc.tuple(path, fc.integer({ min: 0, max: 99 })).map(([at, n]) => file(at, `content ${n}`)), weight: 6 },
  { arbitrary: path.map((at) => folder(at)), weight: 2 },
  { arbitrary: path.map((at) => whiteout(at)), weight: 2 },
  { arbitrary: fc.oneof(path, fc.constant('')).map((at) => opaque(at)), weight: 1 },
  { arbitrary: fc.tuple(path, linkTo).map(([at, to]) => symlink(at, to)), weight: 4 },
  { arbitrary: fc.tuple(path, path).map(([at, to]) => hardLink(at, to)), weight: 3 },
  { arbitrary: path.map((at): Entry => ({ name: at, type: 'fifo' })), weight: 1 },
)
const layer = fc.array(entry, { maxLength: 8 })
const stack = fc.array(layer, { minLength: 1, maxLength: 4 })

/** An unpacker would stop at a hard link to nothing; what comes of later entries is nobody's promise. */
function isUnpackable(layers: readonly (readonly Entry[])[]): boolean {
  for (const [index, entries] of layers.entries()) {
    for (const [at, one] of entries.entries()) {
      if (one.type !== 'link') continue
      const before = flatten([...layers.slice(0, index), [...whiteoutsOf(entries), ...entries.slice(0, at)]])
      const target = before.get(one.linkname!)
      if (target === undefined || target.is === 'directory' || `${one.name}/`.startsWith(`${one.linkname}/`))
        return false
    }
  }
  return true
}

const whiteoutsOf = (entries: readonly Entry[]) => entries.filter(({ name: at }) => at.includes('.wh.'))

function expected(layers: readonly (readonly Entry[])[], asOriginal: boolean): Record<string, string> {
  const disk = flatten(layers)
  const ships = asOriginal ? shipsCompat : shipsDocumentation
  return Object.fromEntries(
    [...disk].flatMap(([at, thing]) => {
      const content = ships(at) && thing.is !== 'directory' ? read(disk, at) : null
      return content === null ? [] : [[at, content]]
    }),
  )
}

suite('flattening', () => {
  test('gives what unpacking every layer gives', async () => {
    using at = ground()
    await fc.assert(
      fc.asyncProperty(stack, fc.boolean(), async (layers, asOriginal) => {
        fc.pre(isUnpackable(layers))
        const content = await at.made(await image(layers, 'plain'), asOriginal)
        assert.deepEqual(filesOf(content), expected(layers, asOriginal))
      }),
      { numRuns: 250 },
    )
  })

  test('the same files give the same bytes, whichever layers they come in', async () => {
    const files = fc.uniqueArray(fc.tuple(path, fc.string({ unit: 'grapheme' }), fc.nat(3)), {
      selector: ([at]) => at,
      maxLength: 12,
    })
    using at = ground()
    await fc.assert(
      fc.asyncProperty(files, async (given) => {
        // A file and what is below it cannot stand side by side.
        const fitting = given.filter(([one]) => !given.some(([other]) => other !== one && one.startsWith(`${other}/`)))
        const entries = fitting.map(([where, text]) => file(where, text))
        const cut = [0, 1, 2, 3].map((n) => entries.filter((_, index) => fitting[index]![2] === n).toReversed())
        const [whole, parts] = [await image([entries], 'plain'), await image(cut, 'gzip')]
        const [one, two] = [
          await at.archives.make({ layers: whole.layers, blob: whole.blob, compat: false }, signal),
          await at.archives.make({ layers: parts.layers, blob: parts.blob, compat: false }, signal),
        ]
        assert.equal(one.digest, two.digest)
      }),
      { numRuns: 60 },
    )
  })
})
