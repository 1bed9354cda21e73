/** Unpacks the archive of one version into a new folder: files and folders alone, nothing outside, no more than was said. */
import { createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, type Header } from 'tar-stream'
import { AppError, messageOf } from '../../kernel/errors.ts'

export interface Packed {
  /** `sha256:<hex>` of the whole archive. */
  readonly archive: string
  readonly size: number
}

/** A documentation has hundreds of files. */
const mostEntries = 100_000

/** `into` is made. Rejects with `target.refused` where the archive is not what it should be; then what was unpacked is of no use. */
export async function unpack(
  tar: Readable,
  { archive, size }: Packed,
  into: string,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256')
  let come = 0
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk)
      come += chunk.length
      next(come > size ? refused(`it is larger than ${size} bytes`) : null, chunk)
    },
  })
  const reader = extract()
  await mkdir(into, { recursive: true })
  // Nothing is awaited before the loop below: an entry that comes earlier is not waited for.
  const sending = pipeline(tar, counted, reader, { signal })
  sending.catch(() => {})
  try {
    let entries = 0
    for await (const entry of reader) {
      entries += 1
      if (entries > mostEntries) throw refused(`it has more than ${mostEntries} entries`)
      await write(entry as never, into)
    }
    await sending
  } catch (thrown) {
    if (signal.aborted) throw new AppError('aborted', `unpacking of ${archive}`, { cause: thrown })
    // The disk's errors have a number; all others are about what was read.
    const ofDisk = typeof (thrown as { errno?: unknown }).errno === 'number'
    throw thrown instanceof AppError || ofDisk ? thrown : refused(messageOf(thrown))
  } finally {
    tar.destroy()
  }
  if (come !== size || `sha256:${hash.digest('hex')}` !== archive)
    throw refused('it is not what it was when it was made')
}

async function write(entry: Readable & { readonly header: Header }, into: string): Promise<void> {
  const { name, type } = entry.header
  const place = join(into, pathOf(name))
  if (type === 'directory') {
    await mkdir(place, { recursive: true })
    entry.resume()
    return
  }
  if (type !== 'file' && type !== 'contiguous-file') throw refused(`${name} is a ${type}`)
  await mkdir(dirname(place), { recursive: true })
  // No link was made, so that nothing but a file of this archive can be there.
  const file = await open(place, 'w')
  try {
    for await (const chunk of entry as AsyncIterable<Buffer>) await file.write(chunk)
  } finally {
    await file.close()
  }
}

function pathOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (name.startsWith('/') || parts.includes('..') || name.includes('\0')) throw refused(`${name} leads out of it`)
  return parts.join('/')
}

function refused(why: string): AppError {
  return new AppError('target.refused', `the archive cannot be unpacked: ${why}`)
}
