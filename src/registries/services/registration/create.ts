/** Puts the parts of registration together. */
import type { Journal } from '../../../engine/journal.ts'
import type { Clock } from '../../../kernel/clock.ts'
import type { Logger } from '../../../kernel/logger.ts'
import type { ServicesConfig } from '../config.ts'
import type { Roster, Slot } from '../roster/roster.ts'
import { createChange } from './change.ts'
import { createEdit } from './edit.ts'
import { createFollowing } from './follow.ts'
import type { Ground, LivenessPart } from './ground.ts'
import { createLedger } from './ledger.ts'
import { createRegister } from './register.ts'
import type { Registrations } from './registrations.ts'
import { createTransitAll } from './transit-all.ts'
import { createTransit } from './transit.ts'
import { createTurns } from './turns.ts'

/** `columns.type` of who is no longer in the ledger. */
const purged = 255

export interface RegistrationParts {
  readonly journal: Journal
  readonly roster: Roster
  readonly liveness: LivenessPart
  readonly config: { readonly jobs: { readonly purge: Pick<ServicesConfig['jobs']['purge'], 'deleted_after'> } }
  readonly clock: Clock
  readonly logger: Logger
  /** After each transition of this process, for counting. */
  readonly transited?: Ground['transited']
}

export function createRegistrations(parts: RegistrationParts): Registrations {
  const { journal, roster, liveness, config } = parts
  const ledger = createLedger({
    journal,
    roster,
    changed: (slot) => liveness.changed(slot),
  })
  const ground: Ground = {
    roster,
    ledger,
    turns: createTurns(),
    arrivals: new Set(),
    liveness,
    isGone: (slot) => roster.columns.type[slot] === purged,
    grace: config.jobs.purge.deleted_after,
    transited: parts.transited ?? (() => {}),
  }
  const change = createChange(ground)
  const following = createFollowing(parts, ledger)

  function below(slot: Slot): Slot[] {
    const found = [slot]
    // Grows while it is walked: children come behind their parents.
    for (const one of found) found.push(...roster.childrenOf(one))
    return found
  }

  return {
    register: createRegister(ground),
    transit: createTransit(ground, change, below),
    transitAll: createTransitAll(ground, change),
    edit: createEdit(ground),
    below,
    refOf: (slot) => ({ type: roster.typeOf(slot), id: roster.idOf(slot) }),
    follow: ledger.follow,
    load: ledger.load,
    start: following.start,
    stop: following.stop,
  }
}
