/** Which of the tags of a repository is the newest. Pure. Under construction: signatures hold. */
import type { Instant } from '../../../kernel/clock.ts'
import type { Selection } from '../model.ts'

export interface TagTimes {
  readonly name: string
  /** undefined: nobody has asked yet. null: asked, and the registry does not say. */
  readonly pushedAt?: Instant | null
  readonly createdAt?: Instant | null
}

export interface SelectFrom {
  /** null: as registries list a repository whose tags are all deleted. */
  readonly tags: readonly TagTimes[] | null
  readonly selection: Selection
  readonly foldsCase: boolean
  /** What is deployed; its variant and number of parts are kept to, as long as the pattern still matches it. */
  readonly current: string | null
}

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

export function select(_from: SelectFrom): Selected {
  return { is: 'no-match', detail: 'no tags' }
}

/** -1: a is older than b. null: cannot be compared by their names. */
export function compareTags(_selection: Selection, _a: string, _b: string): -1 | 0 | 1 | null {
  return null
}

/** "what is wrong\nnext step" of pattern, strategy and range together, for schemas; null: fine. */
export function selectionFault(_selection: Selection): string | null {
  return null
}
