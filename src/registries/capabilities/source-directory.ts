/** A directory of manifests as a source: one scope, which is seen whole or not at all. */
import { join } from 'node:path'
import { root } from '../../engine/scope.ts'
import type { Ask, Entry, Key, Look, Same, Source } from '../../engine/source.ts'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Capability } from './model.ts'
import { watchDirectory } from './directory-hints.ts'
import { createListing, type Listing } from './directory-listing.ts'
import { readManifest, type ManifestRules } from './manifest.ts'
import { forEach, namePattern, readManifestFile, type ManifestFile } from './manifest-files.ts'
import { ManifestError, shownFile } from './problem.ts'
import { entryOf, rulesVersion, sortOut, type Reading } from './sort-out.ts'

export interface DirectoryOptions {
  readonly directory: string
  /** Of file names within the directory. */
  readonly glob: string
  readonly rules: ManifestRules
  /** Time between two passes: absence is believed after two looks at least min(this, 20 s) apart. */
  readonly interval: Ms
  readonly clock: Clock
  /** Told with each look which files there are, whether or not they can be read. */
  readonly onListing?: (names: readonly string[]) => void
  /** Files from which on a thread of its own asks for them; default 1,000. */
  readonly threadFrom?: number
}

const apart: Ms = 20_000
/**
 * A file that changed this short before it was looked at may change again within the same tick of its
 * file system's clock, unseen (FAT counts in 2 s); such a file is read again with the next look.
 */
const settled: Ms = 2000

export function createDirectorySource(options: DirectoryOptions): Source<Capability> {
  const { directory, rules, clock } = options
  const pattern = namePattern(options.glob)
  const version = rulesVersion(options.glob, rules)
  const list = createListing(directory, pattern, options.threadFrom)

  async function look(ask: Ask, signal: AbortSignal): Promise<Look<Entry<Capability> | Same>> {
    const began = clock.now()
    let listing: Listing
    try {
      listing = await list(signal)
    } catch (thrown) {
      if (!(thrown instanceof AppError) || thrown.code !== 'source.unavailable') throw thrown
      return { saw: 'unavailable', why: 'source-unavailable', detail: thrown.detail }
    }
    const { files } = listing
    options.onListing?.(files.map(({ name }) => name))
    const mark = markOf(version, listing, began)
    if (mark !== null && mark === ask.mark) return { saw: 'unchanged' }
    const known = await ask.known()
    const byOrigin = new Map([...known].map(([key, { origin, stamp }]) => [origin, { key, stamp }]))
    const readings = await forEach(files, signal, (file) => readFile(file, began, byOrigin.get(file.name)))
    const { items, troubles } = sortOut(readings, (file) => byOrigin.has(file))
    return { saw: 'complete', items, troubles, ...(mark !== null && { mark }) }
  }

  async function readFile(
    file: ManifestFile,
    began: Instant,
    known: { readonly key: Key; readonly stamp: string | null } | undefined,
  ): Promise<Reading> {
    const origin = file.name
    if (file.problem) return { origin, error: file.problem }
    const stamp = isSettled(file, began) ? `${version}-${file.stamp}` : null
    if (known && stamp !== null && known.stamp === stamp) {
      return { origin, key: known.key, entry: { key: known.key, stamp } }
    }
    try {
      const bytes = await readManifestFile(directory, file.name)
      const capability = readManifest(bytes, shownFile(join(directory, file.name)), rules)
      return { origin, key: capability.id, entry: entryOf(capability, origin, stamp === null ? {} : { stamp }) }
    } catch (thrown) {
      if (!(thrown instanceof ManifestError)) throw thrown
      return { origin, error: thrown }
    }
  }

  return {
    scopes: [{ scope: root }],
    absence: { looks: 2, apart: Math.min(options.interval, apart) },
    look,
    hints: (signal) => watchDirectory({ directory, matches: (name) => pattern.test(name), clock, signal }),
  }
}

function isSettled(file: ManifestFile, began: Instant): boolean {
  return file.changedAt < began - settled
}

/** null: what was seen may change without a trace. */
function markOf(version: string, { digest, newest }: Listing, began: Instant): string | null {
  return digest === null || newest >= began - settled ? null : `${version}-${digest}`
}
