/** What selecting came to. */

export type Selected =
  | { readonly is: 'chosen'; readonly tag: string; readonly considered: number; readonly why: string }
  | { readonly is: 'no-match'; readonly detail: string }
  | { readonly is: 'ambiguous'; readonly detail: string }
  /** Times of these must be asked; select again with them. Who cannot ask says `ambiguous` with the detail. */
  | {
      readonly is: 'needs'
      readonly what: 'pushed' | 'created'
      readonly tags: readonly string[]
      readonly detail: string
    }

/** A few of many, for people. */
export function some(names: Iterable<string>): string {
  const all = [...new Set(names)].toSorted()
  const shown = all.slice(0, 3).map((name) => (name === '' ? 'none' : name))
  return all.length > shown.length ? `${shown.join(', ')} and ${all.length - shown.length} more` : shown.join(', ')
}
