/** From what a look saw of a stage to what is written of it. */
import type { Result, Version } from '../model.ts'
import type { StageState } from '../stages/book.ts'
import { compareTags } from '../tags/select.ts'
import type { Follower } from './follower.ts'
import { isFound, type Outcome } from './outcome.ts'

export interface Judged {
  readonly result: Result
  readonly detail: string | null
  readonly version: Version | null
  /** Something was pushed since the last look. */
  readonly found: boolean
  /** The book would learn something from it. */
  readonly worthNoting: boolean
}

export interface Before {
  readonly state: Pick<StageState, 'result' | 'detail' | 'baseline' | 'lastPolledTag'>
  /** Tag of what is deployed. */
  readonly deployed: string | null
}

/** Of a look that saw something else than the last one, or is the first of this process. */
export function judge(follower: Follower, outcome: Outcome, { state, deployed }: Before): Judged {
  if (outcome.is === 'version') return judgeVersion(follower, outcome.version, { state, deployed })
  const { result } = outcome
  // The words of an error are those of the moment; what the registry has answered is to be read as it is now.
  const same = state.result === result && (outcome.is === 'failed' || state.detail === outcome.detail)
  return { result, detail: outcome.detail, version: null, found: false, worthNoting: !same }
}

function judgeVersion(follower: Follower, version: Version, { state, deployed }: Before): Judged {
  const { seen, stage, anew } = follower
  const { selection } = stage
  const known = !anew && state.baseline !== null
  const tagBefore = seen?.tag ?? (known ? state.lastPolledTag : null)
  const same = seen === null ? tagBefore === version.tag : seen.tag === version.tag && seen.digest === version.digest
  const first = seen === null && !known
  const below = deployed !== null && deployed !== version.tag && compareTags(selection, version.tag, deployed) === -1
  const change = tagBefore === version.tag ? 'moved' : 'new'
  const result = first ? 'first' : below ? 'regressed' : same ? 'unchanged' : change
  // The first look of a process may be the first of another configuration: the book knows.
  const cleared = state.result === null || !isFound(state.result) || (state.result === 'regressed') !== below
  return {
    result,
    detail: below ? `${version.tag} is older than ${deployed}, which is deployed` : null,
    version,
    found: !first && !same,
    worthNoting: !same || first || cleared || follower.outcome === null,
  }
}
