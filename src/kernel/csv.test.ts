import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvLine } from './csv.ts'

test('a record: nothing for null, quotes where they are needed, objects as JSON', () => {
  assert.equal(csvLine(['a', null, undefined, 5, -1, true, '']), 'a,,,5,-1,true,\r\n')
  assert.equal(csvLine(['a,b', 'say "so"', 'two\nlines']), '"a,b","say ""so""","two\nlines"\r\n')
  assert.equal(csvLine([{ a: 1 }]), '"{""a"":1}"\r\n')
})

test('no text is a formula', () => {
  assert.equal(csvLine(['=1+1', '+1', '-x', '@sum', 'a=1']), "'=1+1,'+1,'-x,'@sum,a=1\r\n")
})
