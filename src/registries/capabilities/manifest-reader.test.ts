import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { generateManifests } from '../../../tests/parts/manifests.ts'
import { root } from '../../engine/scope.ts'
import { systemClock as clock } from '../../kernel/clock.ts'
import { readManifests } from './manifest-reader.ts'
import { createDirectorySource } from './source-directory.ts'

const rules = { compat: false, versionSource: 'semver' } as const
const { signal } = new AbortController()
let directory = ''
const names: string[] = []

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'regista-reader-'))
  const put = (name: string, write: (path: string) => void) => {
    names.push(name)
    write(join(directory, name))
  }
  for (const { file, text } of generateManifests(450, 7)) put(file, (path) => writeFileSync(path, text))
  put('chora.bad.broken.yaml', (path) => writeFileSync(path, 'metadata: {'))
  put('chora.bad.latin.yaml', (path) => writeFileSync(path, Buffer.from([0xe4, 0xf6])))
  put('chora.bad.empty.yaml', (path) => writeFileSync(path, ''))
  put('chora.bad.folder.yaml', (path) => mkdirSync(path))
  put('chora.bad.link.yaml', (path) => symlinkSync('nowhere', path))
})
after(() => rmSync(directory, { recursive: true }))

/** A whole first look, told by JSON: items as they come, troubles as they are shown. */
async function lookWith(readersFrom: number): Promise<unknown> {
  const source = createDirectorySource({ directory, glob: 'chora.*.yaml', rules, interval: 60_000, clock, readersFrom })
  const look = await source.look({ scope: root, known: () => Promise.resolve(new Map()) }, signal)
  assert.equal(look.saw, 'complete')
  return JSON.parse(JSON.stringify({ ...look, items: [...(look as { items: Iterable<unknown> }).items] }))
}

test('threads read what one by one is read, errors included, in the same order', async () => {
  const [threads, single] = [await lookWith(1), await lookWith(Infinity)]
  assert.deepEqual(threads, single)
  assert.equal((threads as { items: unknown[] }).items.length, 450)
  assert.equal((threads as { troubles: unknown[] }).troubles.length, 5)
})

test('an abort is not waited for', async () => {
  const stop = new AbortController()
  const read = readManifests({ directory, rules }, names, stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(read, /enough/)
  await assert.rejects(readManifests({ directory, rules }, names, stop.signal), /enough/)
})
