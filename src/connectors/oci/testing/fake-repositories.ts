/** What the fake registry holds, in memory. */
import type { Built, Shelf } from '../../../../tests/parts/images.ts'

export interface StoredManifest {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

interface Repository {
  readonly tags: Map<string, string>
  readonly manifests: Map<string, StoredManifest>
  readonly blobs: Map<string, Uint8Array>
}

export interface Repositories extends Shelf {
  /** In no order that means anything; null: no such repository. */
  tags(repository: string): readonly string[] | null
  manifest(repository: string, reference: string): StoredManifest | null
  blob(repository: string, digest: string): Uint8Array | null
  /** The repository stays, also when it was the last tag. */
  untag(repository: string, tag: string): void
  /** Removes a manifest and its tags. */
  remove(repository: string, digest: string): void
  /** Gives a blob or manifest other bytes under the same digest. */
  spoil(digest: string, change: (bytes: Buffer) => Uint8Array): void
}

export function createRepositories(): Repositories {
  const all = new Map<string, Repository>()

  function store(into: Repository, image: Built): void {
    const { digest, mediaType, bytes } = image
    for (const child of image.children) store(into, child)
    for (const blob of image.blobs) into.blobs.set(blob.digest, blob.bytes)
    into.manifests.set(digest, { digest, mediaType, bytes })
  }

  return {
    put(repository, tag, image) {
      const into = all.get(repository) ?? { tags: new Map(), manifests: new Map(), blobs: new Map() }
      all.set(repository, into)
      store(into, image)
      if (tag !== null) into.tags.set(tag, image.digest)
      return Promise.resolve()
    },
    tags(repository) {
      const found = all.get(repository)
      return found ? [...found.tags.keys()] : null
    },
    manifest(repository, reference) {
      const found = all.get(repository)
      const digest = reference.includes(':') ? reference : found?.tags.get(reference)
      return (digest !== undefined && found?.manifests.get(digest)) || null
    },
    blob: (repository, digest) => all.get(repository)?.blobs.get(digest) ?? null,
    untag(repository, tag) {
      if (!all.get(repository)?.tags.delete(tag)) throw new Error(`${repository} has no tag ${tag}`)
    },
    remove(repository, digest) {
      const found = all.get(repository)
      if (!found?.manifests.delete(digest)) throw new Error(`${repository} has no manifest ${digest}`)
      for (const [tag, of] of found.tags) if (of === digest) found.tags.delete(tag)
    },
    spoil(digest, change) {
      for (const { blobs, manifests } of all.values()) {
        const blob = blobs.get(digest)
        if (blob) blobs.set(digest, change(Buffer.from(blob)))
        const manifest = manifests.get(digest)
        if (manifest) manifests.set(digest, { ...manifest, bytes: change(Buffer.from(manifest.bytes)) })
      }
    },
  }
}
