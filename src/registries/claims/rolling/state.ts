/** What is known of our branch and request, as it is kept with the target's row (`owed`) while anything waits. */
import { z } from 'zod'
import type { Digest } from '../../../kernel/digest.ts'
import type { Json } from '../../../kernel/json.ts'

/**
 * unknown  nothing is known: a branch of an earlier life may be there
 * none     there is none of ours
 * making   the newest commit was made; whether the branch moved, and whether the request says so, is not known
 * made     branch and request say `content`
 */
export interface RollState {
  readonly phase: 'unknown' | 'none' | 'making' | 'made'
  /** Ours that the branch may stand at, newest first. */
  readonly commits: readonly string[]
  /** The commit of the base that the newest one follows, and the file that it changes there. */
  readonly on: string | null
  readonly blob: string | null
  /** What is proposed, or was to be. */
  readonly content: Digest | null
  readonly request: number | null
  /** Our request was closed unmerged, with this content. */
  readonly snoozed: Digest | null
  /** Somebody else's commit that the branch stands at. */
  readonly foreign: string | null
  /** The request in which we said that this stops us. */
  readonly told: number | null
}

export const blankState: RollState = {
  phase: 'unknown',
  commits: [],
  on: null,
  blob: null,
  content: null,
  request: null,
  snoozed: null,
  foreign: null,
  told: null,
}

export const clearedState: RollState = { ...blankState, phase: 'none' }

const schema = z.object({
  phase: z.enum(['unknown', 'none', 'making', 'made']),
  commits: z.array(z.string()),
  on: z.string().nullable(),
  blob: z.string().nullable(),
  content: z.string().nullable(),
  request: z.int().nullable(),
  snoozed: z.string().nullable(),
  foreign: z.string().nullable(),
  told: z.int().nullable(),
})

/** What another version wrote is nothing that is known. */
export function readState(owed: Json): RollState {
  const read = schema.safeParse(owed)
  return read.success ? read.data : blankState
}
