/**
 * Reads many manifests at once, in threads that end when all are read. One by one without blocking,
 * a first look at 10,000 files takes 1.6–1.9 s of the one thread that is also to write them into ledger and
 * targets; with two threads 0.9–1.2 s, most of it theirs (2026-11-21, 2 cores).
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Digest } from '../../kernel/digest.ts'
import { AppError } from '../../kernel/errors.ts'
import type { ManifestRules } from './manifest/manifest.ts'
import type { Capability } from './model.ts'
import { ManifestError, type ProblemKind } from './manifest/problem.ts'
import type { ManifestReading } from './sort-out.ts'

export interface ReaderData {
  readonly directory: string
  readonly rules: ManifestRules
}

/** What a thread tells of a file; errors do not cross threads whole. */
export type ToldManifest =
  | { readonly capability: Capability; readonly digest: Digest }
  | { readonly kind: ProblemKind; readonly message: string; readonly identifier: string | null }

/** Files from which on threads pay: starting one takes as long as reading some hundred files here. */
export const manyFiles = 500
/** Files that a thread is given at a time: both are busy until the end, whatever lies where. */
const portion = 200

/** Results in the order of `names`. Rejects with `source.unavailable` when a thread ends, or the signal's reason. */
export async function readManifests(
  data: ReaderData,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ManifestReading[]> {
  signal.throwIfAborted()
  const readings: ManifestReading[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let next = 0
  let left = names.length
  // `.ts` in a checkout, `.js` in the package.
  const file = new URL(
    `./manifest-reader-thread${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`,
    import.meta.url,
  )
  const count = Math.min(2, availableParallelism(), Math.ceil(names.length / portion))
  const threads = Array.from({ length: count }, () => {
    const thread = new Worker(file, { workerData: data, resourceLimits: { maxYoungGenerationSizeMb: 8 } })
    let at = 0
    const give = () => {
      at = next
      next = Math.min(names.length, next + portion)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows, this is a thread
      if (at < next) thread.postMessage(names.slice(at, next))
    }
    const lost = (thrown: unknown) =>
      reject(new AppError('source.unavailable', 'a thread that reads manifests ended', { cause: thrown }))
    thread.on('error', lost)
    thread.on('exit', lost)
    thread.on('message', (told: readonly ToldManifest[]) => {
      for (const [offset, one] of told.entries()) readings[at + offset] = receive(one)
      left -= told.length
      if (left === 0) resolve()
      else give()
    })
    give()
    return thread
  })
  const stop = () => reject(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  try {
    await promise
    return readings
  } finally {
    signal.removeEventListener('abort', stop)
    // Not awaited: one that hangs in the file system ends when that answers.
    for (const thread of threads) void thread.terminate()
  }
}

function receive(told: ToldManifest): ManifestReading {
  return 'kind' in told ? new ManifestError(told.kind, told.message, told.identifier) : told
}
