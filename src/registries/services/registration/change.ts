/** What transitions of one and of many have in common: rows, the write, and what memory takes of it. */
import type { Stored } from '../../../engine/journal.ts'
import type { Trigger } from '../lifecycle.ts'
import type { Slot } from '../roster/roster.ts'
import type { ServiceRow } from '../tables.ts'
import type { Ground } from './ground.ts'
import type { TransitOptions } from './registrations.ts'
import { readsRow, type Step } from './steps.ts'

/** Facts of one commit: more would hold up those of others. */
export const mostAtOnce = 2_000

/** In the order of the services; null: the trigger is decided on what memory has. */
export type Rows = readonly (Stored<ServiceRow> | null)[] | null

export interface Change {
  /** What arrives below those that are held is there: also by way of other processes. */
  arrived(): Promise<void>
  rowsOf(members: readonly Slot[], trigger: Trigger): Promise<Rows>
  /** The steps that were written, and are in memory; of an atomic write all or none. */
  write(steps: readonly Step[], options: TransitOptions, atomic: boolean): Promise<readonly Step[]>
}

export function createChange({ roster, ledger, liveness, transited, arrivals }: Ground): Change {
  function known({ slot, ref, from, to, firstSeen }: Step, at: number, seq: number): void {
    if (to === 'gone') ledger.forget(slot, ref, seq)
    else {
      roster.turn(slot, to, at, firstSeen, seq)
      liveness.changed(slot)
    }
    transited(ref.type, from, to)
  }

  return {
    async arrived() {
      if (ledger.shared) await ledger.follow()
      // Those that begin later find their parent held.
      await Promise.all(arrivals)
      await ledger.sure()
    },
    async rowsOf(members, trigger) {
      if (!readsRow(trigger)) return null
      return await ledger.read(members.map((slot) => ({ type: roster.typeOf(slot), id: roster.idOf(slot) })))
    },
    async write(steps, { at, fence }, atomic) {
      const facts = steps.map(({ fact }) => fact)
      const about = () => steps.map(({ ref }) => ref)
      const results = await ledger.commit(facts, about, { atomic, ...(fence && { fence }) })
      const written: Step[] = []
      for (const [n, seq] of results.entries()) {
        if (seq === 'conflict') continue
        if (typeof seq === 'number') known(steps[n]!, at, seq)
        written.push(steps[n]!)
      }
      return written
    },
  }
}
