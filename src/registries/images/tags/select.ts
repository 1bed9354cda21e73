/** Which of the tags of a repository is the newest. Pure; the order of the list is of no account. */
import type { Selection, Strategy } from '../model.ts'
import { chooseByNatural, chooseByKind } from './by-number.ts'
import { chooseByTime } from './by-time.ts'
import { chooseByVersion, type Versioned } from './by-version.ts'
import {
  greatest,
  readCandidate,
  readCandidates,
  textOf,
  type Candidate,
  type TagTimes,
  type Trace,
} from './candidate.ts'
import { commitMark, compareNatural, hasNumber, isCommit, kindOf, readNatural } from './natural.ts'
import type { Selected } from './outcome.ts'
import { fixedTag, parsePattern, patternFault, type Pattern } from './pattern.ts'
import { parseRange, type Range } from './range.ts'
import { compareCommonParts, compareVersions, parseVersion, type Version } from './version.ts'

export type { TagTimes } from './candidate.ts'
export type { Selected } from './outcome.ts'

export interface SelectFrom {
  /** null: as registries list a repository whose tags are all deleted. */
  readonly tags: readonly TagTimes[] | null
  readonly selection: Selection
  readonly foldsCase: boolean
  /** What is deployed; its variant and number of parts are kept to, as long as the pattern still matches it. */
  readonly current: string | null
}

/** `trace` is told why the others fell out. */
export function select(from: SelectFrom, trace?: Trace): Selected {
  const { selection, foldsCase } = from
  const wrong = selectionFault(selection)
  const parsed = parsePattern(selection.tags)
  // What cannot be read lets nothing in: it was refused where it was written.
  if (wrong !== null || 'fault' in parsed) return { is: 'no-match', detail: `selection ${wrong?.split('\n')[0]}` }
  const tags = from.tags ?? []
  if (tags.length === 0) return { is: 'no-match', detail: 'there are no tags' }
  const { pattern } = parsed
  const candidates = readCandidates(tags, pattern, foldsCase, trace)
  if (candidates.length === 0) {
    const fixed = fixedTag(pattern, { foldsCase })
    return {
      is: 'no-match',
      detail: fixed === null ? `none of ${tags.length} tags matches` : `there is no tag ${fixed}`,
    }
  }
  if (fixedTag(pattern, { foldsCase }) !== null) return only(candidates)
  const current = from.current === null ? null : readCandidate(from.current, pattern, foldsCase)
  return byStrategy(candidates, { ...from, current, range: rangeOf(selection), trace })
}

interface Rules extends Omit<SelectFrom, 'current'> {
  readonly current: Candidate | null
  readonly range: Range | null
  readonly trace: Trace | undefined
}

function byStrategy(candidates: readonly Candidate[], rules: Rules): Selected {
  const { strategy } = rules.selection
  if (strategy === 'pushed' || strategy === 'created') return chooseByTime(strategy, candidates, rules.trace)
  if (strategy === 'numeric') return chooseByNatural(candidates, rules.trace)
  if (strategy === 'semver') return bySemver(candidates, rules)
  if (strategy === 'auto') return byItself(candidates, rules)
  if (strategy === 'digest') {
    const detail = 'strategy digest follows one tag, and the pattern has several; name the tag in full'
    return candidates.length === 1 ? only(candidates) : { is: 'ambiguous', detail }
  }
  const { tag } = greatest(candidates, (a, b) => (a.tag < b.tag ? -1 : Number(a.tag > b.tag)))
  return { is: 'chosen', tag, considered: candidates.length, why: 'the last one in byte order' }
}

function only(candidates: readonly Candidate[]): Selected {
  // Several, where case is folded by us but was not by the registry.
  const { tag } = greatest(candidates, () => 0)
  return { is: 'chosen', tag, considered: candidates.length, why: 'the only one that matches' }
}

function bySemver(candidates: readonly Candidate[], rules: Rules): Selected {
  const versioned: Versioned[] = []
  for (const candidate of candidates) {
    const version = parseVersion(candidate.text)
    if (version === null) rules.trace?.(candidate.tag, 'no version')
    else versioned.push({ ...candidate, version })
  }
  if (versioned.length === 0) return { is: 'no-match', detail: `none of ${candidates.length} tags is a version` }
  return chooseByVersion(versioned, versionRules(rules, parseVersion))
}

