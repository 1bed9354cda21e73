/** The order of what reaches the disk: all that a loss of power leaves of a name is what was fsynced before it. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import promises, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { dirname, relative } from 'node:path'
import { test } from 'node:test'

const steps: string[] = []
let root = ''
const name = (path: unknown) => relative(root, String(path)).replace(/[0-9a-f]{64}/, '<hex>')

// Every way in which this folder's code writes; done before it is loaded.
const { open } = promises
promises.open = async (path, ...rest) => {
  const handle: FileHandle = await open(path, ...rest)
  const { writeFile, sync } = handle
  handle.writeFile = async (...what) => {
    await writeFile.apply(handle, what)
    steps.push(`write ${name(path)}`)
  }
  handle.sync = async () => {
    await sync.apply(handle)
    steps.push(`sync ${name(path)}`)
  }
  return handle
}
const { renameSync } = fs
fs.renameSync = (from, to) => {
  renameSync(from, to)
  steps.push(`rename ${name(from)} to ${name(dirname(String(to)))}`)
}
syncBuiltinESMExports()
const { ground, signal } = await import('./testing/ground.ts')
const { file, image } = await import('./testing/layers.ts')

test('what is written is fsynced before it has its name, and its name before anybody hears of it', async () => {
  using at = ground()
  root = at.folder
  const { layers, blob } = await image([[file('docs/a', 'a')]])
  await at.archives.make({ layers, blob, compat: false }, signal)
  const id = process.pid
  assert.deepEqual(steps, [
    `write tmp/${id}-1`,
    `sync tmp/${id}-1`,
    'sync ',
    `rename tmp/${id}-1 to slices`,
    'sync slices',
    `write tmp/${id}-2`,
    `sync tmp/${id}-2`,
    'sync archives',
    'sync ',
    `rename tmp/${id}-2 to archives/sha256`,
    'sync archives/sha256',
  ])
})
