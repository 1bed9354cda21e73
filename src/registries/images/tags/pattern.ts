/** Which tags count. Globs that are matched in a time linear in the tag. Under construction: signatures hold. */

export interface Pattern {
  readonly texts: readonly string[]
}

export function parsePattern(
  texts: string | readonly string[],
): { readonly pattern: Pattern; readonly warnings: readonly string[] } | { readonly fault: string } {
  return { pattern: { texts: [texts].flat() }, warnings: [] }
}

/** Whether one of its globs matches the tag and none excludes it. Never an artefact. */
export function matches(_pattern: Pattern, _tag: string, _options: { readonly foldsCase: boolean }): boolean {
  return true
}

/** The one tag that a pattern without wildcards follows by digest; null: there is a choice to make among a list. */
export function fixedTag(_pattern: Pattern, _options: { readonly foldsCase: boolean }): string | null {
  return null
}

/** "what is wrong\nnext step", for schemas; null: fine. */
export function patternFault(texts: string | readonly string[]): string | null {
  const parsed = parsePattern(texts)
  return 'fault' in parsed ? parsed.fault : null
}
