/** The newest by when it was pushed, or built. */
import { greatest, type Timed, type Trace } from './candidate.ts'
import type { Selected } from './outcome.ts'

/** Reproducible builds say 1970, or the first day of 1980 where zip files are involved: that is no time. */
const leastCreated = Date.UTC(1980, 0, 3)

export function chooseByTime(what: 'pushed' | 'created', all: readonly Timed[], trace?: Trace): Selected {
  const [first, ...others] = all
  if (first !== undefined && others.every(({ tag }) => tag === first.tag)) {
    return { is: 'chosen', tag: first.tag, considered: 1, why: 'the only one' }
  }
  const known: { tag: string; at: number }[] = []
  const unasked: string[] = []
  for (const { tag, pushedAt, createdAt } of all) {
    const at = what === 'pushed' ? pushedAt : createdAt
    if (at === undefined) unasked.push(tag)
    else if (at === null || (what === 'created' && at < leastCreated))
      trace?.(tag, `it is not known when it was ${what}`)
    else known.push({ tag, at })
  }
  if (unasked.length > 0) return { is: 'needs', what, tags: unasked, detail: unknown(what) }
  if (known.length === 0) return { is: 'ambiguous', detail: unknown(what) }
  const { tag } = greatest(known, (a, b) => a.at - b.at)
  return { is: 'chosen', tag, considered: all.length, why: `the last one that was ${what}` }
}

function unknown(what: 'pushed' | 'created'): string {
  const other = what === 'pushed' ? '; set strategy: created, or narrow the pattern' : '; narrow the pattern'
  return `only when they were ${what} tells which is the newest, and the registry does not say${other}`
}
