import { refText } from '../model.ts'
import type { Roster, Slot } from '../roster/roster.ts'

/** How jobs name a service in results and logs: `agent/edge-1`. */
export function nameOf(roster: Pick<Roster, 'typeOf' | 'idOf'>, slot: Slot): string {
  return refText({ type: roster.typeOf(slot), id: roster.idOf(slot) })
}

/** Of longer lists results show the beginning, and the count of all. */
export const mostShown = 100
