/**
 * What is known of each service's heartbeats, by slot. The four numbers that a heartbeat reads and writes stand beside
 * each other, half a line of the cache, so that it costs one miss in a million services.
 */
import type { Slot } from '../roster/roster.ts'

/** Numbers of one slot. */
export const stride = 4
/** Wall time; 0: never. */
export const lastSeenAt = 0
/** Lease clock, rounded up to its next tick; 0: never. */
export const heardAt = 1
/** Hash of the boot id; 0: never said. */
export const bootAt = 2
/** The last sequence of this boot, plus 1; 0: never said. */
export const sequenceAt = 3

/** It is active, and its silence is watched. */
export const tracked = 1
export const late = 2
export const overdue = 4
/** It said how it is … */
export const healthSaid = 8
/** … and that it is well. */
export const healthy = 16
/** Noted as turned late or well since watchers were last told. */
export const noted = 32
/** Two senders take turns under its id, and that was told. */
export const duplicated = 64
/** It stands in the list of those overdue, whether or not it still is. */
export const listed = 128

export interface BeatColumns {
  /** Others after growth: read it anew each time. */
  beats: Float64Array
  flags: Uint8Array
  /** Makes room for this slot. */
  ensure(slot: Slot): void
}

export function createBeatColumns(room = 1_024): BeatColumns {
  const columns: BeatColumns = {
    beats: new Float64Array(stride * room),
    flags: new Uint8Array(room),
    ensure(slot) {
      const { beats, flags } = columns
      if (slot < flags.length) return
      const length = roomFor(slot, flags.length)
      columns.beats = new Float64Array(stride * length)
      columns.beats.set(beats)
      columns.flags = new Uint8Array(length)
      columns.flags.set(flags)
    },
  }
  return columns
}

/** A half more than there was: twice would leave a fourth of the memory unused on average. */
export function roomFor(slot: Slot, length: number): number {
  return Math.max(slot + 1, length + (length >>> 1), 1_024)
}

/** The same numbers in a longer array. */
export function grownInts(old: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const more = new Int32Array(length)
  more.set(old)
  return more
}
