/** The newest by the numbers in its name, for tags that are no versions: `dev-124`, `2024-01-05`, `main-abc1234-1700000000`. */
import { chooseByTime } from './by-time.ts'
import { greatest, type Candidate, type Timed, type Trace } from './candidate.ts'
import { commitMark, compareNatural, hasNumber, kindOf, readNatural, withoutLetters, type Natural } from './natural.ts'
import { some, type Selected } from './outcome.ts'

interface Numbered extends Timed {
  readonly natural: Natural
}

/** Natural order over all that have a number in them, whatever else they say: for those who ask for it by name. */
export function chooseByNatural(all: readonly Candidate[], trace?: Trace): Selected {
  const numbered = readAll(all).numbered.filter(({ tag, natural }) => {
    const counts = hasNumber(natural)
    if (!counts) trace?.(tag, 'has no number')
    return counts
  })
  if (numbered.length === 0) return { is: 'no-match', detail: `none of ${all.length} tags has a number` }
  return toldApart(numbered, 'the greatest in natural order', trace)
}

/** Only among tags of one kind: that of what is deployed, or the only one there is. Else nothing is guessed. */
export function chooseByKind(all: readonly Candidate[], current: string | null, trace?: Trace): Selected {
  const { numbered, read } = readAll(all)
  const kinds = new Set(numbered.map(({ natural }) => natural.kind))
  const deployed = current === null ? null : read(current).kind
  const kind = deployed !== null && kinds.has(deployed) ? deployed : kinds.size === 1 ? [...kinds][0]! : null
  if (kind === null) {
    return {
      is: 'ambiguous',
      detail: `there are tags of several kinds (${some(kinds)}); narrow the pattern to one, or set strategy`,
    }
  }
  const same = numbered.filter(({ tag, natural }) => {
    if (natural.kind !== kind) trace?.(tag, `not of the kind ${kind}`)
    return natural.kind === kind
  })
  if (!kind.includes('#')) return chooseByTime('pushed', same, trace)
  return toldApart(same, `the greatest of the kind ${kind}`, trace)
}

/** The greatest, unless it is only the commit that tells it from another: that says nothing of which came later. */
function toldApart(all: readonly Numbered[], why: string, trace?: Trace): Selected {
  const compare = (a: Numbered, b: Numbered) => compareNatural(a.natural, b.natural)
  const best = greatest(all, compare)
  if (best.natural.kind.includes(commitMark)) {
    const equal = all.filter((each) => compare(each, best) === 0)
    if (equal.length > 1) return chooseByTime('pushed', equal, trace)
  }
  return { is: 'chosen', tag: best.tag, considered: all.length, why }
}

/** Those that have commits say which numbers of the others are commits without letters. */
function readAll(all: readonly Candidate[]) {
  const first = all.map((each) => readNatural(each.text))
  const commits = new Set<string>()
  for (const { kind } of first) if (kind.includes(commitMark)) commits.add(kind)
  const read = (text: string, natural = readNatural(text)): Natural => {
    const known = withoutLetters(text, natural, commits)
    const kind = kindOf(known)
    return kind === known.kind ? known : { kind, chunks: known.chunks }
  }
  const numbered = all.map(({ tag, text, pushedAt, createdAt }, at): Numbered => {
    const natural = commits.size === 0 ? first[at]! : read(text, first[at])
    return { tag, text, pushedAt, createdAt, natural }
  })
  return { numbered, read }
}
