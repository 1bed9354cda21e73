/**
 * Versions as image tags write them, which is not as SemVer does: `1.2`, `v1`, `2024.01.05` and `1.2.3.4` are versions,
 * and `1.2.3-alpine` is the 1.2.3 of another variant, no prerelease of it. What follows the first hyphen must stay
 * equal, and so must the number of parts (the rule of Renovate's docker versioning), unless it is the name of a
 * prerelease.
 */
import { compareDigits, isCommit, significant } from './natural.ts'

export interface Version {
  /** Decimal digits without leading zeros: some are longer than numbers are exact. */
  readonly parts: readonly string[]
  /** `rc.1` → ['rc', '1']; null: a release. */
  readonly pre: readonly string[] | null
  /** The variant: `alpine3.19`, without the hyphen; '' where there is none. */
  readonly suffix: string
  /** The suffix counts or names a commit (`-5`, `-r3`, `-20240105`, `-5-gabc1234`): it is no variant. */
  readonly counts: boolean
}

/** Words that name a prerelease by themselves, and those that do with a number. `-dev` alone is a variant of images. */
const prereleaseWord = 'alpha|beta|rc|cr|preview|prerelease|pre|snapshot|nightly|canary|milestone'
const countedWord = 'dev|next|ea|a|b|m'
const prerelease = new RegExp(
  `^[-._]?(?:(${prereleaseWord})(?![a-z])|(${countedWord})(?=[-.]?\\d))([-.]?\\d+(?:[-.]\\d+)*)?(?![a-z0-9])`,
  'i',
)
const numbers = /^v?(\d+(?:\.\d+)*)/i
const counting = /^(?:\d+|[a-z]\d+|t\d+z?|g?[0-9a-f]{7,40})$/i

/** null: no version. A commit is none, also where it begins with a digit. */
export function parseVersion(text: string): Version | null {
  const matched = numbers.exec(text)
  if (matched === null) return null
  const rest = text.slice(matched[0].length)
  const parts = matched[1]!.split('.').map(significant)
  if (rest === '') return { parts, pre: null, suffix: '', counts: false }
  if (isCommit(text.split(/[-._]/, 1)[0]!)) return null
  const named = prerelease.exec(rest)
  const word = named === null ? null : (named[1] ?? named[2])!.toLowerCase()
  const pre = word === null ? null : [word, ...(named![3]?.match(/\d+/g) ?? []).map(significant)]
  const suffix = rest.slice(named?.[0].length ?? 0).replace(/^[-._]/, '')
  return { parts, pre, suffix, counts: suffix !== '' && suffix.split(/[-._]/).every((each) => counting.test(each)) }
}

/** Whether a pattern asks for prereleases by name: `*-rc*`. */
export function namesPrerelease(literal: string): boolean {
  return new RegExp(`(?:^|[-._\\d*])(?:${prereleaseWord}|${countedWord})(?:[-._\\d*]|$)`, 'i').test(literal)
}

/** By parts, then by prerelease; of no account is the suffix. `2.1` stands for the last 2.1.x: above `2.1.1`. */
export function compareVersions(a: Version, b: Version): number {
  return compareCommonParts(a, b) || b.parts.length - a.parts.length || comparePrereleases(a.pre, b.pre)
}

/** By the parts that both have. */
export function compareCommonParts(a: Version, b: Version): number {
  for (let at = 0; at < Math.min(a.parts.length, b.parts.length); at += 1) {
    const order = compareDigits(a.parts[at]!, b.parts[at]!)
    if (order !== 0) return order
  }
  return 0
}

/** SemVer 11.3 and 11.4, with the number in `rc10` counted as one. */
export function comparePrereleases(a: readonly string[] | null, b: readonly string[] | null): number {
  if (a === null || b === null) return Number(b !== null) - Number(a !== null)
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const order = compareIdentifiers(a[at]!, b[at]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function compareIdentifiers(a: string, b: string): number {
  const counted = [a, b].map((each) => /^\d/.test(each))
  if (counted[0] && counted[1]) return compareDigits(a, b)
  if (counted[0] !== counted[1]) return counted[0] ? -1 : 1
  return a < b ? -1 : Number(a > b)
}
