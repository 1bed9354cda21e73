/**
 * One kind of image registry: where its tags, digests and times come from. Adding one: a file beside this, and a line
 * in index.ts.
 */
import type { Platform } from '../../../connectors/oci/store.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { Digest } from '../../../kernel/digest.ts'
import type { Selection, Version } from '../model.ts'

/** What a kind of registry can do, as data. */
export interface Abilities {
  /** Times of pushes come with the list of tags. */
  readonly times: boolean
  /** Digests come with the list of tags, so that a moved tag shows in it. */
  readonly digests: boolean
  /** Names of images and tags are kept in lower case whatever was pushed: patterns match in any case. */
  readonly foldsCase: boolean
  /** How the end of a list is known; see reference of each kind. */
  readonly paging: 'link' | 'short-page' | 'next-url' | 'page-number'
  /** Header by which it says how many requests are left; null: none. */
  readonly remaining: string | null
}

/** A tag as its list tells of it. */
export interface ListedTag {
  readonly name: string
  /** Of the manifest or index; only where `abilities.digests`. */
  readonly digest?: Digest
  /** Only where `abilities.times`. */
  readonly pushedAt?: Instant
}

export interface TagList {
  readonly tags: readonly ListedTag[]
  /** Equal for equal lists in any order. */
  readonly checksum: Digest
}

export interface ImageRegistry {
  /** Its name in the config. */
  readonly name: string
  readonly type: string
  readonly abilities: Abilities
  /** `registry.example.io:5000`, as images that are pulled from it are named. */
  readonly host: string
  /** host/path of an image, for those who pull: `registry.example.io/team/shop`, `docker.io/library/nginx`. */
  reference(image: string): string
  /**
   * All tags but artefacts (tags/artefacts.ts), or an AppError `source.unavailable` whose data.why says what kind.
   * null: there is no such repository. `times`: this time with the times of pushes, where those cost more.
   */
  listTags(image: string, signal: AbortSignal, want?: { readonly times?: boolean }): Promise<TagList | null>
  /** The newest of those that match, with its digest; null: none does, or there is no such repository. */
  getLatestTag(image: string, selection: Selection, signal: AbortSignal): Promise<Version | null>
  /** What a tag stands for: one HEAD. `known`: answered with `unchanged` where it still is that. null: no such tag. */
  digestOf(image: string, tag: string, signal: AbortSignal, known?: Digest): Promise<Digest | 'unchanged' | null>
  /** Digest of what an index has for a platform; two requests, kept for ever by digest. null: gone, or not there. */
  platformDigest(image: string, digest: Digest, platform: Platform, signal: AbortSignal): Promise<Digest | null>
  /** When it was built, as its config says; kept for ever by digest. null: it does not say. */
  createdAt(image: string, digest: Digest, signal: AbortSignal): Promise<Instant | null>
  /** For deployers that pull by themselves with our credentials; null: without any. */
  pullCredential(image: string): Promise<{ readonly username: string; readonly password: string } | null>
  close(): Promise<void>
}
