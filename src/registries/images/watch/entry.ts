/** What is told of a stage: the version that a person has pinned it to, or the newest. */
import type { Entry, Trouble } from '../../../engine/source.ts'
import { revisionOf, type Release, type Stage, type Version } from '../model.ts'
import type { StageState } from '../stages/book.ts'
import { reasonOf, type Failed, type None, type Outcome } from './outcome.ts'

export type Told =
  | { readonly is: 'entry'; readonly entry: Entry<Release> }
  /** Nothing can be deployed, and nothing is to be removed for it. */
  | { readonly is: 'trouble'; readonly trouble: Trouble; readonly because: None }
  | { readonly is: 'failed'; readonly trouble: Trouble; readonly because: Failed }
  /** Nobody has looked yet. */
  | { readonly is: 'unknown'; readonly trouble: Trouble }

export interface Standing {
  readonly stage: Stage
  readonly outcome: Outcome | null
  readonly state: Pick<StageState, 'pin' | 'generation'>
  /** As whoever pulls it writes it, without tag and digest. */
  readonly repository: string
}

export function tellOf({ stage, outcome, state, repository }: Standing): Told {
  const { key } = stage
  const newest = outcome?.is === 'version' ? outcome.version : null
  const version: Version | null = state.pin ? { tag: state.pin.tag, digest: state.pin.digest, at: null } : newest
  if (version !== null) {
    const { project, stage: name, registry } = stage
    const revision = revisionOf(version.digest, state.generation)
    const item: Release = { ...version, project, stage: name, registry, repository, revision }
    const note = { pushedAt: version.at, pinned: state.pin !== null }
    return { is: 'entry', entry: { key, digest: revision, label: version.tag, item, note } }
  }
  if (outcome === null || outcome.is === 'version') {
    return {
      is: 'unknown',
      trouble: {
        key,
        why: 'registry-slow',
        detail: 'the registry has not answered yet; what it says is told when it comes',
      },
    }
  }
  const trouble = { key, why: reasonOf(outcome), detail: outcome.detail }
  return outcome.is === 'none'
    ? { is: 'trouble', trouble, because: outcome }
    : { is: 'failed', trouble, because: outcome }
}

/** Another one: the engine should look. Times and words may differ without that. */
export function signatureOf(told: Told): string {
  if (told.is === 'entry') return `${told.entry.digest} ${told.entry.label} ${told.entry.item.repository}`
  return told.is === 'unknown' ? 'unknown' : `${told.is} ${told.because.result}`
}
