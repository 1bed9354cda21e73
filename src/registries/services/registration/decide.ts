/** Decides at once, on what memory has, what becomes of each of a batch; nothing is written here. */
import type { Instant } from '../../../kernel/clock.ts'
import type { AppError } from '../../../kernel/errors.ts'
import { parentType, serviceTypes, type ServiceRef, type ServiceType } from '../model.ts'
import { noSlot, type Slot } from '../roster/roster.ts'
import { newRow, pollerAbove, type DraftRow } from './facts.ts'
import type { Ground } from './ground.ts'
import { isOfOther, otherPoller, parentFault, parentMissing, parentOfPoller } from './parents.ts'
import type { Asked, By, Registered } from './registrations.ts'

/** One that is about to be written. */
export interface Arrival {
  readonly index: number
  readonly row: DraftRow
  /** Poller above; '' of a poller itself. */
  readonly poller: string
  /** Of the round that writes it. */
  readonly round: Round
}

export interface Round {
  readonly done: Promise<void>
  /** Written together; each alone after a conflict. */
  readonly together: boolean
  readonly arrivals: Arrival[]
  /** Parents that must not have moved, where others write, too. */
  readonly parents: Map<Slot, ServiceRef>
  /** Registered already. */
  readonly existing: number[]
  /** Wait for what others are changing. */
  readonly later: number[]
  readonly blockers: Set<Promise<unknown>>
  /** Something is wrong by what was known so far: read what others wrote, and decide anew. */
  follows: boolean
}

/** A parent, decided on. */
type Above =
  | { readonly is: 'fine'; readonly poller: string }
  | { readonly is: 'wrong'; readonly fault: AppError }
  | { readonly is: 'busy'; readonly until: Promise<unknown> | null }

/** Of pollers. */
const nobody: Above = { is: 'fine', poller: '' }

export interface Call {
  readonly asked: readonly Asked[]
  readonly by: By
  readonly at: Instant
  readonly seenAt: Instant | undefined
  readonly results: (Registered | AppError)[]
  /** A condition did not hold: from now on each is written alone. */
  conflicted: boolean
  /** What others wrote was read since it was asked. */
  followed: boolean
}

/** On their way, by type and id. */
export type Arriving = Readonly<Record<ServiceType, Map<string, Arrival>>>

export function createDecide(
  { roster, ledger, turns }: Pick<Ground, 'roster' | 'ledger' | 'turns'>,
  arriving: Arriving,
): (call: Call, round: Round, left: readonly number[]) => void {
  /** The parent's place is decided once for all children that follow each other. */
  function aboveOf(call: Call, round: Round, one: Asked): Above {
    if (one.type === 'poller') {
      if (one.parent === '') return nobody
      return { is: 'wrong', fault: parentOfPoller(one, one.parent) }
    }
    if (one.parent === '') return { is: 'wrong', fault: parentMissing(one) }
    const type = parentType(one.type)!
    const slot = roster.find(type, one.parent)
    if (slot === noSlot) return aboveArriving(call, round, one, type)
    const until = turns.busy(slot)
    if (until !== undefined) return { is: 'busy', until }
    const fault = parentFault(one, one.parent, roster.statusOf(slot))
    if (fault !== null) return { is: 'wrong', fault }
    if (ledger.shared) round.parents.set(slot, { type, id: one.parent })
    return { is: 'fine', poller: one.type === 'agent' ? one.parent : pollerAbove(roster, slot) }
  }

  function aboveArriving(call: Call, round: Round, one: Asked, type: ServiceType): Above {
    const arrival = arriving[type].get(one.parent)
    if (arrival !== undefined) {
      if (arrival.round !== round || !round.together) return { is: 'busy', until: arrival.round.done }
      return { is: 'fine', poller: one.type === 'agent' ? one.parent : arrival.row.parent }
    }
    const waits = round.later.some((at) => call.asked[at]!.id === one.parent && call.asked[at]!.type === type)
    if (waits) return { is: 'busy', until: null }
    return { is: 'wrong', fault: parentFault(one, one.parent, null)! }
  }

  function decide(call: Call, round: Round, index: number, above: Above): void {
    const one = call.asked[index]!
    if (above.is === 'wrong' && call.followed) call.results[index] = above.fault
    else if (above.is === 'wrong') {
      // Its parent may have been registered by way of another process just now.
      round.later.push(index)
      round.follows = true
    } else if (above.is === 'busy') {
      round.later.push(index)
      if (above.until !== null) round.blockers.add(above.until)
    } else {
      const { poller } = above
      if (isOfOther(one, poller)) {
        call.results[index] = otherPoller(one, one.parent, poller, one.poller!)
        return
      }
      const at = call.seenAt === undefined ? call.at : Math.min(call.at, call.seenAt)
      const arrival = { index, row: newRow(one, call.by, at), poller, round }
      round.arrivals.push(arrival)
      arriving[one.type].set(one.id, arrival)
    }
  }

  return (call, round, left) => {
    let last: Asked | null = null
    let lastAbove: Above | null = null
    for (const type of serviceTypes) {
      for (const index of left) {
        const one = call.asked[index]!
        if (one.type !== type) continue
        if (roster.find(type, one.id) !== noSlot) {
          round.existing.push(index)
          continue
        }
        const other = arriving[type].get(one.id)
        if (other !== undefined) {
          round.later.push(index)
          round.blockers.add(other.round.done)
          continue
        }
        const same = last !== null && last.type === type && last.parent === one.parent && type !== 'poller'
        if (!same) lastAbove = aboveOf(call, round, one)
        // What is wrong names the child.
        else if (lastAbove!.is === 'wrong') lastAbove = aboveOf(call, round, one)
        last = one
        decide(call, round, index, lastAbove!)
      }
    }
  }
}
