/** What the parts of this room share. */
import type { Ms } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Seen, ServiceStatus, ServiceType } from '../model.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import type { Ledger } from './ledger.ts'
import type { Turns } from './turns.ts'

export interface Ground {
  readonly roster: Roster
  readonly ledger: Ledger
  readonly turns: Turns
  readonly arrivals: Arrivals
  /** What registrations need of liveness. */
  readonly liveness: LivenessPart
  /** Time within which a deleted one can be brought back. */
  readonly grace: Ms
  /** Its row is no longer in the ledger. */
  readonly isGone: (slot: Slot) => boolean
  /** After each own transition. */
  readonly transited: (type: ServiceType, from: ServiceStatus, to: ServiceStatus | 'gone') => void
}

export interface LivenessPart {
  changed(slot: Slot): void
  seen(slot: Slot): Pick<Seen, 'lastSeen'>
}

/** Commits of registrations that are on their way: whose slots nobody knows yet. */
export type Arrivals = Set<Promise<void>>

/** So often is decided anew what others keep changing in between. */
export const mostRounds = 50

export function tooOften(): AppError {
  return new AppError('request.conflict', 'Others keep changing it at the same time; ask again.')
}

/** Rejects after all have ended: what the others did is known by then. */
export async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(promises)
  const failed = ended.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return ended.map((one) => (one as PromiseFulfilledResult<T>).value)
}
