/** Container images made by hand: layers, configs, manifests, indexes, in the media types of OCI and of Docker. */
import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { pack, type Pack } from 'tar-stream'

export interface TarEntry {
  readonly name: string
  /** Of a file; a file is what has no `type`. */
  readonly content?: string | Uint8Array
  readonly type?: 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device'
  /** Where a link points to. */
  readonly to?: string
  readonly mode?: number
}

export type Compression = 'gzip' | 'zstd' | 'plain'
/** Docker has no media type for zstd; registries take the OCI one inside a Docker manifest. */
export type Types = 'oci' | 'docker'

export interface Blob {
  readonly digest: string
  readonly bytes: Uint8Array
}

export interface Layer extends Blob {
  readonly compression: Compression
  /** Digest of the tar before it was compressed. */
  readonly diffId: string
}

/** A manifest or index with everything that it needs. */
export interface Built extends Blob {
  readonly mediaType: string
  /** Config and layers. */
  readonly blobs: readonly Blob[]
  /** Of an index: its manifests. */
  readonly children: readonly Built[]
}

/** A place that images are put into: a registry, a layout on disk, a fake. */
export interface Shelf {
  /** Without a tag the manifest is only there by its digest. */
  put(repository: string, tag: string | null, image: Built): Promise<void>
}

const mediaTypes = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    index: 'application/vnd.oci.image.index.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
    plain: 'application/vnd.oci.image.layer.v1.tar',
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
    plain: 'application/vnd.docker.image.rootfs.diff.tar',
  },
} as const

type Header = Parameters<Pack['entry']>[0]

/** Entries of a tar have this age, so that the same content has the same digest. */
const madeAt = new Date('2024-01-01T00:00:00Z')

export function digestOfBytes(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function blobOf(bytes: Uint8Array): Blob {
  return { digest: digestOfBytes(bytes), bytes }
}

export const file = (name: string, content: string | Uint8Array): TarEntry => ({ name, content })
export const directory = (name: string): TarEntry => ({ name, type: 'directory' })
export const symlink = (name: string, to: string): TarEntry => ({ name, type: 'symlink', to })
export const hardLink = (name: string, to: string): TarEntry => ({ name, type: 'link', to })

/** Hides `path` of the layers below (OCI image-spec, layer.md, "Whiteouts"). */
export function whiteout(path: string): TarEntry {
  const slash = path.lastIndexOf('/') + 1
  return { name: `${path.slice(0, slash)}.wh.${path.slice(slash)}`, content: '' }
}

/** Hides everything that layers below have in this directory. */
export const opaque = (path: string): TarEntry => ({ name: `${path}/.wh..wh..opq`, content: '' })

export async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const tar = pack()
  const chunks: Buffer[] = []
  const collected = (async () => {
    for await (const chunk of tar) chunks.push(chunk as Buffer)
  })()
  for (const { name, content = '', type = 'file', to, mode } of entries) {
    const header: Header = { name, type, mtime: madeAt, mode: mode ?? (type === 'directory' ? 0o755 : 0o644) }
    const linked: Header = to === undefined ? header : { ...header, linkname: to }
    if (type === 'file') tar.entry(linked, Buffer.from(content as string))
    else tar.entry(linked)
  }
  tar.finalize()
  await collected
  return Buffer.concat(chunks)
}

export async function layerOf(entries: readonly TarEntry[], compression: Compression = 'gzip'): Promise<Layer> {
  return layerOfTar(await tarOf(entries), compression)
}

/** Of any bytes, also ones that are no tar. */
export function layerOfTar(tar: Uint8Array, compression: Compression = 'gzip'): Layer {
  // Level 1: tests make many and big ones, and none cares for a few bytes.
  const pressed = { gzip: () => gzipSync(tar, { level: 1 }), zstd: () => zstdCompressSync(tar), plain: () => tar }
  return { ...blobOf(pressed[compression]()), compression, diffId: digestOfBytes(tar) }
}

export interface ImageOptions {
  readonly types?: Types
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: BuiltPlatform
  /** Makes images with the same layers differ. */
  readonly comment?: string
  /** When it was built, as the config says. */
  readonly created?: string
  /** What containers of it run: `Cmd`, `Env`, as the specification writes them. */
  readonly run?: Readonly<Record<string, unknown>>
}

interface BuiltPlatform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** The lowest layer first. */
export function imageOf(layers: readonly Layer[], options: ImageOptions = {}): Built {
  const types = mediaTypes[options.types ?? 'oci']
  const config = blobOf(
    json({
      ...(options.platform ?? { os: 'linux', architecture: 'amd64' }),
      ...(options.comment === undefined ? {} : { comment: options.comment }),
      ...(options.created === undefined ? {} : { created: options.created }),
      config: options.run ?? {},
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }),
  )
  const bytes = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: config.digest, size: config.bytes.length },
    layers: layers.map(({ compression, digest, bytes: { length } }) => {
      return { mediaType: types[compression], digest, size: length }
    }),
    ...(options.annotations ? { annotations: options.annotations } : {}),
  })
  return { ...blobOf(bytes), mediaType: types.manifest, blobs: [config, ...layers], children: [] }
}

export function indexOf(
  images: readonly { readonly image: Built; readonly platform?: BuiltPlatform }[],
  options: { readonly types?: Types; readonly annotations?: Readonly<Record<string, string>> } = {},
): Built {
  const types = mediaTypes[options.types ?? 'oci']
  const bytes = json({
    schemaVersion: 2,
    mediaType: types.index,
    manifests: images.map(
      ({
        image: {
          mediaType,
          digest,
          bytes: { length },
        },
        platform,
      }) => {
        return { mediaType, digest, size: length, ...(platform ? { platform } : {}) }
      },
    ),
    ...(options.annotations ? { annotations: options.annotations } : {}),
  })
  return { ...blobOf(bytes), mediaType: types.index, blobs: [], children: images.map(({ image }) => image) }
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
