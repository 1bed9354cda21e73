/** Why a version waits, for a person, and what lets it go. */
import { reasons, type Reason } from '../../../engine/reason.ts'
import type { StageKey } from '../model.ts'

interface Words {
  readonly why: string
  /** A command without `regista images`; null: it passes by itself. */
  readonly next: ((key: StageKey) => string) | null
}

const deploy = (key: StageKey) => `deploy ${key}`
const force = (key: StageKey) => `deploy ${key} --force`

const own: Readonly<Record<string, Words>> = {
  'baseline': {
    why: 'it was the newest already when the stage was first looked at; only a newer one goes by itself',
    next: deploy,
  },
  'never-down': { why: 'it is older than what runs there', next: deploy },
  'approval': { why: 'it waits to be approved', next: (key) => `approve ${key}` },
  'paused': { why: 'the stage is paused', next: (key) => `resume ${key}` },
  'window': { why: 'it is outside of the maintenance windows', next: force },
  'first-sight': { why: 'something that we did not deploy runs there', next: deploy },
  'drift-reported': { why: 'somebody else has deployed something there since', next: deploy },
  'outcome-unknown': {
    why: 'it was begun, and nobody can tell whether it was done: look there, then say so',
    next: force,
  },
  'contested': {
    why: 'somebody else keeps putting something else there; it is tried less and less often',
    next: force,
  },
}

export function whyHeld(reason: Reason): string {
  return own[reason]?.why ?? (reasons as Readonly<Record<string, string>>)[reason] ?? reason
}

/** The next step of a person. */
export function nextOf(reason: Reason, key: StageKey, id: string): string {
  const words = own[reason]
  if (words === undefined) return `regista release ${id}`
  return words.next === null ? 'nothing: it passes by itself' : `regista images ${words.next(key)}`
}
