/**
 * A lazy hashed timing wheel over slots: who is to be looked at when, in ticks. Setting costs O(1), and a heartbeat
 * sets nothing: a slot that comes up is looked at, and set anew where it was heard of since. What is due later than a
 * turn of the wheel comes up once a turn, and is set again.
 *
 * Doubly linked lists in two arrays: 8 bytes a slot.
 */
import { grownInts, roomFor } from './columns.ts'
import type { Slot } from '../roster/roster.ts'

/** 68 minutes of seconds. */
const buckets = 4_096

export interface Wheel {
  /** Comes up at this tick, or soon after where that has passed; replaces when it would have. */
  set(slot: Slot, tick: number): void
  unset(slot: Slot): void
  /**
   * Hands out those that come up until `tick`, at most `most` of them; each is unset by then. False: there are more,
   * call again.
   */
  turn(tick: number, most: number, due: (slot: Slot) => void): boolean
  /** The next tick to come up; before the first turn it goes where it is told. */
  resume(tick: number): void
}

export function createWheel(room = 1_024): Wheel {
  /** First slot of each bucket, plus 1; 0: none. */
  const heads = new Int32Array(buckets)
  /** The next slot, plus 1; 0: none. */
  let next = new Int32Array(room)
  /** The one before, plus 1; of the first the bucket as −1 − bucket; 0: it is not set. */
  let before = new Int32Array(room)
  let current = 0

  function set(slot: Slot, tick: number): void {
    if (slot >= next.length) grow(slot)
    else unset(slot)
    // Not into the bucket behind: that is the one being emptied while a turn goes on.
    const bucket = Math.min(Math.max(tick, current), current + buckets - 2) & (buckets - 1)
    const head = heads[bucket]!
    next[slot] = head
    before[slot] = -1 - bucket
    if (head !== 0) before[head - 1] = slot + 1
    heads[bucket] = slot + 1
  }

  function unset(slot: Slot): void {
    if (slot >= next.length) return
    const at = before[slot]!
    if (at === 0) return
    const after = next[slot]!
    if (at < 0) heads[-1 - at] = after
    else next[at - 1] = after
    if (after !== 0) before[after - 1] = at
    before[slot] = 0
  }

  function grow(slot: Slot): void {
    const length = roomFor(slot, next.length)
    next = grownInts(next, length)
    before = grownInts(before, length)
  }

  return {
    set,
    unset,
    turn(tick, most, due) {
      let left = most
      while (current <= tick) {
        const bucket = current & (buckets - 1)
        // What `due` sets for now or before would come up for ever: it may not come up before the next tick.
        current += 1
        for (let head = heads[bucket]!; head !== 0; head = heads[bucket]!) {
          if (left === 0) {
            current -= 1
            return false
          }
          left -= 1
          unset(head - 1)
          due(head - 1)
        }
      }
      return true
    },
    resume(tick) {
      current = tick
    },
  }
}
