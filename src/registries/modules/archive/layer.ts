/** Boils a layer down to a slice: one pass over its bytes, nothing of it in memory but the piece at hand. */
import { AppError, messageOf } from '../../../kernel/errors.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { decompress } from './decompress.ts'
import type { Filter } from './filter.ts'
import { createIntake, type Intake } from './intake.ts'
import type { Limits } from './limits.ts'
import { baseOf, cleanPath, isFit, parentOf } from './paths.ts'
import type { Sink } from './sink.ts'
import { endSlice, lineOf, type Fact } from './slice.ts'
import { readTar, type TarEntry } from './tar-read.ts'

export interface Boiling {
  /** For messages: the digest of the layer. */
  readonly layer: string
  readonly blob: AsyncIterable<Uint8Array>
  readonly filter: Filter
  readonly limits: Limits
  readonly clock: Clock
}

/**
 * Writes the slice of a layer and returns how many bytes of the layer were fetched. Throws what the blob throws; a
 * blob that is what it should be, and still no layer that can be used, is `source.invalid`.
 */
export async function boil(boiling: Boiling, sink: Sink, signal: AbortSignal): Promise<number> {
  const intake = createIntake(boiling.blob, boiling.clock, signal)
  try {
    await boilContent(boiling, intake, sink)
    await intake.drain()
    return intake.taken
  } finally {
    intake.close()
  }
}

/** An error on our own side, such as a full disk. */
class Ours extends Error {}

async function boilContent(boiling: Boiling, intake: Intake, sink: Sink): Promise<void> {
  const write = (piece: Buffer) =>
    sink.write(piece).catch((cause: unknown) => Promise.reject(new Ours('not written', { cause })))
  const taking = createTaking(boiling, write)
  try {
    await readTar(upTo(decompress(intake), boiling.limits.unpacked), taking.take)
    await endSlice(sink, taking.unfit())
  } catch (thrown) {
    if (thrown instanceof Ours) throw thrown.cause
    if (intake.failure) throw intake.failure.error
    // Bytes damaged on their way look like a bad layer as well; the end of the blob tells, and throws.
    await intake.drain()
    throw invalid(boiling.layer, thrown)
  }
}

function invalid(layer: string, thrown: unknown): AppError {
  const why = thrown instanceof AppError ? thrown.detail : messageOf(thrown)
  return new AppError('source.invalid', `layer ${layer}: ${why}`, { cause: thrown, data: { layer } })
}

const refuse = (why: string) => new AppError('source.invalid', why)

/** Names in messages are hostile: short, and without control characters. */
const quote = (name: string) => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)

async function* upTo(pieces: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  let sum = 0
  for await (const piece of pieces) {
    sum += piece.length
    if (sum > limit) throw refuse(`unpacks to more than ${limit} bytes`)
    yield piece
  }
}

function createTaking({ filter, limits }: Boiling, write: (piece: Buffer) => Promise<void>) {
  let entries = 0
  let files = 0
  let kept = 0
  let unfit = 0

  async function take(entry: TarEntry): Promise<void> {
    if (++entries > limits.entries) throw refuse(`has more than ${limits.entries} entries`)
    const fact = factOf(entry, filter, limits)
    if (fact === null) return
    if (fact.is !== 'whiteout' && fact.is !== 'opaque' && !isFit(fact.path)) {
      if (filter.keeps(fact.path) && fact.is !== 'directory') unfit++
      return
    }
    if (fact.is !== 'file') return write(lineOf(fact))
    if (fact.size > limits.file) throw refuse(`${quote(fact.path)} has more than ${limits.file} bytes`)
    kept += fact.size
    if (kept > limits.kept) throw refuse(`has more than ${limits.kept} bytes of documentation`)
    if (++files > limits.files) throw refuse(`has more than ${limits.files} files of documentation`)
    await write(lineOf(fact))
    for await (const piece of entry) await write(piece as Buffer)
  }

  return { take, unfit: () => unfit }
}

/** null: an entry that cannot matter. */
function factOf({ header }: TarEntry, filter: Filter, limits: Limits): Fact | null {
  const { name, size } = header
  if (Buffer.byteLength(name) > limits.path) throw refuse(`${quote(name)} is longer than ${limits.path} bytes`)
  if (name.includes('\0')) throw refuse(`${quote(name)} has a NUL in its name`)
  const path = cleanPath(name)
  if (path === null) throw refuse(`${quote(name)} leads out of the image`)
  if (baseOf(path).startsWith('.wh.')) return whiteoutOf(path, filter)
  // Below a whiteout nothing can be: the names are its own.
  if (path === '' || path.startsWith('.wh.') || path.includes('/.wh.') || !filter.concerns(path)) return null
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      // A sparse file's content is not what stands in the tar (GNU tar manual, Sparse Formats).
      if (Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse.'))) return { is: 'other', path }
      // Written by tars that knew no directories.
      if (name.endsWith('/')) return { is: 'directory', path }
      return filter.keeps(path) ? { is: 'file', path, size } : { is: 'unread', path }
    case 'directory':
      return { is: 'directory', path }
    case 'symlink':
    case 'link':
      return linkOf(header.type, path, header.linkname ?? '', limits)
    default:
      return { is: 'other', path }
  }
}

function linkOf(is: 'link' | 'symlink', path: string, linkname: string, limits: Limits): Fact {
  const to = is === 'link' ? cleanPath(linkname) : linkname
  if (to === null || to === '' || to.includes('\0') || Buffer.byteLength(to) > limits.path) return { is: 'other', path }
  return { is, path, to }
}

/** OCI image-spec layer.md, Whiteouts. Names that begin with `.wh..wh.` else are aufs' own and mean nothing here. */
function whiteoutOf(path: string, filter: Filter): Fact | null {
  const folder = parentOf(path)
  const name = baseOf(path).slice('.wh.'.length)
  if (name === '.wh..opq') return filter.concerns(folder) ? { is: 'opaque', path: folder } : null
  if (name.startsWith('.wh.')) return null
  if (name === '' || name === '.' || name === '..') throw refuse(`${quote(path)} is a whiteout of nothing`)
  const hidden = folder === '' ? name : `${folder}/${name}`
  return filter.concerns(hidden) ? { is: 'whiteout', path: hidden } : null
}
