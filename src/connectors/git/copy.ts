/** The bare copy on this machine: made, kept free of what killed processes leave, kept small, thrown away. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppError } from '../../kernel/errors.ts'
import { BrokenRepository } from './failure.ts'
import { fingerprintOf, type GitRemote } from './remote.ts'

export interface LocalCopy {
  /** Keeps what was fetched last from being pruned. */
  readonly ref: string
  /** The beginning of refs that keep more than that; whoever uses them bounds their number. */
  readonly kept: string
  /** The folder exists and can be written. */
  prepare(): Promise<void>
  /** Makes the copy unless it is there, of this remote and whole; clears away what a killed git left. */
  open(format: 'sha1' | 'sha256', signal: AbortSignal): Promise<void>
  /** After a fetch: drops what no longer is of any use, once there is enough of it. */
  tidy(signal: AbortSignal): Promise<void>
  discard(): Promise<void>
}

export interface LocalCopyOptions {
  readonly folder: string
  readonly remote: GitRemote
  readonly git: (args: readonly string[], signal: AbortSignal) => Promise<unknown>
  /** When its folder cannot be made. */
  readonly fail: (detail: string, cause: unknown) => AppError
}

/** Written last, so that a copy without it was never finished. Names the remote and the kind of ids. */
const sealName = 'regista-copy'
/** Each fetch leaves a pack; this many are worth the time it takes to make one of them. */
const mostPacks = 16

export function createLocalCopy({ folder, remote, git, fail }: LocalCopyOptions): LocalCopy {
  const seal = join(folder, sealName)
  const namespace = 'refs/regista'

  async function clean(): Promise<void> {
    // One process at a time holds the folder: every lock is of one that is gone.
    await removeAll(folder, (name) => name.endsWith('.lock'))
    await removeAll(join(folder, namespace), (name) => name.endsWith('.lock'))
    await removeAll(join(folder, 'objects'), (name) => name.startsWith('tmp_'))
    await removeAll(join(folder, 'objects/pack'), (name) => name.startsWith('tmp_'))
  }

  const discard = async () => {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }

  return {
    ref: `${namespace}/tip`,
    kept: `${namespace}/kept`,
    discard,
    async prepare() {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
      } catch (thrown) {
        throw fail(`the folder ${folder} for the copy of the repository cannot be made`, thrown)
      }
    },
    async open(format, signal) {
      const wanted = `${fingerprintOf(remote)} ${format}\n`
      const found = await readFile(seal, 'utf8').catch(() => '')
      if (found === wanted) return clean()
      await discard()
      // Without templates, which may bring hooks.
      await git(['init', '--quiet', '--bare', '--template=', `--object-format=${format}`], signal)
      await writeFile(`${seal}.new`, wanted)
      await rename(`${seal}.new`, seal)
    },
    async tidy(signal) {
      const packs = (await namesIn(join(folder, 'objects/pack'))).filter((name) => name.endsWith('.pack'))
      if (packs.length < mostPacks) return
      await git(['repack', '-a', '-d', '-q'], signal)
      await git(['prune', '--expire=now'], signal)
    },
  }
}

/** Once more on a fresh copy, where the one at hand may be what is wrong. */
export async function mended<T>(copy: LocalCopy, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (!(thrown instanceof BrokenRepository)) throw thrown
    await copy.discard()
    return work()
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

async function removeAll(folder: string, unwanted: (name: string) => boolean): Promise<void> {
  const names = (await namesIn(folder)).filter(unwanted)
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true, force: true })))
}
