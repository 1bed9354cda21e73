import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeStateFolder } from './state-folder.ts'

test('makes what is missing, for its owner alone, and leaves what is there', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'regista-folder-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const deep = join(folder, 'a', 'b')
  makeStateFolder(deep)
  makeStateFolder(deep)
  assert.equal(statSync(deep).mode & 0o777, 0o700)
  writeFileSync(join(folder, 'file'), '')
  assert.throws(() => makeStateFolder(join(folder, 'file')), { code: 'ENOTDIR' })
})

test('ends where no folder can be made', { skip: process.platform !== 'linux' && 'needs /proc' }, () => {
  assert.throws(() => makeStateFolder('/proc/none/below'), { code: 'ENOENT' })
})
