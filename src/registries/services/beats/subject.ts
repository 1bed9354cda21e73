/** A credential that belongs to a service speaks for it and for what is below it. */
import { parentType, refOf, type ServiceRef } from '../model.ts'
import { noSlot, type Roster, type Slot } from '../roster/roster.ts'
import type { Heartbeat } from './beats.ts'

export type Speaks = (subject: string, slot: Slot, beat: Heartbeat) => boolean

/** `slot`: of whom the heartbeat tells; where that is not registered, the parent it names decides. */
export function createSpeaks(roster: Roster): Speaks {
  // The same credential comes with each request of a service.
  let lastText = ''
  let last: ServiceRef | null = null
  const subjectOf = (text: string): ServiceRef | null => {
    if (text !== lastText) {
      last = refOf(text)
      lastText = text
    }
    return last
  }
  return (text, slot, beat) => {
    const subject = subjectOf(text)
    if (subject === null) return false
    if (subject.type === beat.type && subject.id === beat.id) return true
    const above = parentType(beat.type)
    if (above === null) return false
    if (slot === noSlot && subject.type === above && subject.id === beat.parent) return true
    let at = slot === noSlot ? roster.find(above, beat.parent) : roster.columns.parent[slot]!
    for (; at !== noSlot; at = roster.columns.parent[at]!) {
      if (roster.typeOf(at) === subject.type) return roster.isId(at, subject.id)
    }
    return false
  }
}
