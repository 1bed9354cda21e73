import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bodyOf, markIn, sameText, type BodyRow } from './body.ts'

const mark = { commit: 'abc', content: 'c'.repeat(64), blob: 'b'.repeat(64) }
const row = (was: string | null, becomes: string | null = 'ok', claim = 'default/a'): BodyRow => ({
  cluster: 'one',
  claim,
  was,
  becomes,
  since: Date.UTC(2026, 10, 21, 5, 0, 36, 500),
})
const lineOf = (one: BodyRow) =>
  bodyOf([one], mark)
    .split('\n')
    .find((line) => line.startsWith('| `'))!

test('says which claim, from what to what, since when', () => {
  assert.equal(
    lineOf(row('new', 'Ready: True')),
    '| `one` | `default/a` | `new` | `Ready: True` | 2026-11-21T05:00:36Z |',
  )
  assert.equal(lineOf(row(null, null)), '| `one` | `default/a` | – | – | 2026-11-21T05:00:36Z |')
})

test('mentions nobody, closes nothing, breaks no table', () => {
  const line = lineOf(row('@all fixes #1, closes GH-2', 'a|b `c` <!-- x --> https://github.com/o/r/issues/3\n\n| d |'))
  for (const bad of ['@all', '#1', 'GH-2', '<!--', '-->', '://', '`c`']) assert.ok(!line.includes(bad), bad)
  assert.equal(line.replaceAll('\\|', '').split('|').length, 7)
})

test('whatever a cluster says, it is one line of five cells, and the mark is found', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('|', '\\', '`', '@', '#', '<!--', '-->', '\n', '\r', 'regista', ' ', '😀'))
      .map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, text, (was, becomes) => {
      const body = bodyOf([row(was, becomes, becomes)], mark)
      const lines = body.split('\n')
      assert.equal(lines.filter((line) => line.startsWith('|')).length, 3)
      assert.equal(lineOf(row(was, becomes)).replaceAll('\\|', '').split('|').length, 7)
      assert.deepEqual(markIn(body), mark)
      assert.deepEqual(markIn(body.replaceAll('\n', '\r\n')), mark)
    }),
    { numRuns: 500 },
  )
})

test('stays within what forges take, and says what it leaves out', () => {
  const rows = Array.from({ length: 10_000 }, (_, n) => row('x'.repeat(5000), 'y'.repeat(5000), `default/claim-${n}`))
  const body = bodyOf(rows, mark)
  assert.ok(body.length < 65_536, `${body.length}`)
  const shown = body.match(/^\| `one`/gm)!.length
  assert.ok(shown > 100)
  assert.match(body, new RegExp(`… and ${10_000 - shown} more`))
  assert.deepEqual(markIn(body), mark)
})

test('forges change the ends of lines', () => {
  assert.ok(sameText('a\r\nb', 'a\nb\n'))
  assert.ok(!sameText('a', 'b'))
})
