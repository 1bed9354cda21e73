/** What a layer's bytes stand for: gzip, zstd or plain, told by their first bytes as media types are often wrong. */
import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib'
import { AppError } from '../../../kernel/errors.ts'
import type { Intake } from './intake.ts'

/**
 * Eight layers of 128 MB at once, whole process: peak 140 MiB of memory with gzip, 154 MiB with zstd; with pieces of
 * 64 KiB 147 and 164, with the default of 16 KiB up to 175 and slower (2026-11-21, 2 cores).
 */
const chunkSize = 32 * 1024

/**
 * zstd asks for as much memory as the frame says, 128 MiB by default at most. Builders of images use windows up to
 * 8 MiB; at 32 MiB eight layers at once stay below 256 MiB.
 */
const zstdWindow = { [constants.ZSTD_d_windowLogMax]: 25 }

/** A layer has one frame, or with zstd:chunked one a file. */
const mostFrames = 1_000_000

const foreign = [
  { name: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]) },
  { name: 'bzip2', magic: Buffer.from('BZh') },
  { name: 'lz4', magic: Buffer.from([0x04, 0x22, 0x4d, 0x18]) },
]

export async function* decompress(intake: Intake): AsyncGenerator<Buffer> {
  const head = await intake.peek(8)
  if (head[0] === 0x1f && head[1] === 0x8b) return yield* through(createGunzip({ chunkSize }), intake)
  if (isZstd(head)) return yield* zstd(intake)
  const other = foreign.find(({ magic }) => head.subarray(0, magic.length).equals(magic))
  if (other) throw new AppError('source.invalid', `compressed with ${other.name}; layers are gzip, zstd or plain`)
  for (let piece = await intake.next(); piece !== null; piece = await intake.next()) yield piece
}

/** A frame (RFC 8878 §3.1.1), or a skippable one (§3.1.2). */
function isZstd(head: Buffer): boolean {
  if (head.length < 4) return false
  const magic = head.readUInt32LE(0)
  return magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50
}

/** Node's stream ends with the frame and drops what else the piece held (24.21), so each frame gets a stream. */
async function* zstd(intake: Intake): AsyncGenerator<Buffer> {
  for (let frames = 0; (await intake.peek(1)).length > 0; frames++) {
    if (frames >= mostFrames) throw new AppError('source.invalid', `more than ${mostFrames} zstd frames`)
    yield* through(createZstdDecompress({ chunkSize, params: zstdWindow }), intake)
  }
}

/** What `engine` makes of the intake up to the end of its compressed stream; the rest is put back. */
async function* through(engine: Gunzip | ZstdDecompress, intake: Intake): AsyncGenerator<Buffer> {
  const feeding = feed(engine, intake)
  // What it throws reaches the reader through the engine.
  feeding.catch((thrown: unknown) => engine.destroy(thrown as Error))
  try {
    for await (const piece of engine) yield piece as Buffer
    await feeding
  } finally {
    engine.destroy()
    // So that nobody else reads the intake at the same time.
    await feeding.catch(() => {})
  }
}

async function feed(engine: Gunzip | ZstdDecompress, intake: Intake): Promise<void> {
  let given = 0
  for (let piece = await intake.next(); piece !== null; piece = await intake.next()) {
    given += piece.length
    await written(engine, piece)
    const left = given - engine.bytesWritten
    if (left > 0 || engine.destroyed) return intake.putBack(piece.subarray(piece.length - left))
  }
  engine.end()
}

/** Resolves once the engine took it, or is done with everything: an engine that ended calls nobody back. */
function written(engine: Gunzip | ZstdDecompress, piece: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      engine.removeListener('close', done)
      resolve()
    }
    engine.once('close', done)
    engine.write(piece, done)
  })
}
