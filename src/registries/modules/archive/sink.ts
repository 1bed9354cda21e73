/** A file that comes into being whole or not at all: written beside, fsynced, renamed, its folder fsynced. */
import { renameSync } from 'node:fs'
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'

/** One write to the system for many small pieces; also what a sink holds in memory at most. */
const gatherUpTo = 256 * 1024

export interface Sink {
  /** The piece belongs to the sink from here on. */
  write(piece: Buffer): Promise<void>
  readonly size: number
  /** Puts it where it belongs and hands out its open file; it is durable from then on. */
  keep(path: (sha256: string) => string): Promise<Kept>
  /** Removes it; nothing happens when it was kept. */
  discard(): Promise<void>
}

export interface Kept {
  /** Lower-case hex, of all bytes. */
  readonly sha256: string
  readonly size: number
  /** The caller closes it. */
  readonly handle: FileHandle
}

export interface Sinks {
  create(): Promise<Sink>
  /** Names, not paths, of the temporary files that belong to sinks which are still open. */
  readonly live: ReadonlySet<string>
}

/** Sinks whose temporary files are in `folder`, which must be on the file system of what they become. */
export function createSinks(folder: string, clock: Clock): Sinks {
  const live = new Set<string>()
  let made = 0

  async function create(): Promise<Sink> {
    for (;;) {
      const name = `${process.pid}-${++made}`
      try {
        await mkdir(folder, { recursive: true })
        const handle = await open(join(folder, name), 'wx+')
        live.add(name)
        return createSink({ path: join(folder, name), handle, clock, done: () => live.delete(name) })
      } catch (thrown) {
        // Left behind by an earlier process of the same id: process ids come round, in containers at once.
        if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw storageError(thrown)
      }
    }
  }

  return { create, live }
}

function createSink(parts: { path: string; handle: FileHandle; clock: Clock; done: () => void }): Sink {
  const { path: temporary, handle, clock } = parts
  const hash = createHash('sha256')
  let pieces: Buffer[] = []
  let gathered = 0
  let size = 0
  let open = true

  async function flush(): Promise<void> {
    if (gathered === 0) return
    const all = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    pieces = []
    gathered = 0
    // Of a handle: from where it stands, and all of it.
    await handle.writeFile(all).catch((thrown: unknown) => Promise.reject(storageError(thrown)))
  }

  return {
    async write(piece) {
      hash.update(piece)
      pieces.push(piece)
      gathered += piece.length
      size += piece.length
      if (gathered >= gatherUpTo) await flush()
    },
    get size() {
      return size
    },
    async keep(pathOf) {
      const sha256 = hash.digest('hex')
      const path = pathOf(sha256)
      try {
        await flush()
        const now = new Date(clock.now())
        // Its age is told by this clock, so that a sweep knows what is new.
        await handle.utimes(now, now)
        await handle.sync()
        await makeFolder(dirname(path))
        // Not awaited, so that a sweep of this process cannot come between.
        renameSync(temporary, path)
        open = false
        await syncFolder(dirname(path))
        return { sha256, size, handle }
      } catch (thrown) {
        // After the rename nobody else closes it.
        if (!open) await handle.close()
        throw storageError(thrown)
      } finally {
        if (!open) parts.done()
      }
    },
    async discard() {
      if (!open) return
      open = false
      await handle.close()
      await unlink(temporary).catch(() => {})
      parts.done()
    },
  }
}

/** Folders made on the way are durable once the ones above them are. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

/** A rename is durable once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A full disk is nobody's mistake and mends itself once somebody makes room; the rest passes unchanged. */
export function storageError(thrown: unknown): unknown {
  const { code } = thrown as NodeJS.ErrnoException
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return thrown
  return new AppError('storage.full', 'no space left for archives; make room in the state folder', { cause: thrown })
}
