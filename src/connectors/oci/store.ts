/** What Regista asks of a place that holds container images: a registry, or an image layout on disk. */
export interface ImageStore {
  /** For people and metrics, without secrets: `registry.example.io:5000`, `oci-layout:/srv/images`. */
  readonly name: string
  /**
   * All tags, in the order of the store. null: it says that there is no such repository; one whose tags
   * were all deleted is []. A list that broke off half-way is an error, never a shorter list.
   */
  tags(repository: string, signal: AbortSignal): Promise<readonly string[] | null>
  /** What a tag or digest stands for, at the price of one HEAD. `known`: a digest that is to be `unchanged`. */
  head(repository: string, reference: string, signal: AbortSignal, known?: string): Promise<Headed>
  /** The manifest, its bytes verified against its digest; of an index that for the platform. null: no such manifest. */
  image(repository: string, reference: string, signal: AbortSignal, platform?: Platform | 'any'): Promise<Image | null>
  /** Streams a blob; throws at the end, or before, when it is not what the descriptor says. */
  blob(repository: string, descriptor: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

export type Headed =
  | { readonly is: 'there'; readonly digest: string; readonly mediaType: string }
  | { readonly is: 'unchanged' }
  | { readonly is: 'missing' }

export interface Descriptor {
  readonly mediaType: string
  /** `sha256:<hex>` or `sha512:<hex>`. */
  readonly digest: string
  readonly size: number
}

export interface Image {
  /** Of the manifest's bytes; of an index the child's. */
  readonly digest: string
  /** Of the bytes that the reference stands for: the index, where there is one. */
  readonly reference: string
  readonly mediaType: string
  readonly annotations: Readonly<Record<string, string>>
  readonly config: Descriptor
  /** The lowest first. */
  readonly layers: readonly Descriptor[]
}

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** linux/amd64. */
export const usualPlatform: Platform = { os: 'linux', architecture: 'amd64' }
