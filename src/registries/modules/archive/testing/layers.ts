/** Layers made in memory, and images of them whose blobs count what is fetched. */
import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { pack, type Header } from 'tar-stream'
import type { Descriptor } from '../../../../connectors/oci/store.ts'

export type Entry = Partial<Header> & { name: string; content?: string | Buffer }

export const file = (name: string, content: string | Buffer = `content of ${name}`): Entry => ({ name, content })
export const folder = (name: string): Entry => ({ name: `${name}/`, type: 'directory' })
export const symlink = (name: string, linkname: string): Entry => ({ name, type: 'symlink', linkname })
export const hardLink = (name: string, linkname: string): Entry => ({ name, type: 'link', linkname })
export const whiteout = (name: string): Entry => ({ name: name.replace(/([^/]+)$/, '.wh.$1'), content: '' })
export const opaque = (name: string): Entry => ({
  name: name === '' ? '.wh..wh..opq' : `${name}/.wh..wh..opq`,
  content: '',
})

export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const writer = pack()
  for (const { content, ...header } of entries) {
    const bytes = Buffer.from(content ?? '')
    writer.entry({ mtime: new Date(1_700_000_000_000), ...header, size: bytes.length }, bytes)
  }
  writer.finalize()
  const pieces: Buffer[] = []
  for await (const piece of writer) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

export type Packing = 'gzip' | 'zstd' | 'plain'

const packings: Record<Packing, (tar: Buffer) => Buffer> = {
  gzip: (tar) => gzipSync(tar, { level: 1 }),
  zstd: (tar) => zstdCompressSync(tar),
  plain: (tar) => tar,
}

export interface TestImage {
  readonly layers: readonly Descriptor[]
  blob(layer: Descriptor): AsyncIterable<Uint8Array>
  /** Digests of the layers that were asked for, in order. */
  readonly asked: string[]
  readonly bytes: number
}

/** Pieces of 1 KiB: no boundary of a tar or a frame may matter. */
const pieceSize = 1000

export function imageOf(blobs: readonly Buffer[], damage: (bytes: Buffer) => Buffer = (bytes) => bytes): TestImage {
  const known = new Map(blobs.map((bytes) => [digestOf(bytes), bytes]))
  const asked: string[] = []
  return {
    layers: blobs.map((bytes) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: digestOf(bytes),
      size: bytes.length,
    })),
    asked,
    bytes: blobs.reduce((sum, { length }) => sum + length, 0),
    async *blob({ digest }) {
      asked.push(digest)
      const bytes = damage(known.get(digest)!)
      for (let at = 0; at < bytes.length; at += pieceSize) yield bytes.subarray(at, at + pieceSize)
      if (digestOf(bytes) !== digest) throw new Error('digest mismatch')
    },
  }
}

export async function image(layers: readonly (readonly Entry[])[], packing: Packing = 'gzip'): Promise<TestImage> {
  return imageOf((await Promise.all(layers.map(tarOf))).map(packings[packing]))
}

export const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
