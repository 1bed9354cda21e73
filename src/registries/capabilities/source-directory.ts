/** A directory of manifests as a source: one scope, which is seen whole or not at all. */
import { join } from 'node:path'
import { root } from '../../engine/scope.ts'
import type { Ask, Entry, Look, Same, Source } from '../../engine/source.ts'
import type { Clock, Instant, Ms } from '../../kernel/clock.ts'
import { AppError } from '../../kernel/errors.ts'
import type { Capability } from './model.ts'
import { watchDirectory } from './directory-hints.ts'
import { createListing, type Listing } from './directory-listing.ts'
import { manyFiles, readManifests } from './manifest-reader.ts'
import { readManifest, type ManifestRules } from './manifest/manifest.ts'
import { forEach, namePattern, readManifestFile, type ManifestFile } from './manifest-files.ts'
import { ManifestError, shownFile } from './manifest/problem.ts'
import { reading, readingOf, rulesVersion, sortOut, type ManifestReading, type Reading } from './sort-out.ts'

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
  /** Files to be read from which on threads do it; default 500. */
  readonly readersFrom?: number
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
    const stampOf = (file: ManifestFile) => (isSettled(file, began) ? `${version}-${file.stamp}` : null)
    const sameAs = (file: ManifestFile): Same | null => {
      const stamp = stampOf(file)
      const before = byOrigin.get(file.name)
      return stamp !== null && before?.stamp === stamp ? { key: before.key, stamp } : null
    }
    const told = new Map<string, Reading>()
    const unread: ManifestFile[] = []
    for (const file of files) {
      const { name: origin, problem } = file
      const same = problem === null ? sameAs(file) : null
      if (problem !== null) told.set(origin, { origin, error: problem })
      else if (same !== null) told.set(origin, { origin, key: same.key, entry: same })
      else unread.push(file)
    }
    const read = await readAll(unread, signal)
    for (const [at, file] of unread.entries()) {
      const stamp = stampOf(file)
      told.set(file.name, readingOf(read[at]!, file.name, stamp === null ? {} : { stamp }))
    }
    const readings = files.map(({ name }) => told.get(name)!)
    const { items, troubles } = sortOut(readings, (file) => byOrigin.has(file))
    return { saw: 'complete', items, troubles, ...(mark !== null && { mark }) }
  }

  function readAll(files: readonly ManifestFile[], signal: AbortSignal): Promise<readonly ManifestReading[]> {
    const names = files.map(({ name }) => name)
    if (names.length >= (options.readersFrom ?? manyFiles)) return readManifests({ directory, rules }, names, signal)
    return forEach(names, signal, readOne)
  }

  async function readOne(name: string): Promise<ManifestReading> {
    try {
      const bytes = await readManifestFile(directory, name)
      return reading(() => readManifest(bytes, shownFile(join(directory, name)), rules))
    } catch (thrown) {
      if (thrown instanceof ManifestError) return thrown
      throw thrown
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
