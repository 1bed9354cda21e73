/** A store of images in memory that counts what is asked of it, and refuses on demand. */
import type { Built, Shelf } from '../../../../tests/parts/images.ts'
import type { Descriptor, Image, ImageStore } from '../../../connectors/oci/store.ts'
import { AppError } from '../../../kernel/errors.ts'

export interface MemoryImages extends ImageStore, Shelf {
  /** `tags base`, `head base/m/release:alpha`, `image …`, `blob …`, in order. */
  readonly asked: string[]
  /** What matches is answered as by a registry that does not answer. */
  refuse(what: RegExp | null, data?: Record<string, unknown>): void
  remove(repository: string, tag?: string): void
}

export function memoryImages(name = 'memory'): MemoryImages {
  const repositories = new Map<string, Map<string, Built>>()
  const byDigest = new Map<string, Built>()
  const blobs = new Map<string, Uint8Array>()
  const asked: string[] = []
  let refused: { what: RegExp | null; data: Record<string, unknown> } = { what: null, data: {} }
  const ask = (what: string) => {
    asked.push(what)
    if (refused.what?.test(what)) throw new AppError('source.unavailable', `no answer: ${what}`, { data: refused.data })
  }
  const find = (repository: string, reference: string) =>
    reference.includes(':') ? byDigest.get(reference) : repositories.get(repository)?.get(reference)

  return {
    name,
    asked,
    refuse: (what, data = {}) => void (refused = { what, data }),
    remove(repository, tag) {
      if (tag === undefined) repositories.delete(repository)
      else repositories.get(repository)?.delete(tag)
    },
    async put(repository, tag, image) {
      await Promise.resolve()
      byDigest.set(image.digest, image)
      for (const { digest, bytes } of image.blobs) blobs.set(digest, bytes)
      const tags = repositories.get(repository) ?? new Map<string, Built>()
      repositories.set(repository, tag === null ? tags : tags.set(tag, image))
    },
    async tags(repository) {
      await Promise.resolve()
      ask(`tags ${repository}`)
      const tags = repositories.get(repository)
      return tags ? [...tags.keys()] : null
    },
    async head(repository, reference, _signal, known) {
      await Promise.resolve()
      ask(`head ${repository}:${reference}`)
      const image = find(repository, reference)
      if (!image) return { is: 'missing' }
      return image.digest === known
        ? { is: 'unchanged' }
        : { is: 'there', digest: image.digest, mediaType: image.mediaType }
    },
    async image(repository, reference) {
      await Promise.resolve()
      ask(`image ${repository}:${reference}`)
      const image = find(repository, reference)
      if (!image) return null
      const { annotations = {}, config, layers } = JSON.parse(Buffer.from(image.bytes).toString()) as Manifest
      const { digest, mediaType } = image
      return { digest, reference: digest, mediaType, annotations, config, layers } satisfies Image
    },
    async *blob(repository, { digest }) {
      await Promise.resolve()
      ask(`blob ${repository}@${digest}`)
      yield blobs.get(digest)!
    },
    close: () => Promise.resolve(),
  }
}

interface Manifest {
  readonly annotations?: Record<string, string>
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}