/** Versions, where there are any; else what its numbers say; else when it was pushed. */
function byItself(candidates: readonly Candidate[], rules: Rules): Selected {
  const lengths = new Set(candidates.map(({ text }) => (isCommit(text) ? text.length : 0)))
  const read = (text: string) => (lengths.has(text.length) && /^\d{7,40}$/.test(text) ? null : plainVersion(text))
  const versioned: Versioned[] = []
  const others: Candidate[] = []
  for (const candidate of candidates) {
    const version = read(candidate.text)
    if (version === null) others.push(candidate)
    else versioned.push({ ...candidate, version })
  }
  if (versioned.length === 0 && rules.range !== null) {
    return { is: 'no-match', detail: `none of ${candidates.length} tags is a version, and a range is of versions` }
  }
  if (versioned.length === 0) return chooseByKind(others, rules.current?.text ?? null, rules.trace)
  for (const { tag } of rules.trace === undefined ? [] : others) rules.trace?.(tag, 'no version, and others are')
  return chooseByVersion(versioned, versionRules(rules, read))
}

function versionRules({ range, current, foldsCase, trace }: Rules, read: (text: string) => Version | null) {
  return { range, current: current === null ? null : read(current.text), foldsCase, trace }
}

/** `1.2.3-5` and `1.2.3-5-gabc1234` are counted on from a version: for their numbers, not for their variant. */
function plainVersion(text: string): Version | null {
  const version = parseVersion(text)
  return version === null || version.counts ? null : version
}

function rangeOf({ strategy, range }: Selection): Range | null {
  return range === null || (strategy !== 'semver' && strategy !== 'auto') ? null : parseRange(range)
}

/**
 * -1: a is older than b, 1: newer. null: their names do not tell. Of another variant or number of parts is null where
 * the pattern lets both in; but a tag that it does not let in, because it was deployed under another pattern, is
 * compared by what both have: that a pattern has changed is no wish to go back.
 */
export function compareTags(selection: Selection, a: string, b: string, foldsCase = false): -1 | 0 | 1 | null {
  if (a === b) return 0
  const parsed = parsePattern(selection.tags)
  if ('fault' in parsed || fixedTag(parsed.pattern, { foldsCase }) !== null) return null
  if (selection.strategy === 'alphabetical') return a < b ? -1 : 1
  const { pattern } = parsed
  const [older, newer] = [a, b].map((tag) => readCandidate(tag, pattern, foldsCase)?.text)
  const order = compareTexts(selection.strategy, {
    left: older ?? textOf(a, pattern),
    right: newer ?? textOf(b, pattern),
    foldsCase,
    foreign: older === undefined || newer === undefined,
  })
  return order === null ? null : (Math.sign(order) as -1 | 0 | 1)
}

interface Compared {
  readonly left: string
  readonly right: string
  readonly foldsCase: boolean
  /** One of both is of another pattern. */
  readonly foreign: boolean
}

function compareTexts(strategy: Strategy, compared: Compared): number | null {
  const { left, right } = compared
  if (strategy !== 'semver' && strategy !== 'auto' && strategy !== 'numeric') return null
  if (strategy !== 'numeric') {
    const read = strategy === 'semver' ? parseVersion : plainVersion
    const [older, newer] = [read(left), read(right)]
    if (older !== null && newer !== null) return compareAlike(older, newer, compared)
    if (strategy === 'semver' || older !== null || newer !== null) return null
  }
  const [one, other] = [readNatural(left), readNatural(right)]
  if (!hasNumber(one) || !hasNumber(other)) return null
  if (strategy === 'auto' && kindOf(one) !== kindOf(other)) return null
  const order = compareNatural(one, other)
  return order === 0 && one.kind.includes(commitMark) ? null : order
}

function compareAlike(a: Version, b: Version, { foldsCase, foreign }: Compared): number | null {
  const [left, right] = foldsCase ? [a.suffix.toLowerCase(), b.suffix.toLowerCase()] : [a.suffix, b.suffix]
  if (left === right && a.parts.length === b.parts.length) return compareVersions(a, b)
  return foreign ? compareCommonParts(a, b) || null : null
}

/** "what is wrong\nnext step" of pattern, strategy and range together, for schemas; null: fine. */
export function selectionFault({ tags, strategy, range }: Selection): string | null {
  const parsed = parsePattern(tags)
  if ('fault' in parsed) return patternFault(tags)
  const fixed = isOne(parsed.pattern)
  if (strategy === 'digest' && !fixed)
    return 'has strategy digest, but no one tag to follow\nname the tag in full as pattern'
  if (range === null) return null
  if (fixed) return 'has a range, but one tag to follow\nremove range, or use * in the pattern'
  if (strategy !== 'semver' && strategy !== 'auto') return 'has a range, which is of versions\nset strategy: semver'
  return parseRange(range) === null ? 'has a range that cannot be read\nwrite ^1.2, ~1.2.3, 1.x or ">=1.2 <3"' : null
}

function isOne(pattern: Pattern): boolean {
  return fixedTag(pattern, { foldsCase: false }) !== null
}
