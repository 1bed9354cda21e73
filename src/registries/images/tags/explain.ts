/** Why a tag is chosen and the others are not, for people: `regista images test-pattern`. */
import { parsePattern } from './pattern.ts'
import { select, type Selected, type SelectFrom } from './select.ts'

export interface Explanation {
  readonly selected: Selected
  readonly tags: readonly { readonly tag: string; readonly matches: boolean; readonly why: string }[]
  /** Patterns that can never match. */
  readonly warnings: readonly string[]
}

/** In the order of the list. `matches`: it takes part in the choice. */
export function explain(from: SelectFrom): Explanation {
  const fallen = new Map<string, string>()
  const selected = select(from, (tag, why) => fallen.set(tag, why))
  const parsed = parsePattern(from.selection.tags)
  const chosen = selected.is === 'chosen' ? selected : null
  const tags = (from.tags ?? []).map(({ name: tag }) => {
    const why = fallen.get(tag)
    if (why !== undefined) return { tag, matches: false, why }
    if (chosen === null) return { tag, matches: selected.is !== 'no-match', why: detailOf(selected) }
    return { tag, matches: true, why: chosen.tag === tag ? chosen.why : `${chosen.tag} is newer` }
  })
  return { selected, tags, warnings: 'fault' in parsed ? [] : parsed.warnings }
}

function detailOf(selected: Selected): string {
  return selected.is === 'chosen' ? selected.why : selected.detail
}
