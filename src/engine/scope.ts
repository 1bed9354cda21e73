/**
 * A part of a source that is seen whole or not at all. Scopes nest: the text is a path whose
 * segments are joined by '/', a '/', '%' or '*' inside a segment is percent-encoded, and an empty
 * segment is a lone '%'. '' is the root.
 */
export type Scope = string

export const root: Scope = ''

/** Entries that a target holds and no scope has claimed yet; believed absent once every scope was seen whole. */
export const stray: Scope = '*'

const empty = '%'

/** @public for sources with more than the root */
export function scopeOf(...segments: readonly string[]): Scope {
  return segments
    .map((segment) => segment.replaceAll('%', '%25').replaceAll('/', '%2F').replaceAll('*', '%2A') || empty)
    .join('/')
}

/** @public for sources with more than the root */
export function segmentsOf(scope: Scope): string[] {
  return scope === root ? [] : scope.split('/').map((text) => (text === empty ? '' : decodeURIComponent(text)))
}

/** Every scope above this one, nearest first; the root is last. */
export function scopesAbove(scope: Scope): Scope[] {
  const above: Scope[] = []
  for (let at = scope.lastIndexOf('/'); at > 0; at = scope.lastIndexOf('/', at - 1)) above.push(scope.slice(0, at))
  if (scope !== root) above.push(root)
  return above
}

/** Whether the config names the scope: itself, or one above it that tells of it. */
export function isNamed(
  source: { readonly scopes: readonly { readonly scope: Scope }[]; readonly namesAll?: boolean },
  scope: Scope,
): boolean {
  const above = source.namesAll === true ? [] : scopesAbove(scope)
  return source.scopes.some((child) => child.scope === scope || above.includes(child.scope))
}
