/**
 * Slots by the time of their registration, then type, then id: the order of lists, and the same in every process and
 * after every start, which that of the slots is not. What came since it was last asked for is sorted in then: nearly
 * always it belongs to the end.
 */
import type { Instant } from '../../../kernel/clock.ts'
import type { AllColumns } from './columns.ts'
import type { Ids } from './ids.ts'
import { gone, type Slot } from './roster.ts'

/** Where a service stands in lists, whether it is still there or not. */
export interface Standing {
  readonly registeredAt: Instant
  /** Index into serviceTypes. */
  readonly type: number
  readonly id: string
}

export interface Order {
  /** The oldest first, those that are gone among them. Good until anything is learnt or forgotten. */
  slots(): Int32Array
  /** Sorts in what came if that is cheap, as it is for what comes nearly in order; false: it is left for `slots`. */
  settle(): boolean
  /** How many stand before this one. */
  before(standing: Standing): number
  /** How many stand before it or are it. */
  upTo(standing: Standing): number
  compare(a: Slot, b: Slot): number
  /** Below 0: this slot stands before. */
  compareTo(slot: Slot, standing: Standing): number
  standingOf(slot: Slot): Standing
  /** The time of one that was sorted in before is another. */
  disturb(): void
  /** One is gone. */
  drop(): void
  bytes(): number
}

/** A millisecond. */
const cheapMoves = 20_000

export function createOrder(columns: AllColumns, ids: Ids, end: () => Slot): Order {
  let sorted = new Int32Array(1_024)
  let size = 0
  /** All slots below are in. */
  let upTo: Slot = 0
  let dropped = 0
  let disturbed = false

  function compare(a: Slot, b: Slot): number {
    return columns.registeredAt[a]! - columns.registeredAt[b]! || ids.typeOf(a) - ids.typeOf(b) || ids.compare(a, b)
  }

  function slots(): Int32Array {
    if (disturbed || (dropped > 1_000 && dropped > size / 2)) startAnew()
    if (upTo < end()) takeIn(Number.POSITIVE_INFINITY)
    return sorted.subarray(0, size)
  }

  function settle(): boolean {
    return !disturbed && takeIn(cheapMoves)
  }

  function startAnew(): void {
    disturbed = false
    size = upTo = dropped = 0
  }

  /** False: more than `most` of those that are in would have to move, and nothing was done. */
  function takeIn(most: number): boolean {
    const to = end()
    if (size + to - upTo > sorted.length) {
      const more = new Int32Array(Math.max(2 * sorted.length, size + to - upTo))
      more.set(sorted)
      sorted = more
    }
    let count = size
    let inOrder = true
    for (let slot = upTo; slot < to; slot++) {
      if (columns.type[slot] === gone) continue
      if (inOrder && count > 0 && compare(sorted[count - 1]!, slot) > 0) inOrder = false
      sorted[count++] = slot
    }
    if (!inOrder) {
      const added = sorted.subarray(size, count).toSorted(compare)
      if (size > most && compare(sorted[size - most - 1]!, added[0]!) > 0) return false
      merge(added)
    }
    size = count
    upTo = to
    return true
  }

  /** Moves up what belongs behind each of these, from the last one on. */
  function merge(added: Int32Array): void {
    let old = size - 1
    let at = size + added.length - 1
    for (let next = added.length - 1; next >= 0; at--) {
      if (old >= 0 && compare(sorted[old]!, added[next]!) > 0) sorted[at] = sorted[old--]!
      else sorted[at] = added[next--]!
    }
  }

  function compareTo(slot: Slot, { registeredAt, type, id }: Standing): number {
    return columns.registeredAt[slot]! - registeredAt || ids.typeOf(slot) - type || ids.compareTo(slot, id)
  }

  /** How many compare to it as this or less. */
  function countTo(standing: Standing, most: number): number {
    const list = slots()
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareTo(list[middle]!, standing) <= most) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    slots,
    settle,
    before: (standing) => countTo(standing, -Number.MIN_VALUE),
    upTo: (standing) => countTo(standing, 0),
    compare,
    compareTo,
    standingOf: (slot) => ({
      registeredAt: columns.registeredAt[slot]!,
      type: ids.typeOf(slot),
      id: ids.textOf(slot),
    }),
    disturb: () => {
      disturbed = true
    },
    drop: () => {
      dropped += 1
    },
    bytes: () => sorted.byteLength,
  }
}
