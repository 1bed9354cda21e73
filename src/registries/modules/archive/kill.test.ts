/** A process that makes archives is killed at random moments: what is in the folder is whole, or not believed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, readFileSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { systemClock } from '../../../kernel/clock.ts'
import { createArchives } from './archives.ts'
import { factsOf, readSlice } from './slice.ts'
import { ground, signal } from './testing/ground.ts'
import { killImages } from './testing/kill-images.ts'
import { digestOf } from './testing/layers.ts'

const program = fileURLToPath(new URL('testing/kill-process.ts', import.meta.url))
const count = 6
const rounds = 8

test('no kill leaves half a file that is believed, and the next process goes on', { timeout: 120_000 }, async (t) => {
  using at = ground()
  using elsewhere = ground()
  const images = await killImages(count)
  const right: string[] = []
  for (const { layers, blob } of images) {
    right.push((await elsewhere.archives.make({ layers, blob, compat: false }, signal)).digest)
  }
  // After so many steps; what exactly it hits is the machine's doing.
  const seed = Number(process.env['SEED'] ?? 20_261)
  const moments = fc.sample(fc.integer({ min: 1, max: 250 }), { seed, numRuns: rounds })
  t.diagnostic(`seed ${seed}`)
  const said = new Set<string>()
  const all = new Set<string>()
  let killed = 0
  for (const moment of moments) {
    const wasKilled = await makeAndKill(at.folder, moment, said)
    for (const line of said) {
      const [, index, digest] = line.split(' ')
      assert.equal(digest, right[Number(index)])
      assert.ok(
        globSync(`archives/sha256/${digest!.slice(7)}`, { cwd: at.folder }).length === 1,
        `${line}, and it is gone`,
      )
    }
    await checkFolder(at.folder, right)
    for (const line of said) all.add(line)
    if (wasKilled) killed++
    else {
      // Nothing is left to do: from the start.
      rmSync(at.folder, { recursive: true })
      said.clear()
    }
  }
  assert.ok(killed > 1 && all.size > 0, `killed ${killed} times, made ${all.size}: nothing was shown`)
  for (const [index, { layers, blob }] of images.entries()) {
    const { digest } = await at.archives.make({ layers, blob, compat: false }, signal)
    assert.equal(digest, right[index])
  }
  const later = { ...systemClock, now: () => Date.now() + 2 * 60 * 60_000 }
  await createArchives({ folder: at.folder, clock: later }).sweep(new Set(right))
  assert.deepEqual(globSync('tmp/*', { cwd: at.folder }), [])
  await checkFolder(at.folder, right)
})

/** Whether it was killed before it was done. `said` gets what it said to have made. */
async function makeAndKill(folder: string, moment: number, said: Set<string>): Promise<boolean> {
  const child = spawn(process.execPath, [program, folder, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('close', (_, by) => resolve(by)))
  let steps = 0
  for await (const line of createInterface(child.stdout)) {
    if (++steps === moment) child.kill('SIGKILL')
    if (line.startsWith('made')) said.add(line)
  }
  return (await ended) === 'SIGKILL'
}

async function checkFolder(folder: string, right: readonly string[]): Promise<void> {
  for (const path of globSync('archives/sha256/*', { cwd: folder })) {
    const digest = digestOf(readFileSync(join(folder, path)))
    assert.equal(digest, `sha256:${basename(path)}`)
    assert.ok(right.includes(digest), `${path}: nobody makes this one`)
  }
  for (const path of globSync('slices/*', { cwd: folder })) {
    await using handle = await open(join(folder, path))
    const slice = await readSlice(handle)
    assert.ok(slice, `${path} is not whole`)
    for await (const _ of factsOf(slice));
  }
}
