/** A stage as the watch of its repository keeps it. */
import type { Digest } from '../../../kernel/digest.ts'
import type { Instant } from '../../../kernel/clock.ts'
import type { Stage, Version } from '../model.ts'
import { fixedTag, matches, parsePattern, type Pattern } from '../tags/pattern.ts'
import type { Selected } from '../tags/select.ts'
import type { Outcome } from './outcome.ts'

export interface Follower {
  readonly stage: Stage
  readonly foldsCase: boolean
  /** null: nothing that can be read, see `fault`. */
  readonly pattern: Pattern | null
  readonly fault: string | null
  /** The one tag that is followed by its digest; null: a choice among the list. */
  readonly fixed: string | null
  /** It follows something else than the stage of this name did before: a new baseline, whatever the ledger knows. */
  readonly anew: boolean
  /** Newest version that was seen, also by the process before this one. */
  seen: Version | null
  /** Of the last look; null: none yet. */
  outcome: Outcome | null
  checkedAt: Instant | null
  /** What this process saw is being written down. */
  noting: boolean
  /** What was chosen from which list. */
  choice: Choice | null
  /** What the engine was last told to look at. */
  told: string | null
}

/** Holds for as long as list and deployed tag are the same. */
export interface Choice {
  readonly checksum: Digest
  readonly current: string | null
  readonly selected: Exclude<Selected, { is: 'needs' }>
  /** Of the chosen tag, where the list tells. */
  readonly digest: Digest | null
  readonly at: Instant | null
}

export function createFollower(stage: Stage, { foldsCase, anew }: { foldsCase: boolean; anew: boolean }): Follower {
  const parsed = parsePattern(stage.selection.tags)
  const pattern = 'fault' in parsed ? null : parsed.pattern
  return {
    stage,
    foldsCase,
    pattern,
    fault: 'fault' in parsed ? parsed.fault : null,
    fixed: pattern && fixedTag(pattern, { foldsCase }),
    anew,
    seen: null,
    outcome: null,
    checkedAt: null,
    noting: false,
    choice: null,
    told: null,
  }
}

/** Whether a push to the tag can be news to it. null: a push to some tag. */
export function follows({ pattern, fixed, foldsCase }: Follower, tag: string | null): boolean {
  if (tag === null) return true
  if (fixed !== null) return folded(fixed, foldsCase) === folded(tag, foldsCase)
  return pattern !== null && matches(pattern, tag, { foldsCase })
}

export function folded(tag: string, foldsCase: boolean): string {
  return foldsCase ? tag.toLowerCase() : tag
}

/** Another answer: what is followed is something else. */
export function followed({ registry, image, selection, platform }: Stage): string {
  return JSON.stringify([registry, image, selection.tags, selection.strategy, selection.range, platform])
}
