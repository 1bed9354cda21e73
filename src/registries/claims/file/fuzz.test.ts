import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzRegistryFiles } from '../../../../tests/parts/claims-fuzz.ts'

test('edits of made-up files change what they name and nothing else, and are seldom refused', () => {
  const { files, edited, changes, refused, wrong } = fuzzRegistryFiles({ count: 1000, seed: 11 })
  assert.deepEqual(wrong, [])
  assert.ok(edited > files / 2 && changes > 2 * edited, `${changes} changes in ${edited} of ${files} files`)
  assert.ok(refused < files / 100, `${refused} edits refused`)
})
