/**
 * When is something that was not seen believed to be gone? Pure. The rules are invariants 1 and 2 of
 * ARCHITECTURE.md; everything that is removed anywhere was first judged here.
 */
import type { Instant, Ms } from '../kernel/clock.ts'
import type { Scope } from './scope.ts'
import { scopesAbove } from './scope.ts'
import type { Trouble } from './source.ts'

/**
 * What a pass saw of a scope. `partial`: only the keys that were asked for. `unseen`: not looked at in
 * this pass, or not to its end.
 */
export type Sight = 'complete' | 'unchanged' | 'delta' | 'partial' | 'unseen'

export type Absence = 'vouched' | { readonly looks: number; readonly apart: Ms }

/** What the ledger remembers of earlier looks that did not see the thing. */
export interface Missed {
  readonly missedAt: Instant | null
  readonly misses: number
}

export type Verdict =
  /** Believed gone. */
  | { readonly is: 'gone' }
  /** Not seen; to be confirmed by a look at or after `confirmAt`. */
  | { readonly is: 'missed'; readonly missedAt: Instant; readonly misses: number; readonly confirmAt: Instant }

/** One more look did not see it. */
export function judgeMiss(missed: Missed, absence: Absence, now: Instant): Verdict {
  if (absence === 'vouched') return { is: 'gone' }
  // A clock that went back must not make an old miss look older than it is.
  const missedAt = missed.missedAt === null || missed.missedAt > now ? now : missed.missedAt
  const misses = missed.missedAt === null || missed.missedAt > now ? 1 : missed.misses + 1
  const confirmAt = missedAt + absence.apart
  if (misses >= absence.looks && now >= confirmAt) return { is: 'gone' }
  return { is: 'missed', missedAt, misses, confirmAt: Math.max(confirmAt, now) }
}

/**
 * Whether a pass saw a scope and every known scope above it whole. A delta adds to what is known whole
 * already, and the other side vouches for it.
 */
export function seenWhole(
  scope: Scope,
  sightOf: (scope: Scope) => Sight | undefined,
  known: ReadonlySet<Scope>,
): boolean {
  if (!whole(sightOf(scope))) return false
  return scopesAbove(scope).every((above) => !known.has(above) || whole(sightOf(above)))
}

function whole(sight: Sight | undefined): boolean {
  return sight === 'complete' || sight === 'unchanged' || sight === 'delta'
}

/** Whether a trouble names the key or where it was read. */
export function createShield(troubles: readonly Trouble[]): (row: { key: string; origin: string | null }) => boolean {
  const keys = new Set<string>()
  const origins = new Set<string>()
  for (const trouble of troubles) {
    if ('key' in trouble) keys.add(trouble.key)
    if ('origin' in trouble) origins.add(trouble.origin)
  }
  return (row) => keys.has(row.key) || (row.origin !== null && origins.has(row.origin))
}
