import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { reasons } from './reason.ts'

const text = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8')
const rows = text
  .split('## Of ')[0]!
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

test('docs/reasons.md explains every reason, once', () => {
  assert.deepEqual(
    rows.map(([reason]) => reason!.replaceAll('`', '')),
    Object.keys(reasons),
  )
})

test('docs/reasons.md says in a sentence what each means, and what can be done', () => {
  for (const [reason, ...sentences] of rows) {
    assert.ok(sentences.length > 0, reason)
    for (const sentence of sentences) assert.match(sentence, /^[A-Z`].*[.]$/, reason)
  }
})

test('reasons have one form', () => {
  for (const reason of Object.keys(reasons)) assert.match(reason, /^[a-z]+(-[a-z]+)*$/)
})

test('every reason that the loop gives is one of them', () => {
  const files = globSync('*.ts', { cwd: import.meta.dirname }).filter((file) => !file.endsWith('.test.ts'))
  const given = files.flatMap((file) => {
    const source = readFileSync(new URL(file, import.meta.url), 'utf8')
    return [...source.matchAll(/\b(?:why|reason|hold): (?:[^,\n]*\? )?'([a-z-]+)'/g)].map((match) => match[1]!)
  })
  // The type of a column of the ledger is no reason.
  const unknown = new Set(given).difference(new Set([...Object.keys(reasons), 'text']))
  assert.ok(given.length > 20, `only ${given.length} seen`)
  assert.deepEqual([...unknown], [])
})
