/** An image registry in memory: what it holds, what it was asked, and what a test lets go wrong there. */
import { unavailable, type Facts, type Why } from '../../../../connectors/oci/failure.ts'
import type { Instant } from '../../../../kernel/clock.ts'
import type { Digest } from '../../../../kernel/digest.ts'
import type { Abilities, ImageRegistry, ListedTag } from '../../registry-types/image-registry.ts'
import { tagListOf } from '../../registry-types/tag-list.ts'

export interface FakeRegistry extends ImageRegistry {
  /** `list team/shop`, `head team/shop:v1`, in order; with `304` behind it where the known digest still held. */
  readonly asked: string[]
  push(image: string, tag: string, digest: Digest, at?: Instant): void
  untag(image: string, tag: string): void
  /** As if the repository had never been there. */
  drop(image: string): void
  /** What the index has for platforms, and when an image was built. */
  readonly platforms: Map<string, Digest>
  readonly built: Map<Digest, Instant>
  /** Whatever is asked of it (`what` as in `asked`) fails so; null: no more. */
  refuse(why: Why | null, facts?: Facts, what?: RegExp): void
  /** Nobody gets an answer from now on; the function lets all of them go on. */
  hang(what?: RegExp): () => void
  /** In which order tags are listed. */
  shuffle: (tags: readonly ListedTag[]) => readonly ListedTag[]
  /** Requests that have no answer yet. */
  readonly waiting: number
  /** Most of them at one time. */
  readonly most: number
}

const plain: Abilities = { times: false, digests: false, foldsCase: false, paging: 'link', remaining: null }

export function createFakeRegistry(name = 'main', can: Partial<Abilities> = {}): FakeRegistry {
  const abilities = { ...plain, ...can }
  const images = new Map<string, Map<string, { digest: Digest; at: Instant | null }>>()
  const asked: string[] = []
  const platforms = new Map<string, Digest>()
  const built = new Map<Digest, Instant>()
  let refusal: { why: Why; facts: Facts; what: RegExp } | null = null
  let hanging: { what: RegExp; over: PromiseWithResolvers<void> } | null = null
  let waiting = 0
  let most = 0

  async function request<T>(what: string, signal: AbortSignal, answer: () => T): Promise<T> {
    const index = asked.push(what) - 1
    waiting += 1
    most = Math.max(most, waiting)
    try {
      await (hanging?.what.test(what) ? orAborted(hanging.over.promise, signal) : Promise.resolve())
      signal.throwIfAborted()
      if (refusal?.what.test(what)) throw unavailable(refusal.why, name, `fails: ${refusal.why}`, refusal.facts)
      const said = answer()
      if (said === 'unchanged') asked[index] = `${what} 304`
      return said
    } finally {
      waiting -= 1
    }
  }

  const registry: FakeRegistry = {
    name,
    type: 'fake',
    abilities,
    host: `${name}.example.io`,
    reference: (image) => `${name}.example.io/${image}`,
    listTags(image, signal, { times = false } = {}) {
      return request(`list ${image}${times ? ' with times' : ''}`, signal, () => {
        const tags = images.get(image)
        if (tags === undefined) return null
        const listed = [...tags].map(([tag, { digest, at }]): ListedTag => ({
          name: tag,
          ...(abilities.digests && { digest }),
          ...((abilities.times || times) && at !== null && { pushedAt: at }),
        }))
        return tagListOf(registry.shuffle(listed))
      })
    },
    getLatestTag: () => Promise.reject(new Error('the watch chooses by itself')),
    digestOf(image, tag, signal, known) {
      return request(`head ${image}:${tag}`, signal, () => {
        const digest = images.get(image)?.get(tag)?.digest ?? null
        return digest !== null && digest === known ? 'unchanged' : digest
      })
    },
    platformDigest(image, digest, { os, architecture }, signal) {
      return request(`platform ${image}@${digest}`, signal, () => {
        return platforms.get(`${digest} ${os}/${architecture}`) ?? null
      })
    },
    createdAt(image, digest, signal) {
      return request(`created ${image}@${digest}`, signal, () => built.get(digest) ?? null)
    },
    pullCredential: () => Promise.resolve(null),
    close: () => Promise.resolve(),
    asked,
    push(image, tag, digest, at) {
      const tags = images.get(image) ?? new Map()
      images.set(image, tags.set(tag, { digest, at: at ?? null }))
    },
    untag: (image, tag) => void images.get(image)?.delete(tag),
    drop: (image) => void images.delete(image),
    platforms,
    built,
    refuse(why, facts = {}, what = /(?:)/) {
      refusal = why === null ? null : { why, facts, what }
    },
    hang(what = /(?:)/) {
      const over = Promise.withResolvers<void>()
      hanging = { what, over }
      return () => {
        hanging = null
        over.resolve()
      }
    },
    shuffle: (tags) => tags,
    get waiting() {
      return waiting
    },
    get most() {
      return most
    },
  }
  return registry
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
