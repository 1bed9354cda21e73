/**
 * From the layers of a module's image to the archive that documentation builders take, and back as often as one is
 * sent. Archives are kept by the digest of their bytes; the same documentation gives the same bytes, however its image
 * was built.
 *
 *   <folder>/archives/sha256/<hex>         an archive, whole and durable
 *   <folder>/slices/<digest>.<filter>      what of a layer can matter to an archive; a cache
 *   <folder>/tmp/<pid>-<n>                 what is being written
 *
 * The folder belongs to one process at a time. All of it can be made again from the registry.
 */
import { createReadStream, statSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Descriptor } from '../../../connectors/oci/store.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import {
  compat,
  documentation,
  documentationFolders,
  shipsCompat,
  shipsDocumentation,
  type Filter,
  type Ships,
} from './filter.ts'
import { gather, type GatherParts, type Gathered, type LeftOut } from './gather.ts'
import { usualLimits, type Limits } from './limits.ts'
import { foldersOf } from './paths.ts'
import type { Content } from './resolve.ts'
import { createSinks, type Sink } from './sink.ts'
import { createSlices, type BlobOf } from './slices.ts'
import { createSlots } from '../../../kernel/slots.ts'
import { sweepFolder, type Swept } from './sweep.ts'
import { headerOf, paddingOf, trailer } from './tar-write.ts'

export type { BlobOf, LeftOut, Limits, Swept }

export interface Archives {
  /**
   * The archive of an image, of which it is durable on disk when this resolves. `source.invalid` (reject): the image
   * holds what cannot be used, and says what; `storage.full` (wait); else what `blob` throws, or the signal's reason.
   */
  make(image: { layers: readonly Descriptor[]; blob: BlobOf; compat: boolean }, signal: AbortSignal): Promise<Archive>
  /** A new stream of the archive's bytes. `source.unavailable` (retry) where it is not there: make it again. */
  open(digest: string): Promise<Readable>
  has(digest: string): boolean
  /** Small files by their names in the flattened image; those that it does not have are not in the map. */
  files(
    image: { layers: readonly Descriptor[]; names: readonly string[]; blob: BlobOf },
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Buffer>>
  /**
   * Removes archives that are neither in `keep` nor younger than an hour, which leaves time to write down what was
   * just made; temporary files that nobody writes; and the slices unused the longest while there are too many.
   */
  sweep(keep: ReadonlySet<string>): Promise<Swept>
}

export interface Archive {
  /** `sha256:<hex>` of the tar. */
  readonly digest: string
  /** Of the tar, in bytes. */
  readonly size: number
  /** Bytes of layers that were fetched for it; those seen before are not. */
  readonly fetched: number
  /** Files of the archive. */
  readonly files: number
  /** Entries that builders would refuse: links that lead to no regular file of the image, devices, impossible names. */
  readonly leftOut: { readonly count: number; readonly examples: readonly LeftOut[] }
}

export interface ArchivesOptions {
  readonly folder: string
  readonly clock: Clock
  /** Over all images; each costs about 1 MB, with zstd up to 32 MiB more. */
  readonly layersAtOnce?: number
  /** Told of the bytes of layers that went by. */
  readonly streamed?: (bytes: number) => void
  /** Bytes of slices that a sweep leaves. */
  readonly sliceBytes?: number
  readonly limits?: Partial<Limits>
}

export function createArchives(options: ArchivesOptions): Archives {
  const { folder, clock, layersAtOnce = 8, sliceBytes = 2 * 1024 ** 3, streamed = () => {} } = options
  const limits = { ...usualLimits, ...options.limits }
  const sinks = createSinks(join(folder, 'tmp'), clock)
  const slots = createSlots(layersAtOnce)
  const slices = createSlices({ folder: join(folder, 'slices'), sinks, slots, limits, clock, streamed })
  const parts: GatherParts = { slices, limits }
  const pathOf = (hex: string) => join(folder, 'archives', 'sha256', hex)

  return {
    async make({ layers, blob, compat: asOriginal }, signal) {
      const rule = ruleOf(asOriginal)
      await using gathered = await gather({ layers, blob, names: new Set(), ...rule }, parts, signal)
      const sink = await sinks.create()
      try {
        await writeArchive(gathered, sink, signal)
        const { sha256, size, handle } = await sink.keep(pathOf)
        await handle.close()
        const { fetched, leftOut, files } = gathered
        return { digest: `sha256:${sha256}`, size, fetched, files: files.length, leftOut }
      } finally {
        await sink.discard()
      }
    },
    async open(digest) {
      const path = pathOf(hexOf(digest))
      const handle = await openFile(path, 'r').catch((cause: unknown) => {
        const detail = `archive ${digest} is not in its folder; the next look at its module makes it again`
        throw new AppError('source.unavailable', detail, { cause, data: { why: 'missing', archive: digest } })
      })
      return createReadStream(path, { fd: handle, highWaterMark: pieceSize })
    },
    has(digest) {
      try {
        // A scan asks for each archive: on the thread pool that costs fifty times as much as the look itself.
        return statSync(pathOf(hexOf(digest)), { throwIfNoEntry: false })?.isFile() ?? false
      } catch {
        return false
      }
    },
    async files({ layers, names, blob }, signal) {
      const wanted = new Set(names)
      const ships: Ships = (path) => wanted.has(path)
      const beside = new Set(names.filter((name) => !documentation.keeps(name)))
      const asked = { layers, blob, filter: documentation, names: beside, ships }
      await using gathered = await gather(asked, { slices, limits: { ...limits, kept: limits.small } }, signal)
      return new Map(
        await Promise.all(gathered.files.map(async ([name, content]) => [name, await whole(content)] as const)),
      )
    },
    sweep: (keep) => sweepFolder({ folder, keep, live: sinks.live, clock, sliceBytes }),
  }
}

function ruleOf(asOriginal: boolean): { filter: Filter; ships: Ships } {
  return asOriginal ? { filter: compat, ships: shipsCompat } : { filter: documentation, ships: shipsDocumentation }
}

function hexOf(digest: string): string {
  const match = /^sha256:([0-9a-f]{64})$/.exec(digest)
  if (!match) throw new AppError('internal', `${JSON.stringify(digest)} is no digest of an archive`)
  return match[1]!
}

/** Builders make no parents: every folder comes before what is in it, the four that they expect first of all. */
async function writeArchive({ files }: Gathered, sink: Sink, signal: AbortSignal): Promise<void> {
  const made = new Set<string>(documentationFolders)
  for (const folder of made) await sink.write(headerOf('directory', folder))
  for (const [path, content] of files) {
    for (const folder of foldersOf(path)) {
      if (made.has(folder)) continue
      made.add(folder)
      await sink.write(headerOf('directory', folder))
    }
    await sink.write(headerOf('file', path, content.size))
    for await (const piece of piecesOf(content)) {
      signal.throwIfAborted()
      await sink.write(piece)
    }
    await sink.write(paddingOf(content.size))
  }
  await sink.write(trailer)
}

const pieceSize = 64 * 1024

async function* piecesOf({ slice, at, size }: Content): AsyncGenerator<Buffer> {
  for (let done = 0; done < size;) {
    const piece = Buffer.allocUnsafe(Math.min(pieceSize, size - done))
    const { bytesRead } = await slice.handle.read(piece, 0, piece.length, at + done)
    if (bytesRead === 0) throw new Error('slice of a layer is damaged')
    done += bytesRead
    yield piece.subarray(0, bytesRead)
  }
}

async function whole(content: Content): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of piecesOf(content)) pieces.push(piece)
  return Buffer.concat(pieces)
}
