/** The manifest files of a directory: which there are, and their bytes. Each failure concerns one file. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../kernel/errors.ts'
import { ManifestError } from './problem.ts'

/** A manifest that exceeds this would not fit into a transaction of any target. */
export const largestManifest = 1 << 20
/** Files asked for or read at the same time. */
const atOnce = 64

export interface ManifestFile {
  readonly name: string
  /** Changes when the file does: inode, size, times. null: it could not even be asked for, see `problem`. */
  readonly stamp: string | null
  /** When the file last changed in any way, by the clock of the file system; 0 without a stamp. */
  readonly changedAt: number
  readonly problem: ManifestError | null
}

/**
 * `*` and `?` as in a shell, within one file name. (node:path has matchesGlob, which also knows braces
 * and `**`; Python's glob, which the original uses, does not.)
 */
export function namePattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's')
}

/** Matching files in order of their names. Throws `source.unavailable` when the directory cannot be read. */
export async function listManifests(directory: string, pattern: RegExp, signal: AbortSignal): Promise<ManifestFile[]> {
  return forEach(await listNames(directory, pattern), signal, async (name) => {
    try {
      return describe(name, await stat(join(directory, name)))
    } catch (thrown) {
      return { name, stamp: null, changedAt: 0, problem: fileProblem(thrown) }
    }
  })
}

/** Throws like listManifests. */
export async function listNames(directory: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(directory).catch((thrown: NodeJS.ErrnoException) => {
    const missing = thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR'
    const detail = missing ? `Capabilities directory not found: ${directory}` : plainMessage(thrown)
    throw new AppError('source.unavailable', detail, { cause: thrown })
  })
  return names.filter((name) => pattern.test(name)).toSorted((a, b) => (a < b ? -1 : 1))
}

function describe(name: string, stats: Stats): ManifestFile {
  const stamp = `${stats.ino}-${stats.size}-${stats.mtimeMs}-${stats.ctimeMs}`
  return { name, stamp, changedAt: Math.max(stats.mtimeMs, stats.ctimeMs), problem: refusalOf(stats) }
}

function refusalOf(stats: Stats): ManifestError | null {
  if (!stats.isFile()) return new ManifestError('file', stats.isDirectory() ? 'is a directory' : 'is no regular file')
  return stats.size > largestManifest ? new ManifestError('file', `is larger than ${largestManifest} bytes`) : null
}

/** Throws ManifestError. */
export async function readManifestFile(directory: string, name: string): Promise<Uint8Array> {
  try {
    // Not blocking: a pipe that took the file's place must not hang the look.
    await using file = await open(join(directory, name), constants.O_RDONLY | constants.O_NONBLOCK)
    const refusal = refusalOf(await file.stat())
    if (refusal) throw refusal
    const bytes = await file.readFile()
    if (bytes.length > largestManifest) throw new ManifestError('file', `is larger than ${largestManifest} bytes`)
    return bytes
  } catch (thrown) {
    throw thrown instanceof ManifestError ? thrown : fileProblem(thrown)
  }
}

/**
 * The same at once, for a command that does nothing else meanwhile: a fifth of the time for thousands of
 * small files (2026-11-21). Throws ManifestError.
 */
export function readManifestFileNow(directory: string, name: string): Uint8Array {
  let file: number | null = null
  try {
    file = openSync(join(directory, name), constants.O_RDONLY | constants.O_NONBLOCK)
    const refusal = refusalOf(fstatSync(file))
    if (refusal) throw refusal
    return readFileSync(file)
  } catch (thrown) {
    throw thrown instanceof ManifestError ? thrown : fileProblem(thrown)
  } finally {
    if (file !== null) closeSync(file)
  }
}

/** Results in the order of `items`, whatever order they came in. Rejects when the signal aborts. */
export async function forEach<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) {
      signal.throwIfAborted()
      results[at] = await act(items[at]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  return results
}

function fileProblem(thrown: unknown): ManifestError {
  const error = thrown as NodeJS.ErrnoException
  if (error.code === 'ENOENT') return new ManifestError('file', 'vanished, or is a link to nothing')
  return new ManifestError('file', plainMessage(error))
}

/** Without the call and the path that Node adds: "EACCES: permission denied, open '…'". */
function plainMessage(error: NodeJS.ErrnoException): string {
  return error.message.replace(/, [a-z]+(?: '.*')?$/s, '')
}
