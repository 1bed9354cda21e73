/**
 * Which manifests a directory has and when they changed. Up to some number of files they are asked for
 * one by one, without blocking; above it a thread does it, which stays: 10,000 files cost this thread
 * 103–123 ms of its time asked for one by one, and 0.3 ms when another does it in 25–40 ms (2026-11-21,
 * 2 cores). The first listing never starts a thread: most one-shot commands need no second one.
 */
import { Worker } from 'node:worker_threads'
import { sha256, type Digest } from '../../kernel/digest.ts'
import { AppError } from '../../kernel/errors.ts'
import { fileOf, listManifests, type ManifestFile, type ToldFile } from './manifest-files.ts'

export interface Listing {
  /** In order of their names. */
  readonly files: readonly ManifestFile[]
  /** The last change of any of them, by the clock of the file system. */
  readonly newest: number
  /** Of names and stamps; null: of some file there is no stamp. */
  readonly digest: Digest | null
}

export interface ThreadData {
  readonly directory: string
  readonly pattern: RegExp
}
export interface ListAsk {
  readonly id: number
  /** Version of the listing that the asker has. */
  readonly known: number | null
}
export type ListAnswer =
  | { readonly id: number; readonly unavailable: string }
  | { readonly id: number; readonly version: number; readonly files?: readonly ToldFile[] }

/** Files from which on a thread is worth its 35 MB. */
export const standardThreadFrom = 1000

/** Throws `source.unavailable`, and the signal's reason when it aborts. */
export type ListDirectory = (signal: AbortSignal) => Promise<Listing>

export function createListing(directory: string, pattern: RegExp, threadFrom = standardThreadFrom): ListDirectory {
  let last: { readonly version: number | null; readonly listing: Listing } | null = null
  let thread: Thread | null = null

  return async (signal) => {
    if (last === null || last.listing.files.length < threadFrom) {
      last = { version: null, listing: listingOf(await listManifests(directory, pattern, signal)) }
      return last.listing
    }
    thread ??= startThread({ directory, pattern }, () => {
      thread = null
      // Another thread counts its versions anew.
      if (last !== null) last = { ...last, version: null }
    })
    const answer = await thread.ask(last.version, signal)
    if ('unavailable' in answer) throw new AppError('source.unavailable', answer.unavailable)
    if (answer.files === undefined) return last.listing
    const files = answer.files.map(fileOf).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    last = { version: answer.version, listing: listingOf(files) }
    return last.listing
  }
}

function listingOf(files: readonly ManifestFile[]): Listing {
  const newest = files.reduce((most, { changedAt }) => Math.max(most, changedAt), 0)
  if (files.some(({ stamp }) => stamp === null)) return { files, newest, digest: null }
  return { files, newest, digest: sha256(files.map(({ name, stamp }) => `${name}\0${stamp}\n`).join('')) }
}

interface Thread {
  ask(known: number | null, signal: AbortSignal): Promise<ListAnswer>
}

/** `gone`: it ended by itself, and the next one who asks starts another. */
function startThread(workerData: ThreadData, gone: () => void): Thread {
  // `.ts` in a checkout, `.js` in the package.
  const file = new URL(`./directory-thread${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
  const worker = new Worker(file, {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 },
  })
  // It must not keep a process alive that has nothing else to do.
  worker.unref()
  let asked = 0
  /** What the thread is at; a directory that does not answer holds it up, and no second question is put to it. */
  let busy: {
    readonly answer: Promise<ListAnswer>
    settle(answer: ListAnswer): void
    fail(error: unknown): void
  } | null = null
  const end = (thrown: unknown) => {
    gone()
    busy?.fail(new AppError('source.unavailable', 'the thread that lists the directory ended', { cause: thrown }))
  }
  worker.on('error', end)
  worker.on('exit', end)
  worker.on('message', (answer: ListAnswer) => busy?.settle(answer))

  function put(known: number | null): Promise<ListAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ListAnswer>()
    const done = () => {
      busy = null
      worker.unref()
    }
    promise.then(done, done)
    busy = { answer: promise, settle: resolve, fail: reject }
    worker.ref()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, this is a thread
    worker.postMessage({ id: ++asked, known } satisfies ListAsk)
    return promise
  }

  return {
    async ask(known, signal) {
      // What somebody else asked for before may have been read before we were asked.
      while (busy !== null) await unless(signal, busy.answer)
      return unless(signal, put(known))
    },
  }
}

/** Leaves the work alone when the signal aborts. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => {})
  }
}
