/** The manifest files of a directory: which there are, and their bytes. Each failure concerns one file. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync, type Stats } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../kernel/errors.ts'
import { ManifestError } from './manifest/problem.ts'

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
  const names = await readdir(directory).catch((thrown: unknown) => {
    throw new AppError('source.unavailable', unreadable(directory, thrown), { cause: thrown })
  })
  return names.filter((name) => pattern.test(name)).toSorted((a, b) => (a < b ? -1 : 1))
}

function unreadable(directory: string, thrown: unknown): string {
  const error = thrown as NodeJS.ErrnoException
  const missing = error.code === 'ENOENT' || error.code === 'ENOTDIR'
  return missing ? `Capabilities directory not found: ${directory}` : plainMessage(error)
}

/** What a thread tells of a file; errors do not cross threads whole. */
export type ToldFile = Omit<ManifestFile, 'problem'> & { readonly problem: string | null }

/**
 * As `listManifests`, at once and for a thread of its own: a network mount that does not answer holds up
 * whoever asks. `before` is what this gave the last time; the same array: nothing changed since.
 * A string says why the directory cannot be read.
 */
export function listManifestsNow(
  directory: string,
  pattern: RegExp,
  before: readonly Asked[],
): readonly Asked[] | string {
  let names: string[]
  try {
    names = readdirSync(directory).filter((name) => pattern.test(name))
  } catch (thrown) {
    return unreadable(directory, thrown)
  }
  let same = names.length === before.length
  const asked = names.map((name, at) => {
    const known = before[at]
    const now = askNow(directory, name)
    if (known !== undefined && known.name === name && equal(known, now)) return known
    same = false
    return { name, ...now }
  })
  return same ? before : asked
}

/** What the system says of a file, not yet put into words. */
export type Asked = { readonly name: string } & Answer
type Answer = { readonly stats: Stats; readonly problem: null } | { readonly stats: null; readonly problem: string }

function askNow(directory: string, name: string): Answer {
  try {
    const stats = statSync(`${directory}/${name}`, { throwIfNoEntry: false })
    return stats === undefined ? { stats: null, problem: vanished } : { stats, problem: null }
  } catch (thrown) {
    return { stats: null, problem: plainMessage(thrown as Error) }
  }
}

/** 10,000 comparisons of numbers take 0.3 ms, of the texts that would be made of them 9 ms (2026-11-21). */
function equal(one: Answer, two: Answer): boolean {
  if (one.stats === null || two.stats === null) return one.problem === two.problem
  const [a, b] = [one.stats, two.stats]
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.mode === b.mode
}

export function toldOf({ name, stats, problem }: Asked): ToldFile {
  if (stats === null) return { name, stamp: null, changedAt: 0, problem }
  const file = describe(name, stats)
  return { ...file, problem: file.problem?.message ?? null }
}

export function fileOf(told: ToldFile): ManifestFile {
  return { ...told, problem: told.problem === null ? null : new ManifestError('file', told.problem) }
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

const vanished = 'vanished, or is a link to nothing'

function fileProblem(thrown: unknown): ManifestError {
  const error = thrown as NodeJS.ErrnoException
  if (error.code === 'ENOENT') return new ManifestError('file', vanished)
  return new ManifestError('file', plainMessage(error))
}

/** Without the call and the path that Node adds: "EACCES: permission denied, open '…'". */
function plainMessage(error: NodeJS.ErrnoException): string {
  return error.message.replace(/, [a-z]+(?: '.*')?$/s, '')
}
