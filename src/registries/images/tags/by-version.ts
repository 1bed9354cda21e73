/** The newest by version. */
import { greatest, type Candidate, type Trace } from './candidate.ts'
import { some, type Selected } from './outcome.ts'
import type { Range } from './range.ts'
import { compareVersions, type Version } from './version.ts'

export interface Versioned extends Candidate {
  readonly version: Version
}

export interface VersionRules {
  readonly range: Range | null
  /** What is deployed, as a version of the same pattern. */
  readonly current: Version | null
  readonly foldsCase: boolean
  readonly trace?: Trace | undefined
}

/** Those that do not count fall out before the greatest is picked: one of another major must hide no other (keel#490). */
export function chooseByVersion(all: readonly Versioned[], rules: VersionRules): Selected {
  const counting = all.filter((each) => counts(each, rules))
  if (counting.length === 0) return { is: 'no-match', detail: nothingCounts(all, rules) }
  const variant = variantOf(counting, rules)
  if (variant === null) {
    const names = some(counting.map(({ version }) => version.suffix))
    return {
      is: 'ambiguous',
      detail: `there are several variants (${names}); narrow the pattern to one, as in *-${names.split(',')[0]}`,
    }
  }
  const same = counting.filter(({ tag, version }) => {
    const fits = suffixOf(version, rules) === variant.suffix && version.parts.length === variant.parts
    if (!fits) rules.trace?.(tag, `not of the form ${variant.text}`)
    return fits
  })
  if (same.length === 0) return { is: 'no-match', detail: `no tag has the form ${variant.text}` }
  const { tag } = greatest(same, (a, b) => compareVersions(a.version, b.version))
  return { is: 'chosen', tag, considered: same.length, why: `the greatest version of the form ${variant.text}` }
}

function counts({ tag, version, wantsPrerelease }: Versioned, { range, current, trace }: VersionRules): boolean {
  if (range !== null) {
    const admitted = range.admits(version)
    if (!admitted) trace?.(tag, 'not in the range')
    return admitted
  }
  // Who runs prereleases goes on with them; else nobody gets one without having named it.
  const admitted = version.pre === null || wantsPrerelease || (current !== null && current.pre !== null)
  if (!admitted) trace?.(tag, 'a prerelease, which neither the pattern nor a range asks for')
  return admitted
}

function nothingCounts(all: readonly Versioned[], { range }: VersionRules): string {
  if (range !== null) return `none of ${all.length} versions is in the range`
  return `all ${all.length} versions are prereleases; name them in the pattern, as in *-rc*`
}

/** What stays as it is deployed. Without that: no suffix, or the only one; three parts, or as many as there are. */
function variantOf(all: readonly Versioned[], rules: VersionRules) {
  if (rules.current !== null) return variant(suffixOf(rules.current, rules), rules.current.parts.length)
  const suffixes = new Set(all.map(({ version }) => suffixOf(version, rules)))
  const [only] = suffixes
  if (suffixes.size > 1 && !suffixes.has('')) return null
  const suffix = suffixes.size === 1 ? only! : ''
  let parts = 0
  for (const { version } of all) {
    const length = suffixOf(version, rules) === suffix ? version.parts.length : 0
    if (length === 3 || (parts !== 3 && length > parts)) parts = length
  }
  return variant(suffix, parts)
}

function variant(suffix: string, parts: number) {
  return { suffix, parts, text: `${Array(parts).fill('N').join('.')}${suffix === '' ? '' : `-${suffix}`}` }
}

function suffixOf({ suffix }: Version, { foldsCase }: VersionRules): string {
  return foldsCase ? suffix.toLowerCase() : suffix
}
