/**
 * Ranges in npm's syntax: `^1.2`, `~1.2.3`, `1.x || >=2.5`, `1.2 - 2.3`. The library reads them, which is the larger half
 * and the one where a copy would differ; whether a tag is within is ours to say, because it cannot hold four parts, nor
 * numbers beyond 2^53.
 */
import semver from 'semver'
import { compareDigits, significant } from './natural.ts'
import { comparePrereleases, type Version } from './version.ts'

export interface Range {
  /** Prereleases count only where the range names one of the same version, or ends a lower bound with `-0`. */
  admits(version: Version): boolean
}

const longest = 256

/** null: no range. */
export function parseRange(text: string): Range | null {
  if (text.length > longest || text.trim() === '') return null
  try {
    const set = new semver.Range(text, { loose: true }).set.map((all) => all.map(toBound))
    return { admits: (version) => set.some((bounds) => isWithin(version, bounds)) }
  } catch {
    return null
  }
}

interface Bound {
  readonly operator: string
  /** null: anything. */
  readonly version: Version | null
}

function toBound({ operator, semver: at }: semver.Comparator): Bound {
  // The library's mark for `*` is a comparator without a version.
  if (!(at instanceof semver.SemVer)) return { operator: '', version: null }
  const parts = [at.major, at.minor, at.patch].map(String)
  const pre = at.prerelease.flatMap((each) => String(each).match(/\d+|\D+/g) ?? []).map((each) => each.toLowerCase())
  return { operator, version: { parts, pre: pre.length === 0 ? null : pre.map(cleaned), suffix: '', counts: false } }
}

function cleaned(identifier: string): string {
  return /^\d/.test(identifier) ? significant(identifier) : identifier
}

function isWithin(version: Version, bounds: readonly Bound[]): boolean {
  if (!bounds.every((bound) => holds(version, bound))) return false
  return version.pre === null || bounds.some((bound) => letsPrerelease(version, bound))
}

function holds(version: Version, { operator, version: bound }: Bound): boolean {
  if (bound === null) return true
  const order = compareParts(version.parts, bound.parts) || comparePrereleases(version.pre, bound.pre)
  if (operator === '>=') return order >= 0
  if (operator === '<=') return order <= 0
  if (operator === '>') return order > 0
  return operator === '<' ? order < 0 : order === 0
}

function letsPrerelease(version: Version, { operator, version: bound }: Bound): boolean {
  if (bound === null || bound.pre === null) return false
  if (operator.startsWith('>') && bound.pre.length === 1 && bound.pre[0] === '0') return true
  return compareParts(version.parts, bound.parts) === 0
}

/** Parts that are not there count as 0: the range ^1.2 has 1.3 in it. */
function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const order = compareDigits(a[at] ?? '0', b[at] ?? '0')
    if (order !== 0) return order
  }
  return 0
}
