import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { checkFolder, checkNode, checkSpace } from './machine.ts'

const folder = mkdtempSync(join(tmpdir(), 'regista-doctor-'))
after(() => rmSync(folder, { recursive: true }))

test('node: 24.11 and newer', () => {
  assert.deepEqual(
    ['24.11.0', '26.0.0', '24.10.9', '20.20.2'].map((version) => checkNode(version).state),
    ['ok', 'ok', 'fail', 'fail'],
  )
})

test('state folder: will be made, is there, is open to others, is no folder', () => {
  assert.match(checkFolder(join(folder, 'a', 'b')).detail, /will be made$/)
  chmodSync(folder, 0o700)
  assert.equal(checkFolder(folder).state, 'ok')
  chmodSync(folder, 0o755)
  assert.deepEqual(checkFolder(folder).next, `chmod 700 ${folder}`)
  writeFileSync(join(folder, 'file'), '')
  assert.equal(checkFolder(join(folder, 'file', 'state')).state, 'fail')
})

test('disk: time to look below 1 GiB, too little below 100 MiB', () => {
  const free = (mebibytes: number) => checkSpace(folder, () => ({ bavail: mebibytes * 256, bsize: 4096 })).state
  assert.deepEqual([free(99), free(100), free(1023), free(1024)], ['fail', 'warn', 'warn', 'ok'])
})
