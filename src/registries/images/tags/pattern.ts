/**
 * Which tags count: a list of globs, of which one must match and those with `!` before them must not. Matched in a time
 * linear in the tag whatever the globs are (matcher.ts): they come from people, also by the API.
 */
import { isArtefact } from './artefacts.ts'
import { mostAlternatives, readGlob, tooMany, type Alternative, type Fault } from './glob.ts'
import { createMatcher, type Matcher } from './matcher.ts'

export interface Pattern {
  readonly includes: readonly Alternative[]
  readonly excludes: readonly Alternative[]
  /** The alternative that lets a tag in; or why none does. Matching only: artefacts are not known here. */
  find(tag: string, foldsCase: boolean): Alternative | 'no-match' | 'excluded'
}

export interface Folding {
  /** The registry keeps names in lower case whatever was pushed (Gitea, Forgejo): any case matches. */
  readonly foldsCase: boolean
}

/** Longest pattern, in characters; and longest tag, by the OCI distribution specification. */
const longestPattern = 256
const longestTag = 128
/** Places that all alternatives may come to, which is what matching costs. */
const mostPlaces = 1024

/**
 * Reads a list, or text with commas between patterns; commas in braces and brackets are theirs. Nothing, or only
 * exclusions: every tag. `fault` is what is wrong and, after a line break, the next step. Warnings are about patterns
 * that can be read but will never match a tag.
 */
export function parsePattern(
  texts: string | readonly string[],
): { readonly pattern: Pattern; readonly warnings: readonly string[] } | Fault {
  const includes: Alternative[] = []
  const excludes: Alternative[] = []
  for (const text of [texts].flat()) {
    const wrong = faultOfText(text)
    if (wrong !== null) return { fault: wrong }
    for (const part of splitAtCommas(text)) {
      const excluding = part.startsWith('!')
      const read = readGlob(excluding ? part.slice(1).trim() : part)
      if ('fault' in read) return read
      if (excluding && part.length === 1) return { fault: 'excludes nothing\nname what to exclude after the !' }
      for (const each of read) (excluding ? excludes : includes).push(each)
    }
  }
  const all = [...includes, ...excludes]
  if (all.length > mostAlternatives) return tooMany
  const places = all.reduce((sum, { pieces }) => sum + pieces.length + 1, 0)
  if (places > mostPlaces) return { fault: 'is too long with its braces written out\nuse * for what may differ' }
  if (includes.length === 0) includes.push(...(readGlob('*') as readonly Alternative[]))
  return { pattern: createPattern(includes, excludes), warnings: all.flatMap(warningOf) }
}

function createPattern(includes: readonly Alternative[], excludes: readonly Alternative[]): Pattern {
  // By whether case is folded; made when first asked for.
  const matchers = new Map<boolean, readonly [Matcher, Matcher]>()
  const matcherOf = (foldsCase: boolean) => {
    const made = matchers.get(foldsCase) ?? [createMatcher(includes, foldsCase), createMatcher(excludes, foldsCase)]
    matchers.set(foldsCase, made)
    return made
  }
  return {
    includes,
    excludes,
    find(tag, foldsCase) {
      const [including, excluding] = matcherOf(foldsCase)
      const found = including.match(tag)
      if (found === -1) return 'no-match'
      return excluding.match(tag) === -1 ? includes[found]! : 'excluded'
    },
  }
}

/** Whether one of its globs matches the tag and none excludes it. An artefact only where it is named in full. */
export function matches(pattern: Pattern, tag: string, { foldsCase }: Folding): boolean {
  const found = pattern.find(tag, foldsCase)
  return typeof found === 'object' && (found.fixed !== null || !isArtefact(tag))
}

/**
 * The one tag that a pattern without wildcards follows by digest, as the registry keeps it; null: there is a choice to
 * make among a list.
 */
export function fixedTag({ includes }: Pattern, { foldsCase }: Folding): string | null {
  const [only, ...others] = includes
  if (others.length > 0 || only === undefined || only.fixed === null) return null
  return foldsCase ? only.fixed.toLowerCase() : only.fixed
}

/** "what is wrong\nnext step", for schemas; null: fine. */
export function patternFault(texts: string | readonly string[]): string | null {
  const parsed = parsePattern(texts)
  return 'fault' in parsed ? parsed.fault : null
}

function faultOfText(text: string): string | null {
  if (text.length > longestPattern) return `is longer than ${longestPattern} characters\nwrite a list of patterns`
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text) ? 'has a control character in it\nremove it' : null
}

/** At commas that are not in braces or brackets. An escaped one is no comma. Empty parts are left out. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = []
  let closing: string | null = null
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]!
    if (char === '\\') at += 1
    else if (closing !== null) closing = char === closing ? null : closing
    else if (char === '[') closing = ']'
    else if (char === '{') closing = '}'
    else if (char === ',') {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  return [...parts, text.slice(from)].map((part) => part.trim()).filter((part) => part !== '')
}

/** Tags are `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. */
function warningOf({ pieces, head, literal }: Alternative): string[] {
  const foreign = pieces.find((piece) => piece.is === 'one' && !/[a-zA-Z0-9._-]/.test(piece.char))
  if (foreign?.is === 'one') {
    return [`${literal} can never match: tags have letters, digits, ".", "_" and "-", but no ${quoted(foreign.char)}`]
  }
  if (/^[.-]/.test(head)) return [`${literal} can never match: no tag begins with ${quoted(head[0]!)}`]
  const least = pieces.filter(({ is }) => is !== 'star').length
  return least > longestTag ? [`${literal} can never match: no tag is longer than ${longestTag} characters`] : []
}

function quoted(char: string): string {
  return char === ' ' ? 'space' : `"${char}"`
}
