import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { reasons } from './reason.ts'

test('docs/reasons.md explains every reason, once', () => {
  const text = readFileSync(new URL('../../docs/reasons.md', import.meta.url), 'utf8')
  const explained = [...text.split('## Of ')[0]!.matchAll(/^\| `([a-z-]+)`/gm)].map((row) => row[1])
  assert.deepEqual(explained, Object.keys(reasons))
})
