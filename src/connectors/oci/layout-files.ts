/** Reads files of an image layout (OCI image-spec, image-layout.md), of which nothing is believed. */
import { constants } from 'node:fs'
import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, messageOf } from '../../kernel/errors.ts'
import { unavailable, type Why } from './failure.ts'
import { isTag } from './names.ts'
import type { Descriptor } from './store.ts'

/** One line of index.json. */
export interface Listed extends Descriptor {
  readonly tag: string | null
}

/** 100,000 tags take about 25 MB. */
const longestIndex = 64 << 20
const longestMarker = 4096
const refName = 'org.opencontainers.image.ref.name'

/**
 * What index.json lists; null: there is no layout in this folder. It is read anew each time, which costs a few
 * milliseconds for a thousand tags: a cache by its time of change would miss two changes within one tick.
 */
export async function readListing(folder: string, where: string, signal: AbortSignal): Promise<Listed[] | null> {
  const index = await readSmall(join(folder, 'index.json'), longestIndex, where, signal)
  const marker = await readSmall(join(folder, 'oci-layout'), longestMarker, where, signal)
  if (index === null) {
    // Not `blobs` alone: a repository may have that name.
    const begun = marker !== null || (await isThere(join(folder, 'blobs', 'sha256'), where))
    if (begun) throw unavailable('malformed', where, 'there is no index.json yet; is the layout still being written?')
    return null
  }
  const half = (cause: unknown) =>
    unavailable('malformed', where, 'its index.json or oci-layout is not whole; is the layout still being written?', {
      cause,
    })
  try {
    const { imageLayoutVersion } = JSON.parse(marker?.toString() ?? '') as { imageLayoutVersion?: unknown }
    if (imageLayoutVersion !== '1.0.0') throw new Error('another version of image layouts than 1.0.0')
    const { manifests } = JSON.parse(index.toString()) as { manifests?: unknown }
    if (!Array.isArray(manifests)) throw new Error('no list of manifests')
    return manifests.map(listedOf)
  } catch (cause) {
    throw half(cause)
  }
}

function listedOf(value: unknown): Listed {
  const { mediaType, digest, size, annotations } = value as Record<string, unknown>
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || typeof size !== 'number') {
    throw new Error('a manifest without media type, digest or size')
  }
  const name = (annotations as Record<string, unknown> | null | undefined)?.[refName]
  // Other names than tags are allowed there, and nobody can ask for them here.
  return { mediaType, digest, size, tag: typeof name === 'string' && isTag(name) ? name : null }
}

/** The bytes of a file; null: it is not there. */
export async function readSmall(
  path: string,
  most: number,
  where: string,
  signal: AbortSignal,
): Promise<Buffer | null> {
  const handle = await openFile(path, where)
  if (handle === null) return null
  try {
    const { size } = await handle.stat()
    if (size > most) throw unavailable('too-large', where, `a file has ${size} bytes, of at most ${most}`)
    return await handle.readFile({ signal })
  } catch (thrown) {
    throw failureOf(thrown, where, signal)
  } finally {
    await handle.close()
  }
}

/** null: it is not there. Waits for nobody: a pipe in the place of a file is refused. */
export async function openFile(path: string, where: string): Promise<FileHandle | null> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (thrown) {
    if (isAbsent(thrown)) return null
    throw failureOf(thrown, where)
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw unavailable('malformed', where, 'something else stands where a file should')
}

async function isThere(path: string, where: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (thrown) {
    if (isAbsent(thrown)) return false
    throw failureOf(thrown, where)
  }
}

const isAbsent = (thrown: unknown) => ['ENOENT', 'ENOTDIR'].includes(codeOf(thrown))

/** A folder that is away, or empty like the place where nothing is mounted, says nothing about what is in it. */
export async function checkRoot(folder: string, where: string): Promise<void> {
  try {
    if ((await readdir(folder)).length > 0) return
  } catch (thrown) {
    throw failureOf(thrown, where)
  }
  throw unavailable('malformed', where, 'the folder is empty; is it mounted?')
}

/** Of a file system or of an abort; what has a code of ours keeps it. */
export function failureOf(thrown: unknown, where: string, signal?: AbortSignal): unknown {
  if (thrown instanceof AppError) return thrown
  if (signal?.aborted) return abortOf(signal)
  const code = codeOf(thrown)
  const why: Why = code === 'EACCES' || code === 'EPERM' ? 'forbidden' : 'server-error'
  return unavailable(why, where, `it cannot be read: ${code || messageOf(thrown)}`, { cause: thrown })
}

export function abortOf(signal: AbortSignal): AppError {
  const reason: unknown = signal.reason
  return reason instanceof AppError
    ? reason
    : new AppError('aborted', 'a reading of an image layout', { cause: reason })
}

function codeOf(thrown: unknown): string {
  const { code } = thrown as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
