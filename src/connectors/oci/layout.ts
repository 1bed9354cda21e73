/** A folder of image layouts (OCI image-spec, image-layout.md) in the place of a registry. */
import { join } from 'node:path'
import { unavailable } from './failure.ts'
import { abortOf, checkRoot, failureOf, openFile, readListing, readSmall } from './layout-files.ts'
import { childFor, longestManifest, platformName, platformsOf, readManifest } from './manifest.ts'
import { checkReference, checkRepository, isDigest } from './names.ts'
import { usualPlatform, type Descriptor, type Headed, type Image, type ImageStore, type Platform } from './store.ts'
import { digestOfBytes, verified } from './verify.ts'

export interface LayoutOptions {
  /**
   * Repository `a/b` is the layout in `<folder>/a/b`: index.json, oci-layout and blobs. Repositories may be inside
   * each other: `<folder>/a` may have a layout of its own.
   */
  readonly folder: string
}

/** An index may name an index; what goes deeper is a trap. */
const mostIndexes = 3

/** A manifest or index by its descriptor; the size is null where only the digest is known. */
type Wanted = Pick<Descriptor, 'digest' | 'mediaType'> & { readonly size: number | null }

export function createLayout({ folder }: LayoutOptions): ImageStore {
  const name = `oci-layout:${folder}`

  /** A folder below ours: the grammar of names and digests has no way up. */
  function placeOf(repository: string) {
    checkRepository(repository, name)
    const at = join(folder, ...repository.split('/'))
    const where = `${name}/${repository}`
    const blobPath = (digest: string) => {
      if (!isDigest(digest)) throw unavailable('malformed', where, 'a digest is neither sha256 nor sha512')
      return join(at, 'blobs', ...digest.split(':'))
    }
    return { at, where, blobPath }
  }

  async function listing(repository: string, signal: AbortSignal) {
    if (signal.aborted) throw abortOf(signal)
    const { at, where } = placeOf(repository)
    const listed = await readListing(at, where, signal)
    if (listed === null) await checkRoot(folder, name)
    return listed
  }

  /** Its bytes, verified. null: not there. */
  async function readBytes(repository: string, wanted: Wanted, signal: AbortSignal): Promise<Buffer | null> {
    const { where, blobPath } = placeOf(repository)
    const bytes = await readSmall(blobPath(wanted.digest), longestManifest, where, signal)
    if (bytes === null) return null
    const size = wanted.size ?? bytes.length
    if (bytes.length !== size || digestOfBytes(bytes, wanted.digest) !== wanted.digest) {
      throw unavailable('digest-mismatch', where, `${wanted.digest} has other bytes than that; copy it anew`)
    }
    return bytes
  }

  /** What a tag or digest stands for. null: nothing. */
  async function find(repository: string, reference: string, signal: AbortSignal) {
    const { where } = placeOf(repository)
    checkReference(reference, where)
    const listed = await listing(repository, signal)
    if (listed === null) return null
    const byDigest = isDigest(reference)
    // The last one counts where a tool has appended a tag instead of moving it.
    const wanted: Wanted | undefined = listed.findLast(({ tag, digest }) => (byDigest ? digest : tag) === reference)
    if (wanted === undefined && !byDigest) return null
    const bytes = await readBytes(repository, wanted ?? { digest: reference, mediaType: '', size: null }, signal)
    if (bytes === null) {
      if (wanted === undefined) return null
      throw unavailable('malformed', where, `${wanted.digest} is listed and not there; is it still being written?`)
    }
    return wanted ? { ...wanted, bytes } : unlisted(reference, bytes)
  }

  async function image(
    repository: string,
    reference: string,
    signal: AbortSignal,
    platform: Platform | 'any',
  ): Promise<Image | null> {
    const { where } = placeOf(repository)
    const found = await find(repository, reference, signal)
    if (found === null) return null
    let [{ digest }, manifest] = [
      found as Pick<Descriptor, 'digest'>,
      readManifest(found.bytes, found.mediaType, where),
    ]
    for (let depth = 0; manifest.is === 'index'; depth++) {
      const child = childFor(manifest, platform)
      if (child === null) {
        const detail = `no image for ${platformName(platform)} in index ${digest}, which has: ${platformsOf(manifest)}`
        throw unavailable('no-platform', where, detail)
      }
      if (depth >= mostIndexes) throw unavailable('malformed', where, 'indexes within indexes without an end')
      const bytes = await readBytes(repository, child, signal)
      if (bytes === null)
        throw unavailable('malformed', where, `index ${digest} names ${child.digest}, which is not there`)
      ;[{ digest }, manifest] = [child, readManifest(bytes, child.mediaType, where)]
    }
    const { is: _, ...image } = manifest
    return { ...image, digest, reference: found.digest }
  }

  return {
    name,
    async tags(repository, signal) {
      const listed = await listing(repository, signal)
      return listed && [...new Set(listed.map(({ tag }) => tag).filter((tag) => tag !== null))]
    },
    async head(repository, reference, signal, known): Promise<Headed> {
      const found = await find(repository, reference, signal)
      if (found === null) return { is: 'missing' }
      const { digest, mediaType } = found
      return digest === known ? { is: 'unchanged' } : { is: 'there', digest, mediaType }
    },
    image: (repository, reference, signal, platform = usualPlatform) => image(repository, reference, signal, platform),
    async *blob(repository, descriptor, signal) {
      if (signal.aborted) throw abortOf(signal)
      const { where, blobPath } = placeOf(repository)
      const handle = await openFile(blobPath(descriptor.digest), where)
      if (handle === null) throw unavailable('malformed', where, `blob ${descriptor.digest} is not there`)
      try {
        yield* verified(handle.createReadStream({ signal, autoClose: false }), descriptor, where)
      } catch (thrown) {
        throw failureOf(thrown, where, signal)
      } finally {
        await handle.close()
      }
    },
    close: () => Promise.resolve(),
  }
}

/** By its digest alone anything can be asked for: what is no manifest is not there. */
function unlisted(digest: string, bytes: Buffer): { digest: string; mediaType: string; bytes: Buffer } | null {
  try {
    const document = JSON.parse(bytes.toString()) as Record<string, unknown> | null
    const { schemaVersion, mediaType, manifests } = document ?? {}
    if (schemaVersion !== 2) return null
    const usual = `application/vnd.oci.image.${manifests === undefined ? 'manifest' : 'index'}.v1+json`
    return { digest, mediaType: typeof mediaType === 'string' ? mediaType : usual, bytes }
  } catch {
    return null
  }
}
