/** What reading files gave, as a look tells it: entries, and troubles that each name their file once. */
import type { Entry, Key, Same, Trouble } from '../../engine/source.ts'
import { sha256, type Digest } from '../../kernel/digest.ts'
import type { Json } from '../../kernel/json.ts'
import type { ManifestRules } from './manifest/manifest.ts'
import { digestOfCapability, type Capability } from './model.ts'
import { describeProblem, ManifestError, shownFile } from './manifest/problem.ts'

/** What became of one file. `origin` names it within its source. */
export type Reading =
  | { readonly origin: string; readonly key: Key; readonly entry: Entry<Capability> | Same }
  | { readonly origin: string; readonly error: ManifestError }

/** What was read under other rules says nothing under these: part of each stamp and mark. */
export function rulesVersion(glob: string, { compat, versionSource }: ManifestRules): string {
  return sha256(JSON.stringify([1, glob, compat, versionSource])).slice(0, 8)
}

/** What reading one manifest gave. */
export type ManifestReading = { readonly capability: Capability; readonly digest: Digest } | ManifestError

/** Throws what is no fault of the manifest. */
export function reading(read: () => Capability): ManifestReading {
  try {
    const capability = read()
    return { capability, digest: digestOfCapability(capability) }
  } catch (thrown) {
    if (thrown instanceof ManifestError) return thrown
    throw thrown
  }
}

export function readingOf(
  read: ManifestReading,
  origin: string,
  more: { readonly stamp?: string; readonly note?: Json },
): Reading {
  if (read instanceof ManifestError) return { origin, error: read }
  const { capability, digest } = read
  const { id: key, version: label } = capability
  return { origin, key, entry: { key, digest, label, item: capability, origin, ...more } }
}

/**
 * Two files with one identifier: neither counts, whichever came first, and what was known of it stays.
 * `isOrigin`: a known entry came from this file, so that the file's name alone shields it.
 */
export function sortOut(
  readings: readonly Reading[],
  isOrigin: (file: string) => boolean,
): { items: (Entry<Capability> | Same)[]; troubles: Trouble[] } {
  const sharers = new Map<Key, string[]>()
  for (const reading of readings) {
    if (!('key' in reading)) continue
    const files = sharers.get(reading.key)
    if (files) files.push(reading.origin)
    else sharers.set(reading.key, [reading.origin])
  }
  const items: (Entry<Capability> | Same)[] = []
  const troubles: Trouble[] = []
  for (const reading of readings) {
    const { origin } = reading
    if ('key' in reading) {
      const files = sharers.get(reading.key)!
      if (files.length === 1) items.push(reading.entry)
      else if (files[0] === origin) troubles.push(sharedTrouble(reading.key, files))
      continue
    }
    const trouble = { origin, why: 'manifest-invalid', detail: detailOf(origin, reading.error) }
    // The file may be one that was renamed: then its old name does not shield its capability.
    troubles.push(isOrigin(origin) ? trouble : { ...trouble, key: keyGuess(origin, reading.error) })
  }
  return { items, troubles }
}

/** One of the original's texts names the capability alone, and whoever has to mend it looks for the file. */
function detailOf(origin: string, error: ManifestError): string {
  const text = describeProblem(origin, error)
  const file = shownFile(origin)
  return text.includes(file) ? text : `${text} (${file})`
}

function sharedTrouble(key: Key, files: readonly string[]): Trouble {
  const error = new ManifestError('duplicate', `dc_identifier ${key} is in all of them`, key)
  return { key, why: 'duplicate-identifier', detail: describeProblem(files.join(', '), error) }
}

/** By custom a manifest is named after its identifier. */
function keyGuess(origin: string, error: ManifestError): Key {
  return error.identifier ?? origin.slice(origin.lastIndexOf('/') + 1).replace(/\.ya?ml$/, '')
}
