/** A capability as every target holds it: an identifier and four values. */
import { createHash } from 'node:crypto'
import type { Digest } from '../../kernel/digest.ts'

/** The four keys of a capability, in the order in which the original wrote them. */
export const facets = ['metadata', 'type', 'version', 'dependencies'] as const
export type Facet = (typeof facets)[number]

/** Text of each facet; `metadata` and `dependencies` are JSON as Python writes it. */
export type Capability = { readonly [facet in Facet | 'id']: string }

/** Digest of the four values, in order; null stands for a key that is not there. */
export function digestOfFacets(values: readonly (Uint8Array | string | null)[]): Digest {
  const hash = createHash('sha256')
  for (const value of values) {
    if (value === null) {
      hash.update('-')
      continue
    }
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
    // The length keeps apart where one value ends and the next begins.
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest('hex')
}

export function digestOfCapability(capability: Capability): Digest {
  return digestOfFacets(facets.map((facet) => capability[facet]))
}
