import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { unifiedDiff } from './diff.ts'

const texts = fc
  .array(fc.constantFrom('a\n', 'b\n', 'c\n', 'd\r\n', '\n', 'a', ' x\n'), { maxLength: 30 })
  .map((lines) => lines.map((line, at) => (line === 'a' && at < lines.length - 1 ? 'a\n' : line)).join(''))

/** What a diff makes of a text, read as its format says. */
function applied(before: string, diff: string): string {
  const old = before === '' ? [] : before.split(/(?<=\n)/)
  const lines = diff.split(/(?<=\n)/).slice(2)
  const out: string[] = []
  let at = 0
  for (const [index, line] of lines.entries()) {
    const range = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@\n$/.exec(line)
    if (range) {
      const begins = Number(range[1]) - (range[2] === '0' ? 0 : 1)
      out.push(...old.slice(at, begins))
      at = begins
      continue
    }
    if (line.startsWith('\\')) continue
    const text = lines[index + 1]?.startsWith('\\') ? line.slice(1, -1) : line.slice(1)
    if (line[0] !== '+') assert.equal(old[at++], text)
    if (line[0] !== '-') out.push(text)
  }
  return [...out, ...old.slice(at)].join('')
}

test('a diff says how to get from one text to the other', () => {
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const diff = unifiedDiff('claims/registry.yaml', before, after)
      if (before === after) return assert.equal(diff, '')
      assert.equal(applied(before, diff), after)
    }),
    { numRuns: 500 },
  )
})

test('patch takes it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-diff-'))
  try {
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        fc.pre(before !== after && before !== '' && after !== '')
        const file = join(folder, 'text')
        writeFileSync(file, before)
        const diff = unifiedDiff('text', before, after)
        execFileSync('git', ['apply', '--unsafe-paths', '--whitespace=nowarn', '-p1', '-'], {
          cwd: folder,
          input: diff,
        })
        assert.equal(readFileSync(file, 'utf8'), after)
      }),
      { numRuns: 25 },
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('shows little of a large file in which little differs', () => {
  const lines = Array.from({ length: 40_000 }, (_, n) => `line ${n % 977}\n`)
  const other = lines.map((line, n) => (n % 200 === 0 ? `other ${n}\n` : line))
  const diff = unifiedDiff('x', lines.join(''), other.join(''))
  assert.equal(diff.split('\n').filter((line) => /^[-+](?![-+]{2} )/.test(line)).length, 400)
})
