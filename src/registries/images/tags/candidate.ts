/** A tag that a pattern lets in, and how its name reads. */
import type { Instant } from '../../../kernel/clock.ts'
import { isArtefact } from './artefacts.ts'
import type { Pattern } from './pattern.ts'
import { namesPrerelease } from './version.ts'

export interface TagTimes {
  readonly name: string
  /** undefined: nobody has asked yet. null: asked, and the registry does not say. */
  readonly pushedAt?: Instant | null
  readonly createdAt?: Instant | null
}

export interface Timed {
  readonly tag: string
  /** The tag behind what its pattern begins with up to a separator, so that `release-*` compares what is behind it. */
  readonly text: string
  readonly pushedAt: Instant | null | undefined
  readonly createdAt: Instant | null | undefined
}

export interface Candidate extends Timed {
  /** Its pattern names prereleases: `*-rc*`. */
  readonly wantsPrerelease: boolean
}

/** Told of each tag that falls out, and why. Absent where nobody wants to know. */
export type Trace = (tag: string, why: string) => void

export function readCandidates(
  tags: readonly TagTimes[],
  pattern: Pattern,
  foldsCase: boolean,
  trace?: Trace,
): readonly Candidate[] {
  // By alternative: how far its head goes, and whether it names prereleases.
  const ways = new Map(pattern.includes.map((each) => [each, wayOf(each)]))
  const candidates: Candidate[] = []
  let floating: Candidate | null = null
  for (const { name: tag, pushedAt, createdAt } of tags) {
    const found = pattern.find(tag, foldsCase)
    if (typeof found === 'string') trace?.(tag, found === 'excluded' ? 'excluded by the pattern' : 'does not match')
    else if (found.fixed === null && isArtefact(tag)) trace?.(tag, 'an artefact of an image, no image')
    else {
      const { skip, wantsPrerelease } = ways.get(found)!
      const candidate = { tag, text: tag.slice(skip), wantsPrerelease, pushedAt, createdAt }
      if (tag === 'latest' && found.fixed === null) floating = candidate
      else candidates.push(candidate)
    }
  }
  if (floating === null) return candidates
  if (candidates.length === 0) return [floating]
  trace?.('latest', 'says nothing of its version; counts only where it is the only match, or named in full')
  return candidates
}

/** What its version or number is read from, of a tag that the pattern does not let in: of one of another pattern. */
export function textOf(tag: string, pattern: Pattern): string {
  const skips = pattern.includes.map((each) => each.head.slice(0, wayOf(each).skip))
  return tag.slice(Math.max(...skips.map((head) => (tag.startsWith(head) ? head.length : 0))))
}

/** As a candidate of the pattern, without times; null: the pattern does not let it in. */
export function readCandidate(tag: string, pattern: Pattern, foldsCase: boolean): Candidate | null {
  return readCandidates([{ name: tag }], pattern, foldsCase)[0] ?? null
}

function wayOf({ head, literal, fixed }: Pattern['includes'][number]) {
  const skip = fixed === null ? Math.max(head.lastIndexOf('-'), head.lastIndexOf('_')) + 1 : 0
  return { skip, wantsPrerelease: namesPrerelease(literal) }
}

/** Where two are equal: the longer, because more specific; then by bytes. Does not depend on the order of lists. */
export function isPreferred(tag: string, to: string): boolean {
  return tag.length === to.length ? tag > to : tag.length > to.length
}

/** The greatest, in one walk: lists are long, and only one is wanted. */
export function greatest<T extends { readonly tag: string }>(all: readonly T[], compare: (a: T, b: T) => number): T {
  let best = all[0]!
  for (const each of all) {
    const order = compare(each, best)
    if (order > 0 || (order === 0 && isPreferred(each.tag, best.tag))) best = each
  }
  return best
}
